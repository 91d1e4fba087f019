#include "ops/family/depthwise_block.h"

#include "ops/family/infer.h"

#include <string.h>

/* What a Conv calls its attributes, and what a block calls those of its first convolution. */
static const char *const expand_names[NN_BLOCK_EXPAND_ATTRS][2] = {
    {"auto_pad", "expand_auto_pad"}, {"dilations", "expand_dilations"},
    {"group", "expand_group"},       {"kernel_shape", "expand_kernel_shape"},
    {"pads", "expand_pads"},         {"strides", "expand_strides"},
};

/* The attributes that have a name of kind `from` (0: Conv, 1: block), under the other one. */
static int rename_attrs(const nn_attrs *attrs, int from, nn_attr *out) {
    int count = 0;
    for (int64_t i = 0; i < attrs->count; i++)
        for (int name = 0; name < NN_BLOCK_EXPAND_ATTRS && count < NN_BLOCK_EXPAND_ATTRS; name++)
            if (strcmp(attrs->items[i].name, expand_names[name][from]) == 0) {
                out[count] = attrs->items[i];
                out[count++].name = expand_names[name][1 - from];
            }
    return count;
}

int nn_depthwise_block_expand_attrs(const nn_attrs *conv, nn_attr *out) {
    return rename_attrs(conv, 0, out);
}

nn_status nn_depthwise_block_parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    nn_depthwise_block_attrs *block = out;
    nn_attr items[NN_BLOCK_EXPAND_ATTRS];
    const nn_attrs expand = {items, rename_attrs(attrs, 1, items)};
    NN_TRY(nn_conv_parse(node, attrs, &block->depthwise));
    NN_TRY(nn_conv_parse(node, &expand, &block->expand));
    int64_t in_planes;
    NN_TRY(nn_attrs_int(attrs, "in_planes", 0, &in_planes));
    block->in_planes = in_planes != 0;
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

/* One of the convolutions as a node of its own; its output fact is `y`. */
typedef struct conv_view {
    nn_fact x, y;
    const nn_fact *in[3];
    nn_fact *out[1];
    nn_node_view node;
} conv_view;

static const nn_conv_inputs inputs = {.x = 0, .w = 1, .bias = 2};

/* Weights and bias are these inputs of the block. */
static void view_conv(const nn_node_view *node, const nn_fact *x, int w, int bias, conv_view *out) {
    out->x = *x;
    out->x.constant = NULL;
    out->y = (nn_fact){0};
    out->in[inputs.x] = &out->x;
    out->in[inputs.w] = nn_view_in(node, w);
    out->in[inputs.bias] = nn_view_in(node, bias);
    out->out[0] = &out->y;
    out->node = (nn_node_view){.name = node->name,
                               .op = node->op,
                               .opset = node->opset,
                               .in_count = 3,
                               .out_count = 1,
                               .in = out->in,
                               .out = out->out};
}

static void view_expand(const nn_node_view *node, conv_view *out) {
    view_conv(node, nn_view_in(node, NN_BLOCK_X), NN_BLOCK_EXPAND_W, NN_BLOCK_EXPAND_BIAS, out);
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
    conv_view expand, depthwise;
    if (nn_view_in(node, NN_BLOCK_EXPAND_W) != NULL) {
        view_expand(node, &expand);
        NN_TRY(nn_conv_infer(&expand.node, &attrs->expand, inputs, NNOPT_FLOAT));
        if (attrs->expand.group != 1)
            return nn_view_fail(node, NN_BAD_INPUT, "the first convolution has %lld groups, not 1",
                                (long long)attrs->expand.group);
        x = &expand.y;
    }
    view_conv(node, x, NN_BLOCK_W, NN_BLOCK_BIAS, &depthwise);
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

nn_conv_geometry nn_depthwise_block_expand_geometry(const nn_node_view *node) {
    const nn_depthwise_block_attrs *attrs = node->attrs;
    conv_view expand;
    view_expand(node, &expand);
    return nn_conv_geometry_of(&expand.node, &attrs->expand, inputs);
}

nn_conv_geometry nn_depthwise_block_geometry(const nn_node_view *node) {
    const nn_depthwise_block_attrs *attrs = node->attrs;
    conv_view depthwise;
    nn_fact x = *nn_view_in(node, NN_BLOCK_X);
    if (nn_view_in(node, NN_BLOCK_EXPAND_W) != NULL) {
        const nn_conv_geometry g = nn_depthwise_block_expand_geometry(node);
        x.dims[1] = g.out_channels;
        x.dims[2] = g.axes[NN_HEIGHT].out;
        x.dims[3] = g.axes[NN_WIDTH].out;
    }
    view_conv(node, &x, NN_BLOCK_W, NN_BLOCK_BIAS, &depthwise);
    return nn_conv_geometry_of(&depthwise.node, &attrs->depthwise, inputs);
}

void nn_depthwise_block_cost(const nn_node_view *node, nn_cost *out) {
    const nn_fact *project = nn_view_in(node, NN_BLOCK_PROJECT_W);
    const nn_conv_geometry g = nn_depthwise_block_geometry(node);
    const double made = (double)(g.batch * g.out_channels) * (double)g.out_pixels;
    out->macs = made * (double)g.taps;
    if (nn_view_in(node, NN_BLOCK_EXPAND_W) != NULL) {
        const nn_conv_geometry expand = nn_depthwise_block_expand_geometry(node);
        out->macs += (double)(g.batch * g.out_channels) * (double)g.in_pixels *
                     (double)(expand.in_channels * expand.taps);
    }
    if (project != NULL) out->macs += made * (double)project->dims[0];
    out->flops = 2 * out->macs;
}
