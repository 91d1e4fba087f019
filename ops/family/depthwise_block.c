#include "ops/family/depthwise_block.h"

#include "ops/family/infer.h"

nn_status nn_depthwise_block_parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    nn_depthwise_block_attrs *block = out;
    NN_TRY(nn_conv_parse(node, attrs, &block->depthwise));
    NN_TRY(nn_activation_chain_parse(node, attrs, &block->activations));
    if (block->activations.count != NN_BLOCK_ACTIVATIONS)
        return nn_view_fail(node, NN_BAD_INPUT, "%d activations, must be %d",
                            block->activations.count, NN_BLOCK_ACTIVATIONS);
    return NN_OK;
}

nn_epilogue nn_depthwise_block_behind_expand(const nn_depthwise_block_attrs *attrs) {
    const nn_activation *items = attrs->activations.items;
    return (nn_epilogue){.before = items[0], .after = items[1]};
}

nn_epilogue nn_depthwise_block_behind_depthwise(const nn_depthwise_block_attrs *attrs) {
    const nn_activation *items = attrs->activations.items;
    return (nn_epilogue){.before = items[2], .after = items[3]};
}

/* The depthwise convolution as a node of its own; its output fact is `y`. */
typedef struct depthwise_view {
    nn_fact x, y;
    const nn_fact *in[3];
    nn_fact *out[1];
    nn_node_view node;
} depthwise_view;

static const nn_conv_inputs inputs = {.x = 0, .w = 1, .bias = 2};

static void view_depthwise(const nn_node_view *node, depthwise_view *out) {
    const nn_fact *expand = nn_view_in(node, NN_BLOCK_EXPAND_W);
    out->x = *node->in[NN_BLOCK_X];
    out->x.constant = NULL;
    if (expand != NULL) out->x.dims[1] = expand->dims[0];
    out->y = (nn_fact){0};
    out->in[inputs.x] = &out->x;
    out->in[inputs.w] = nn_view_in(node, NN_BLOCK_W);
    out->in[inputs.bias] = nn_view_in(node, NN_BLOCK_BIAS);
    out->out[0] = &out->y;
    out->node = (nn_node_view){.name = node->name,
                               .op = node->op,
                               .opset = node->opset,
                               .in_count = 3,
                               .out_count = 1,
                               .in = out->in,
                               .out = out->out};
}

/* Weights [to, from, 1, 1] and bias [to] of a 1x1 convolution. */
static nn_status check_pointwise(const nn_node_view *node, int w_index, int64_t from) {
    const nn_fact *w = nn_view_in(node, w_index), *bias = nn_view_in(node, w_index + 1);
    if (w == NULL) return NN_OK;
    if (w->rank != 4 || w->dims[1] != from || w->dims[2] != 1 || w->dims[3] != 1)
        return nn_view_fail(node, NN_BAD_INPUT, "input %d is no 1x1 convolution of %lld channels",
                            w_index, (long long)from);
    if (bias != NULL && (bias->rank != 1 || bias->dims[0] != w->dims[0]))
        return nn_view_fail(node, NN_BAD_INPUT, "bias %d does not fit %lld channels", w_index + 1,
                            (long long)w->dims[0]);
    return NN_OK;
}

nn_status nn_depthwise_block_infer(const nn_node_view *node) {
    const nn_depthwise_block_attrs *attrs = node->attrs;
    const nn_fact *x = nn_view_in(node, NN_BLOCK_X), *w = nn_view_in(node, NN_BLOCK_W);
    const nn_fact *project = nn_view_in(node, NN_BLOCK_PROJECT_W);
    NN_TRY(nn_check_types(node, 0, -1, NN_TYPE_BIT(NNOPT_FLOAT)));
    if (x->rank != 4 || w->rank != 4)
        return nn_view_fail(node, NN_BAD_INPUT, "input and weights must have rank 4");
    NN_TRY(check_pointwise(node, NN_BLOCK_EXPAND_W, x->dims[1]));
    depthwise_view depthwise;
    view_depthwise(node, &depthwise);
    NN_TRY(nn_conv_infer(&depthwise.node, &attrs->depthwise, inputs, NNOPT_FLOAT));
    nn_fact *y = &depthwise.y;
    if (y->dims[1] != depthwise.x.dims[1] || attrs->depthwise.group != y->dims[1])
        return nn_view_fail(node, NN_BAD_INPUT, "%lld channels become %lld in %lld groups",
                            (long long)depthwise.x.dims[1], (long long)y->dims[1],
                            (long long)attrs->depthwise.group);
    NN_TRY(check_pointwise(node, NN_BLOCK_PROJECT_W, y->dims[1]));
    if (project != NULL) y->dims[1] = project->dims[0];
    return nn_set_output(node, 0, NNOPT_FLOAT, 4, y->dims);
}

nn_conv_geometry nn_depthwise_block_geometry(const nn_node_view *node) {
    const nn_depthwise_block_attrs *attrs = node->attrs;
    depthwise_view depthwise;
    view_depthwise(node, &depthwise);
    return nn_conv_geometry_of(&depthwise.node, &attrs->depthwise, inputs);
}

void nn_depthwise_block_cost(const nn_node_view *node, nn_cost *out) {
    const nn_fact *expand = nn_view_in(node, NN_BLOCK_EXPAND_W);
    const nn_fact *project = nn_view_in(node, NN_BLOCK_PROJECT_W);
    nn_conv_geometry g = nn_depthwise_block_geometry(node);
    const double channels = (double)(g.batch * g.out_channels);
    const double in = channels * (double)g.in_pixels, made = channels * (double)g.out_pixels;
    out->macs = made * (double)g.taps;
    if (expand != NULL) out->macs += in * (double)expand->dims[1];
    if (project != NULL) out->macs += made * (double)project->dims[0];
    out->flops = 2 * out->macs;
}
