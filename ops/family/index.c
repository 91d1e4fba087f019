#include "ops/family/index.h"

/* Whether all lie in -size .. size-1: then neither index + size nor size - 1 - index has its highest
 * bit set. */
#define ALL_INSIDE(name, type)                                                                     \
    static bool name(const type *values, int64_t count, int64_t size) {                            \
        uint64_t bits = 0, below = (uint64_t)size, above = (uint64_t)size - 1;                     \
        for (int64_t i = 0; i < count; i++) {                                                      \
            uint64_t value = (uint64_t)(int64_t)values[i];                                         \
            bits |= (value + below) | (above - value);                                             \
        }                                                                                          \
        return bits >> 63 == 0;                                                                    \
    }
ALL_INSIDE(all_inside_32, int32_t)
ALL_INSIDE(all_inside_64, int64_t)

static bool all_inside(const nn_tensor *indices, int64_t count, int64_t size) {
    if (indices->type == NNOPT_INT64) return all_inside_64(indices->data, count, size);
    return indices->type == NNOPT_INT32 && all_inside_32(indices->data, count, size);
}

nn_status nn_check_indices(const nn_node_view *node, const nn_tensor *indices, int64_t size) {
    int64_t count = nn_tensor_count(indices);
    if (all_inside(indices, count, size)) return NN_OK;
    for (int64_t i = 0; i < count; i++) {
        int64_t index = nn_index_at(indices, i);
        if (index < -size || index >= size)
            return nn_view_fail(node, NN_BAD_INPUT, "index %lld is outside of an axis of size %lld",
                                (long long)index, (long long)size);
    }
    return NN_OK;
}

nn_status nn_check_constant_indices(const nn_node_view *node, int index, int64_t size) {
    const nn_tensor *indices = nn_view_constant(node, index);
    if (indices == NULL || !nn_dim_is_known(size)) return NN_OK;
    return nn_check_indices(node, indices, size);
}
