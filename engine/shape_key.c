#include "engine/shape_key.h"

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
    const int64_t *word = key->words, *end = key->words + key->count;
    for (size_t i = 0; i < input_count; i++) {
        if (end - word < 2 + inputs[i].rank) return false;
        if (*word++ != inputs[i].type || *word++ != inputs[i].rank) return false;
        for (int axis = 0; axis < inputs[i].rank; axis++) {
            if (*word++ != inputs[i].dims[axis]) return false;
        }
    }
    return word == end;
}
