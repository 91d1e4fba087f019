/* MaxPool, AveragePool and LpPool on a device. */
#include "ops/family/lp_pool.h"

#include "ops/cuda/runtime/queue.h"
#include "ops/cuda/windows/pool_launch.h"
#include "ops/family/types.h"

static bool fits(const nn_pool_geometry *g) {
    for (int i = 0; i < NN_MAX_SPATIAL; i++) {
        const nn_window_axis *axis = &g->axes[i];
        if (axis->in + axis->pad_begin + axis->pad_end + axis->dilation > INT32_MAX ||
            axis->out > INT32_MAX)
            return false;
    }
    return true;
}

static bool accepts_types(const nn_node_view *node, nn_type_set types) {
    const nn_fact *x = node->in[0];
    if (x->rank < 3 || x->rank > NN_MAX_SPATIAL + 2 || !nn_type_in(x->type, types)) return false;
    const nn_pool_geometry geometry = nn_pool_geometry_of(node);
    return nn_epilogue_is_empty(&node->epilogue) && fits(&geometry);
}

static bool accepts(const nn_node_view *node, const nn_target *target) {
    (void)target;
    return accepts_types(node, NN_TYPES_FLOAT);
}

static bool accepts_max(const nn_node_view *node, const nn_target *target) {
    (void)target;
    return accepts_types(node, NN_TYPES_FLOAT | NN_TYPE_BIT(NNOPT_INT8) | NN_TYPE_BIT(NNOPT_UINT8));
}

static nn_status run(const nn_call *call, nn_cuda_pooling pooling, double p) {
    const nn_pool_attrs *attrs = call->node->attrs;
    const nn_pool_geometry g = nn_pool_geometry_of(call->node);
    const nn_tensor *indices = nn_call_out(call, 1);
    nn_cuda_pool arguments = {
        .pooling = pooling,
        .type = call->in[0]->type,
        .channels_last = call->layout == NN_LAYOUT_CHANNELS_LAST,
        .batch = g.batch,
        .channels = g.channels,
        .in_pixels = g.in_pixels,
        .out_pixels = g.out_pixels,
        .count_include_pad = attrs->count_include_pad,
        .column_major = attrs->column_major,
        .p = p,
        .x = call->in[0]->data,
        .y = call->out[0]->data,
        .indices = indices != NULL ? indices->data : NULL,
    };
    for (int i = 0; i < NN_MAX_SPATIAL; i++) {
        const nn_window_axis *axis = &g.axes[i];
        arguments.axes[i] = (nn_cuda_pool_axis){
            (int)axis->in,       (int)axis->out,       (int)axis->kernel, (int)axis->stride,
            (int)axis->dilation, (int)axis->pad_begin, (int)axis->pad_end};
    }
    return nn_cuda_launched(call, nn_cuda_launch_pool(&arguments, call->queue->stream));
}

static nn_status run_max(const nn_call *call) {
    return run(call, NN_CUDA_POOL_MAX, 0);
}

static nn_status run_average(const nn_call *call) {
    return run(call, NN_CUDA_POOL_AVERAGE, 0);
}

static nn_status run_lp(const nn_call *call) {
    const nn_lp_pool_attrs *attrs = call->node->attrs;
    return run(call, NN_CUDA_POOL_LP, attrs->p);
}

#define POOL_KERNEL(symbol, accepts_function, run_function)                                        \
    static const nn_kernel symbol##_cuda = {                                                       \
        .name = #symbol "_cuda",                                                                   \
        .on_device = true,                                                                         \
        .exactness = NN_ROUNDING,                                                                  \
        .layout = NN_LAYOUT_ANY,                                                                   \
        .layout_inputs = 1,                                                                        \
        .accepts = accepts_function,                                                               \
        .run = run_function,                                                                       \
    };                                                                                             \
    const nn_kernel *const nn_cuda_##symbol##_kernels[] = {&symbol##_cuda, NULL};

POOL_KERNEL(max_pool, accepts_max, run_max)
POOL_KERNEL(average_pool, accepts, run_average)
POOL_KERNEL(lp_pool, accepts, run_lp)
