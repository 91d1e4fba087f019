/* FusedGemm: activation(Gemm(a, b, c)). */
#include "ops/expansion.h"
#include "ops/family/activation.h"
#include "ops/family/gemm.h"
#include "ops/family/infer.h"

typedef struct fused_gemm_attrs {
    nn_gemm_attrs gemm; /* first: the functions of Gemm read it */
    nn_activation activation;
} fused_gemm_attrs;

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    fused_gemm_attrs *a = out;
    const char *name;
    float numbers[2];
    NN_TRY(nn_op_gemm.parse(node, attrs, &a->gemm));
    NN_TRY(nn_attrs_string(attrs, "activation", NULL, &name));
    NN_TRY(nn_activation_of_fused(node, name, NULL, 0, &a->activation));
    NN_TRY(nn_attrs_float(attrs, "activation_alpha", a->activation.alpha, &numbers[0]));
    NN_TRY(nn_attrs_float(attrs, "activation_beta", a->activation.beta, &numbers[1]));
    return nn_activation_of_fused(node, name, numbers, 2, &a->activation);
}

static nn_status infer(const nn_node_view *node) {
    NN_TRY(nn_check_types(node, 0, -1, NN_TYPE_BIT(NNOPT_FLOAT) | NN_TYPES_HALF));
    return nn_op_gemm.infer(node);
}

static void cost(const nn_node_view *node, nn_cost *out) {
    nn_op_gemm.cost(node, out);
}

static nn_status axes(const nn_node_view *node, nn_axis_relations *out) {
    return nn_op_gemm.axes(node, out);
}

static nn_status expand(const nn_node_view *node, nn_expansion *e) {
    const fused_gemm_attrs *a = node->attrs;
    nn_term *y = nn_expand(
        e, "Gemm",
        NN_TERMS(nn_expand_float_in(e, 0), nn_expand_float_in(e, 1), nn_expand_float_in(e, 2)),
        .attrs = *nn_expand_attrs(e));
    nn_expand_float_out(e, 0, nn_expand_activation(e, y, a->activation));
    return NN_OK;
}

const nn_op nn_op_fused_gemm = {
    .name = "FusedGemm",
    .domain = "com.microsoft",
    .since = 1,
    .min_inputs = 2,
    .max_inputs = 3,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(fused_gemm_attrs),
    .parse = parse,
    .infer = infer,
    .cost = cost,
    .axes = axes,
    .quant = NN_QUANT_FLOAT,
    .expand = expand,
};
