#include "ops/family/microsoft/bias_gelu.h"

static nn_status expand(const nn_node_view *node, nn_expansion *expansion) {
    (void)node;
    return nn_bias_gelu_expand(expansion, "tanh");
}

const nn_op nn_op_fast_gelu = {
    .name = "FastGelu",
    .domain = "com.microsoft",
    .since = 1,
    .min_inputs = 1,
    .max_inputs = 2,
    .min_outputs = 1,
    .max_outputs = 1,
    .infer = nn_bias_gelu_infer,
    .axes = nn_bias_gelu_axes,
    .quant = NN_QUANT_FLOAT,
    .expand = expand,
};
