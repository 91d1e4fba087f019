/* Any convolution, or transposed one, in a kernel of ours: a thread for each output, filters as
 * they lie in the model. For what no library runs; nothing is prepared, so that another kernel may
 * hand a node over to it. */
#include "ops/cuda/products/conv_general_launch.h"
#include "ops/cuda/products/conv_kernels.h"
#include "ops/cuda/runtime/queue.h"
#include "ops/family/conv_transpose.h"

enum { X, W, BIAS };

static bool is_float(nn_type type) {
    return type == NNOPT_FLOAT || type == NNOPT_FLOAT16 || type == NNOPT_BFLOAT16;
}

static bool accepts(const nn_node_view *node, const nn_target *target) {
    const nn_epilogue *epilogue = &node->epilogue;
    const nn_fact *bias = nn_view_in(node, BIAS);
    (void)target;
    return node->in[X]->rank >= 3 && node->in[X]->rank <= NN_MAX_SPATIAL + 2 &&
           is_float(node->in[X]->type) && is_float(node->in[W]->type) &&
           is_float(node->out[0]->type) && (bias == NULL || is_float(bias->type)) &&
           (!epilogue->has_residual || is_float(node->in[epilogue->residual]->type));
}

static nn_cuda_axis axis_of(const nn_window_axis *axis, bool is_transpose) {
    return (nn_cuda_axis){.x = is_transpose ? axis->out : axis->in,
                          .y = is_transpose ? axis->in : axis->out,
                          .kernel = axis->kernel,
                          .stride = axis->stride,
                          .dilation = axis->dilation,
                          .pad = axis->pad_begin};
}

static nn_status run(const nn_call *call, bool is_transpose) {
    const nn_node_view *node = call->node;
    const nn_epilogue *epilogue = &node->epilogue;
    const nn_conv_geometry g =
        is_transpose ? nn_conv_transpose_geometry_of(node)
                     : nn_conv_geometry_of(node, node->attrs, (nn_conv_inputs){X, W, BIAS});
    const nn_tensor *residual = nn_call_residual(call);
    const bool has_bias = !nn_epilogue_adds(epilogue, BIAS);
    const nn_tensor *bias = has_bias ? nn_call_in(call, BIAS) : NULL;
    nn_cuda_conv_general arguments = {
        .is_transpose = is_transpose,
        .batch = g.batch,
        .groups = g.groups,
        .in_channels = g.in_channels,
        .out_channels = g.out_channels,
        .x_type = call->in[X]->type,
        .w_type = call->in[W]->type,
        .y_type = call->out[0]->type,
        .x = call->in[X]->data,
        .w = call->in[W]->data,
        .y = call->out[0]->data,
        .before = epilogue->before,
        .after = epilogue->after,
    };
    for (int i = 0; i < NN_MAX_SPATIAL; i++) arguments.axes[i] = axis_of(&g.axes[i], is_transpose);
    if (bias != NULL) arguments.bias = bias->data, arguments.bias_type = bias->type;
    if (residual != NULL)
        arguments.residual = residual->data, arguments.residual_type = residual->type;
    return nn_cuda_launched(call, nn_cuda_launch_conv_general(&arguments, call->queue->stream));
}

static nn_status run_conv(const nn_call *call) {
    return run(call, false);
}

static nn_status run_transpose(const nn_call *call) {
    return run(call, true);
}

#define KERNEL(stem, run_function)                                                                 \
    const nn_kernel nn_kernel_##stem##_cuda = {                                                    \
        .name = #stem "_cuda",                                                                     \
        .on_device = true,                                                                         \
        .mixes_types = true,                                                                       \
        .exactness = NN_ROUNDING,                                                                  \
        .layout = NN_LAYOUT_CHANNELS_LAST,                                                         \
        .layout_inputs = 1u << X,                                                                  \
        .accepts = accepts,                                                                        \
        .run = run_function,                                                                       \
    };

KERNEL(conv, run_conv)
KERNEL(conv_transpose, run_transpose)
