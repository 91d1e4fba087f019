#include "ops/family/max_unpool.h"

#include "ops/family/dims.h"

nn_status nn_max_unpool_size(const nn_node_view *node, int axis, int64_t pooled, int64_t *out) {
    const nn_window_attrs *attrs = node->attrs;
    int64_t steps;
    *out = NN_DIM_UNKNOWN;
    if (!nn_dim_is_known(pooled)) return NN_OK;
    if (!nn_mul_size(pooled > 0 ? pooled - 1 : 0, attrs->stride[axis], &steps) ||
        !nn_add_size(steps, attrs->kernel[axis], &steps))
        return nn_view_fail(node, NN_BAD_INPUT, "axis %d is too large", axis + 2);
    *out = pooled > 0 ? steps - attrs->pad_begin[axis] - attrs->pad_end[axis] : 0;
    if (*out >= 0) return NN_OK;
    return nn_view_fail(node, NN_BAD_INPUT, "pads of axis %d leave a size of %lld", axis + 2,
                        (long long)*out);
}
