#include "ops/family/index.h"

nn_status nn_check_indices(const nn_node_view *node, const nn_tensor *indices, int64_t size) {
    int64_t count = nn_tensor_count(indices);
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
