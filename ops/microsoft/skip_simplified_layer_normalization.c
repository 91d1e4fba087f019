#include "ops/family/skip_normalization.h"

enum { GAMMA = 2, BIAS };

static nn_status expand(const nn_node_view *node, nn_expansion *e) {
    const nn_skip_attrs *a = node->attrs;
    nn_term *sum = nn_skip_sum(e, BIAS);
    if (nn_expand_wants(e, 1))
        return nn_view_fail(node, NN_UNSUPPORTED, "the mean is an output, but none is computed");
    nn_expand_rms(e, sum, nn_expand_float_in(e, GAMMA), a->epsilon, -1, 2);
    nn_expand_float_out(e, 3, sum);
    return NN_OK;
}

const nn_op nn_op_skip_simplified_layer_normalization = {
    .name = "SkipSimplifiedLayerNormalization",
    .domain = "com.microsoft",
    .since = 1,
    .min_inputs = 3,
    .max_inputs = 4,
    .min_outputs = 1,
    .max_outputs = 4,
    .attr_size = sizeof(nn_skip_attrs),
    .parse = nn_skip_parse,
    .infer = nn_skip_infer,
    .quant = NN_QUANT_FLOAT,
    .expand = expand,
};
