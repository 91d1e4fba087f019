#include "ops/cpu/kernels.h"
#include "ops/family/integer_convolution.h"

enum { X, W, X_ZERO, W_ZERO };

static const nn_conv_inputs inputs = {.x = X, .w = W, .bias = -1};

static nn_status infer(const nn_node_view *node) {
    const nn_fact *w = node->in[W];
    NN_TRY(nn_quant_check_8bit(node, X));
    NN_TRY(nn_quant_check_8bit(node, W));
    NN_TRY(nn_quant_check_zero(node, X, X_ZERO, NN_DIM_UNKNOWN));
    NN_TRY(nn_quant_check_zero(node, W, W_ZERO, w->rank > 0 ? w->dims[0] : NN_DIM_UNKNOWN));
    return nn_conv_infer(node, node->attrs, inputs, NNOPT_INT32);
}

static void cost(const nn_node_view *node, nn_cost *out) {
    nn_conv_cost(node, node->attrs, inputs, out);
}

static nn_status axes(const nn_node_view *node, nn_axis_relations *out) {
    return nn_conv_axes(node, node->attrs, inputs, out);
}

static nn_status run(const nn_call *call) {
    nn_integer_conv conv = {
        .geometry = nn_conv_geometry_of(call->node, call->node->attrs, inputs),
        .x = call->in[X],
        .w = call->in[W],
        .x_zero = nn_call_in(call, X_ZERO),
        .w_zero = nn_call_in(call, W_ZERO),
    };
    const nn_conv_geometry *g = &conv.geometry;
    int32_t *y = call->out[0]->data;
    for (int64_t n = 0; n < g->batch; n++)
        for (int64_t c = 0; c < g->out_channels; c++)
            for (int64_t i = 0; i < g->out_pixels; i++) *y++ = nn_integer_conv_sum(&conv, n, c, i);
    return NN_OK;
}

static const nn_kernel reference = {
    .name = "conv_integer_reference", .exactness = NN_EXACT, .run = run};

static const nn_kernel *const kernels[] = {NN_INT8_CONVOLUTIONS(conv_integer), &reference, NULL};

const nn_op nn_op_conv_integer = {
    .name = "ConvInteger",
    .domain = "",
    .since = 10,
    .min_inputs = 2,
    .max_inputs = 4,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(nn_conv_attrs),
    .parse = nn_conv_parse,
    .infer = infer,
    .cost = cost,
    .axes = axes,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
