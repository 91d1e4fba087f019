/* QuickGelu: x sigmoid(alpha x), which is silu(alpha x) / alpha. */
#include "ops/expansion.h"
#include "ops/family/unary.h"

typedef struct quick_gelu_attrs {
    float alpha;
} quick_gelu_attrs;

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    quick_gelu_attrs *a = out;
    (void)node;
    return nn_attrs_float(attrs, "alpha", 1.702f, &a->alpha);
}

static nn_status expand(const nn_node_view *node, nn_expansion *e) {
    const quick_gelu_attrs *a = node->attrs;
    nn_term *x = nn_expand_float_in(e, 0);
    if (a->alpha == 0) {
        nn_expand_float_out(e, 0,
                            nn_expand_activation(e, x, (nn_activation){NN_ACT_LINEAR, 0.5f, 0}));
        return NN_OK;
    }
    nn_term *scaled = nn_expand_activation(e, x, (nn_activation){NN_ACT_LINEAR, a->alpha, 0});
    nn_term *silu = nn_expand_activation(e, scaled, (nn_activation){.kind = NN_ACT_SILU});
    nn_expand_float_out(
        e, 0, nn_expand_activation(e, silu, (nn_activation){NN_ACT_LINEAR, 1 / a->alpha, 0}));
    return NN_OK;
}

static nn_status infer(const nn_node_view *node) {
    NN_TRY(nn_check_types(node, 0, 0, NN_TYPE_BIT(NNOPT_FLOAT) | NN_TYPES_HALF));
    return nn_infer_like(node);
}

const nn_op nn_op_quick_gelu = {
    .name = "QuickGelu",
    .domain = "com.microsoft",
    .since = 1,
    NN_UNARY_COLUMNS,
    .attr_size = sizeof(quick_gelu_attrs),
    .parse = parse,
    .infer = infer,
    .quant = NN_QUANT_FLOAT,
    .expand = expand,
};
