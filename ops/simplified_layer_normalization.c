/* SimplifiedLayerNormalization, which files have in the standard's domain: y = x / sqrt(mean(x^2) +
 * epsilon) scale, over the axes from `axis`. */
#include "ops/family/infer.h"
#include "ops/family/skip_normalization.h"

typedef struct simplified_attrs {
    int64_t axis;
    float epsilon;
} simplified_attrs;

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    simplified_attrs *a = out;
    (void)node;
    NN_TRY(nn_attrs_int(attrs, "axis", -1, &a->axis));
    return nn_attrs_float(attrs, "epsilon", 1e-5f, &a->epsilon);
}

static nn_status infer(const nn_node_view *node) {
    const simplified_attrs *a = node->attrs;
    const nn_fact *x = node->in[0];
    int64_t dims[NN_MAX_RANK];
    int first = 0;
    NN_TRY(nn_check_types(node, 0, 1, NN_TYPE_BIT(NNOPT_FLOAT) | NN_TYPES_HALF));
    if (x->rank >= 0) NN_TRY(nn_check_axis(node, a->axis, x->rank, &first));
    for (int i = 0; i < x->rank; i++) dims[i] = i < first ? x->dims[i] : 1;
    NN_TRY(nn_set_output(node, 1, NNOPT_FLOAT, x->rank, dims));
    return nn_set_output(node, 0, nn_in_type(node, 1), x->rank, x->dims);
}

static nn_status expand(const nn_node_view *node, nn_expansion *e) {
    const simplified_attrs *a = node->attrs;
    if (nn_expand_wants(e, 1) && a->axis != -1 && a->axis != node->in[0]->rank - 1)
        return nn_view_fail(node, NN_UNSUPPORTED, "output 1 is there for the last axis only");
    nn_expand_rms(e, nn_expand_float_in(e, 0), nn_expand_float_in(e, 1), a->epsilon, a->axis, 1);
    return NN_OK;
}

const nn_op nn_op_simplified_layer_normalization = {
    .name = "SimplifiedLayerNormalization",
    .domain = "",
    .since = 1,
    .min_inputs = 2,
    .max_inputs = 2,
    .min_outputs = 1,
    .max_outputs = 2,
    .attr_size = sizeof(simplified_attrs),
    .parse = parse,
    .infer = infer,
    .quant = NN_QUANT_FLOAT,
    .expand = expand,
};
