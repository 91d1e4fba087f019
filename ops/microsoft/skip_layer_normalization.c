#include "ops/family/skip_normalization.h"

enum { GAMMA = 2, BETA, BIAS };

static nn_status expand(const nn_node_view *node, nn_expansion *e) {
    const nn_skip_attrs *a = node->attrs;
    nn_term *sum = nn_skip_sum(e, BIAS), *out[3] = {NULL};
    int count = nn_expand_wants(e, 2) ? 3 : nn_expand_wants(e, 1) ? 2 : 1;
    nn_expand_parts(
        e,
        &(const nn_part){.op_type = "LayerNormalization",
                         NN_TERMS(sum, nn_expand_float_in(e, GAMMA), nn_expand_float_in(e, BETA)),
                         NN_ATTRS(nn_attr_int("axis", -1), nn_attr_float("epsilon", a->epsilon))},
        out, count);
    for (int i = 0; i < count; i++) nn_expand_float_out(e, i, out[i]);
    nn_expand_float_out(e, 3, sum);
    return NN_OK;
}

const nn_op nn_op_skip_layer_normalization = {
    .name = "SkipLayerNormalization",
    .domain = "com.microsoft",
    .since = 1,
    .min_inputs = 3,
    .max_inputs = 5,
    .min_outputs = 1,
    .max_outputs = 4,
    .attr_size = sizeof(nn_skip_attrs),
    .parse = nn_skip_parse,
    .infer = nn_skip_infer,
    .quant = NN_QUANT_FLOAT,
    .expand = expand,
};
