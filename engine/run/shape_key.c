#include "engine/run/shape_key.h"

nn_status nn_shape_key_init(nn_shape_key *key, const nn_tensor *inputs, size_t input_count) {
    int64_t count = 0;
    for (size_t i = 0; i < input_count; i++) count += 2 + inputs[i].rank;
    key->count = count;
    key->words = NULL;
    if (count == 0) return NN_OK;
    key->words = nn_alloc((size_t)count * sizeof *key->words);
    if (key->words == NULL) return nn_fail_memory((size_t)count * sizeof *key->words);
    int64_t *word = key->words;
    for (size_t i = 0; i < input_count; i++) {
        *word++ = inputs[i].type;
        *word++ = inputs[i].rank;
        for (int axis = 0; axis < inputs[i].rank; axis++) *word++ = inputs[i].dims[axis];
    }
    return NN_OK;
}

void nn_shape_key_clear(nn_shape_key *key) {
    nn_free(key->words);
    *key = (nn_shape_key){0};
}

bool nn_shape_key_matches(const nn_shape_key *key, const nn_tensor *inputs, size_t input_count) {
    int64_t used = 0;
    for (size_t i = 0; i < input_count; i++) {
        const nn_tensor *input = &inputs[i];
        if (key->count - used < 2 + input->rank) return false;
        const int64_t *words = key->words + used;
        if (words[0] != input->type || words[1] != input->rank) return false;
        for (int axis = 0; axis < input->rank; axis++) {
            if (words[2 + axis] != input->dims[axis]) return false;
        }
        used += 2 + input->rank;
    }
    return used == key->count;
}
