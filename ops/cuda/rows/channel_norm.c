/* LRN and LpNormalization on a device. */
#include "ops/family/channel_norm.h"

#include "ops/cuda/rows/channel_norm_launch.h"
#include "ops/cuda/runtime/queue.h"
#include "ops/family/infer.h"
#include "ops/family/loops.h"

static bool accepts(const nn_node_view *node, const nn_target *target) {
    (void)target;
    return nn_epilogue_is_empty(&node->epilogue) && nn_type_in(node->in[0]->type, NN_TYPES_FLOAT);
}

static nn_status run_lrn(const nn_call *call) {
    const nn_lrn_attrs *attrs = call->node->attrs;
    const nn_tensor *in = call->in[0];
    const int axis = nn_physical_axis(call->layout, in->rank, 1);
    if (nn_tensor_count(in) == 0) return NN_OK;
    const int64_t before = (attrs->size - 1) / 2;
    const nn_cuda_lrn arguments = {
        .type = in->type,
        .outer = nn_dims_product(in->dims, 0, axis),
        .channels = in->dims[axis],
        .inner = nn_dims_product(in->dims, axis + 1, in->rank),
        .before = before,
        .after = attrs->size - 1 - before,
        .alpha = (double)attrs->alpha / (double)attrs->size,
        .beta = (double)attrs->beta,
        .bias = (double)attrs->bias,
        .x = in->data,
        .y = call->out[0]->data,
    };
    return nn_cuda_launched(call, nn_cuda_launch_lrn(&arguments, call->queue->stream));
}

static nn_status run_lp(const nn_call *call) {
    const nn_lp_normalization_attrs *attrs = call->node->attrs;
    const nn_tensor *in = call->in[0];
    int axis;
    NN_TRY(nn_check_axis(call->node, attrs->axis, in->rank, &axis));
    if (nn_tensor_count(in) == 0) return NN_OK;
    const nn_cuda_lp_normalize arguments = {
        .type = in->type,
        .squares = attrs->squares,
        .outer = nn_dims_product(in->dims, 0, axis),
        .size = in->dims[axis],
        .inner = nn_dims_product(in->dims, axis + 1, in->rank),
        .x = in->data,
        .y = call->out[0]->data,
    };
    return nn_cuda_launched(call, nn_cuda_launch_lp_normalize(&arguments, call->queue->stream));
}

static const nn_kernel lrn_cuda = {
    .name = "lrn_cuda",
    .on_device = true,
    .exactness = NN_ROUNDING,
    .layout = NN_LAYOUT_ANY,
    .layout_inputs = 1,
    .accepts = accepts,
    .run = run_lrn,
};

static const nn_kernel lp_normalization_cuda = {
    .name = "lp_normalization_cuda",
    .on_device = true,
    .exactness = NN_ROUNDING,
    .in_place = 1,
    .accepts = accepts,
    .run = run_lp,
};

const nn_kernel *const nn_cuda_lrn_kernels[] = {&lrn_cuda, NULL};
const nn_kernel *const nn_cuda_lp_normalization_kernels[] = {&lp_normalization_cuda, NULL};
