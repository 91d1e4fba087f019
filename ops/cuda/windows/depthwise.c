/* Depthwise convolutions, a filter for each channel: bound by memory, which one kernel with all
 * that stands behind the sum passes through once. */
#include "ops/cuda/elements/element_host.h"
#include "ops/cuda/products/conv_kernels.h"
#include "ops/cuda/runtime/queue.h"
#include "ops/cuda/windows/depthwise_launch.h"
#include "ops/family/convolution.h"

#include <stdio.h>

enum { X, W, BIAS };

static bool is_float(nn_type type) {
    return type == NNOPT_FLOAT || type == NNOPT_FLOAT16 || type == NNOPT_BFLOAT16;
}

static nn_conv_geometry geometry_of(const nn_node_view *node) {
    return nn_conv_geometry_of(node, node->attrs, (nn_conv_inputs){X, W, BIAS});
}

/* The bias, unless the place is that of the residual. */
static const nn_fact *bias_of(const nn_node_view *node) {
    const nn_epilogue *epilogue = &node->epilogue;
    return nn_epilogue_adds(epilogue, BIAS) ? NULL : nn_view_in(node, BIAS);
}

static bool fits_axis(const nn_window_axis *axis) {
    return axis->in + axis->pad_begin + axis->pad_end <= INT32_MAX && axis->out <= INT32_MAX - 8;
}

static bool fits(const nn_conv_geometry *g) {
    const nn_window_axis *depth = &g->axes[NN_DEPTH];
    return g->groups > 1 && g->group_in_channels == 1 && g->group_out_channels == 1 &&
           depth->in == 1 && depth->out == 1 && depth->kernel == 1 && depth->pad_begin == 0 &&
           fits_axis(&g->axes[NN_HEIGHT]) && fits_axis(&g->axes[NN_WIDTH]);
}

static bool accepts(const nn_node_view *node, const nn_target *target) {
    const nn_epilogue *epilogue = &node->epilogue;
    const nn_fact *x = node->in[X], *w = node->in[W], *bias = bias_of(node);
    (void)target;
    if (x->rank < 3 || x->rank > 5 || !is_float(x->type) || !is_float(w->type)) return false;
    if (node->out[0]->type != x->type || w->constant == NULL) return false;
    if (bias != NULL && (bias->constant == NULL || !is_float(bias->type))) return false;
    if (epilogue->has_residual && node->in[epilogue->residual]->type != x->type) return false;
    const nn_conv_geometry geometry = geometry_of(node);
    return fits(&geometry);
}

/* [taps, channels] from [channels, 1, taps]. */
static nn_status pack_filters(const nn_node_view *node, const void *argument, void *out) {
    const nn_type *type = argument;
    const nn_tensor *from = node->in[W]->constant;
    const nn_conv_geometry g = geometry_of(node);
    for (int64_t tap = 0; tap < g.taps; tap++)
        for (int64_t channel = 0; channel < g.out_channels; channel++)
            nn_element_put(out, *type, tap * g.out_channels + channel,
                           nn_element_of(from, channel * g.taps + tap));
    return NN_OK;
}

static nn_status pack_bias(const nn_node_view *node, const void *argument, void *out) {
    const nn_tensor *from = node->in[BIAS]->constant;
    const int64_t count = nnopt_tensor_count(from);
    (void)argument;
    for (int64_t i = 0; i < count; i++) ((float *)out)[i] = nn_element_of(from, i);
    return NN_OK;
}

static nn_cuda_depthwise_axis axis_of(const nn_window_axis *axis) {
    return (nn_cuda_depthwise_axis){(int)axis->in,     (int)axis->out,      (int)axis->kernel,
                                    (int)axis->stride, (int)axis->dilation, (int)axis->pad_begin};
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *prepare) {
    const nn_conv_geometry g = geometry_of(node);
    const nn_type type = node->in[X]->type;
    const void *bias = NULL;
    char variant[48];
    (void)target;
    nn_cuda_depthwise *state = nn_prepare_state(prepare, sizeof *state);
    if (state == NULL) return nn_fail_memory(sizeof *state);
    *state = (nn_cuda_depthwise){
        .type = type,
        .batch = g.batch,
        .channels = g.out_channels,
        .height = axis_of(&g.axes[NN_HEIGHT]),
        .width = axis_of(&g.axes[NN_WIDTH]),
        .before = node->epilogue.before,
        .after = node->epilogue.after,
    };
    snprintf(variant, sizeof variant, "depthwise filters %s", nnopt_type_name(type));
    NN_TRY(nn_prepare_pack(prepare, 1u << W, variant,
                           nn_element_bytes(g.taps * g.out_channels, type), pack_filters, &type,
                           &state->w));
    if (bias_of(node) == NULL) return NN_OK;
    NN_TRY(nn_prepare_pack(prepare, 1u << BIAS, "depthwise bias",
                           nn_element_bytes(g.out_channels, NNOPT_FLOAT), pack_bias, NULL, &bias));
    state->bias = bias;
    return NN_OK;
}

static nn_status run(const nn_call *call) {
    nn_cuda_depthwise arguments = *(const nn_cuda_depthwise *)call->state;
    if (nnopt_tensor_count(call->out[0]) == 0) return NN_OK;
    arguments.x = call->in[X]->data;
    arguments.residual = nn_call_residual_data(call);
    arguments.y = call->out[0]->data;
    return nn_cuda_launched(call, nn_cuda_launch_depthwise(&arguments, call->queue->stream));
}

const nn_kernel nn_kernel_depthwise_cuda = {
    .name = "depthwise_cuda",
    .on_device = true,
    .mixes_types = true,
    .exactness = NN_ROUNDING,
    .layout = NN_LAYOUT_CHANNELS_LAST,
    .layout_inputs = 1u << X,
    .accepts = accepts,
    .prepare = prepare,
    .run = run,
};
