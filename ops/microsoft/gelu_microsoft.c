/* Gelu of com.microsoft is Gelu of the standard's opset 20, without the approximation. */
#include "ops/expansion.h"
#include "ops/family/unary.h"

static nn_status expand(const nn_node_view *node, nn_expansion *e) {
    (void)node;
    nn_expand_out(e, 0, nn_expand(e, "Gelu", NN_TERMS(nn_expand_in(e, 0))));
    return NN_OK;
}

const nn_op nn_op_gelu_microsoft = {
    .name = "Gelu",
    .domain = "com.microsoft",
    .since = 1,
    NN_UNARY_COLUMNS,
    .infer = nn_infer_unary_float,
    .quant = NN_QUANT_FLOAT,
    .expand = expand,
};
