/* FusedConv: activation(Conv(x, w, bias) + z). */
#include "ops/expansion.h"
#include "ops/family/activation.h"
#include "ops/family/axes.h"
#include "ops/family/convolution.h"
#include "ops/family/infer.h"

enum { X, W, BIAS, Z };

typedef struct fused_conv_attrs {
    nn_conv_attrs conv; /* first: the functions of Conv read it */
    nn_activation activation;
} fused_conv_attrs;

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    fused_conv_attrs *a = out;
    const float *numbers;
    const char *name;
    int64_t count;
    NN_TRY(nn_conv_parse(node, attrs, &a->conv));
    NN_TRY(nn_attrs_string(attrs, "activation", NULL, &name));
    NN_TRY(nn_attrs_floats(attrs, "activation_params", &numbers, &count));
    return nn_activation_of_fused(node, name, numbers, count, &a->activation);
}

static nn_status infer(const nn_node_view *node) {
    const nn_fact *z = nn_view_in(node, Z), *y = node->out[0];
    NN_TRY(nn_check_types(node, 0, -1, NN_TYPE_BIT(NNOPT_FLOAT) | NN_TYPES_HALF));
    NN_TRY(nn_op_conv.infer(node));
    if (z == NULL || z->rank < 0 || y->rank < 0) return NN_OK;
    bool fits = z->rank == y->rank;
    for (int i = 0; fits && i < z->rank; i++)
        fits = !nn_dim_is_known(z->dims[i]) || !nn_dim_is_known(y->dims[i]) ||
               z->dims[i] == y->dims[i];
    char text[128];
    if (fits) return NN_OK;
    return nn_view_fail(node, NN_BAD_INPUT, "input %d of shape %s must have the output's shape", Z,
                        nn_dims_text(z->dims, z->rank, text, sizeof text));
}

static void cost(const nn_node_view *node, nn_cost *out) {
    nn_op_conv.cost(node, out);
}

static nn_status axes(const nn_node_view *node, nn_axis_relations *out) {
    NN_TRY(nn_op_conv.axes(node, out));
    return nn_axes_add_broadcast(node, out, Z);
}

static nn_status expand(const nn_node_view *node, nn_expansion *e) {
    const fused_conv_attrs *a = node->attrs;
    nn_term *bias = nn_expand_float_in(e, BIAS), *z = nn_expand_float_in(e, Z);
    nn_term *y =
        nn_expand(e, "Conv", NN_TERMS(nn_expand_float_in(e, X), nn_expand_float_in(e, W), bias),
                  .attrs = *nn_expand_attrs(e));
    if (z != NULL) y = nn_expand(e, "Add", NN_TERMS(y, z));
    nn_expand_float_out(e, 0, nn_expand_activation(e, y, a->activation));
    return NN_OK;
}

const nn_op nn_op_fused_conv = {
    .name = "FusedConv",
    .domain = "com.microsoft",
    .since = 1,
    .min_inputs = 2,
    .max_inputs = 4,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(fused_conv_attrs),
    .parse = parse,
    .infer = infer,
    .cost = cost,
    .axes = axes,
    .quant = NN_QUANT_FLOAT,
    .expand = expand,
};
