#include "ops/family/ml/categories.h"

#include "base/integers.h"
#include "ops/family/types.h"

nn_key_kind nn_key_kind_of(nn_type type) {
    if (type == NNOPT_STRING) return NN_KEY_TEXT;
    return type == NNOPT_FLOAT || type == NNOPT_DOUBLE ? NN_KEY_REAL : NN_KEY_INT;
}

int64_t nn_category_int(const nn_category_list *list, int64_t index) {
    if (list->ints != NULL) return list->ints[index];
    return list->tensor != NULL ? nn_tensor_get_int(list->tensor, index) : index;
}

double nn_category_real(const nn_category_list *list, int64_t index) {
    return list->floats != NULL ? (double)list->floats[index] : nn_tensor_get(list->tensor, index);
}

const char *nn_category_text(const nn_category_list *list, int64_t index) {
    return list->texts != NULL ? list->texts[index].bytes
                               : ((const char *const *)list->tensor->data)[index];
}

nn_status nn_categories_prepare(nn_prepare *prepare, const nn_category_list *keys, bool last,
                                size_t size, size_t extra_bytes, void **state, void **extra) {
    int64_t key_bytes;
    size_t slot_bytes;
    if (!nn_lookup_bytes(keys->count, &slot_bytes) ||
        !nn_mul_size(keys->count, sizeof(int64_t), &key_bytes))
        return nn_fail_memory(SIZE_MAX);
    size_t keys_at = nn_aligned(size), slots_at = keys_at + nn_aligned((size_t)key_bytes);
    size_t extra_at = slots_at + nn_aligned(slot_bytes);
    char *memory = nn_prepare_state(prepare, extra_at + extra_bytes);
    if (memory == NULL) return nn_fail_memory(extra_at + extra_bytes);
    nn_lookup *lookup = (nn_lookup *)(void *)memory;
    lookup->kind = nn_key_kind_of(keys->type);
    void *copy = memory + keys_at;
    for (int64_t i = 0; i < keys->count; i++) {
        if (lookup->kind == NN_KEY_INT)
            ((int64_t *)copy)[i] = nn_category_int(keys, i);
        else if (lookup->kind == NN_KEY_REAL)
            ((double *)copy)[i] = nn_category_real(keys, i);
        else
            ((const char **)copy)[i] = nn_category_text(keys, i);
    }
    if (lookup->kind == NN_KEY_INT)
        lookup->ints = copy;
    else if (lookup->kind == NN_KEY_REAL)
        lookup->reals = copy;
    else
        lookup->texts = copy;
    nn_lookup_init(lookup, memory + slots_at, keys->count, last);
    *state = memory;
    if (extra != NULL) *extra = memory + extra_at;
    return NN_OK;
}

int64_t nn_categories_find(const nn_lookup *lookup, const nn_tensor *x, int64_t index) {
    switch (lookup->kind) {
    case NN_KEY_TEXT:
        return nn_lookup_text(lookup, ((const char *const *)x->data)[index]);
    case NN_KEY_REAL:
        return nn_lookup_real(lookup, nn_tensor_get(x, index));
    case NN_KEY_INT:
        return nn_lookup_int(lookup, nn_tensor_get_int(x, index));
    }
    return -1;
}
