/* QuantizeLinear of com.microsoft is that of the standard's newest opset, which checks the rest. */
#include "ops/expansion.h"
#include "ops/family/infer.h"

static nn_status infer(const nn_node_view *node) {
    const nn_fact *x = node->in[0], *zero = nn_view_in(node, 2);
    NN_TRY(nn_check_types(node, 0, 1, NN_TYPE_BIT(NNOPT_FLOAT) | NN_TYPES_HALF));
    return nn_set_output(node, 0, zero != NULL ? zero->type : NNOPT_UINT8, x->rank, x->dims);
}

static nn_status expand(const nn_node_view *node, nn_expansion *e) {
    (void)node;
    nn_expand_out(e, 0,
                  nn_expand(e, "QuantizeLinear",
                            NN_TERMS(nn_expand_in(e, 0), nn_expand_in(e, 1), nn_expand_in(e, 2)),
                            .attrs = *nn_expand_attrs(e)));
    return NN_OK;
}

const nn_op nn_op_quantize_linear_microsoft = {
    .name = "QuantizeLinear",
    .domain = "com.microsoft",
    .since = 1,
    .min_inputs = 2,
    .max_inputs = 3,
    .min_outputs = 1,
    .max_outputs = 1,
    .infer = infer,
    .quant = NN_QUANT_FLOAT,
    .expand = expand,
};
