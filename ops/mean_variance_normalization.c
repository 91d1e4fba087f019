#include "ops/expansion.h"
#include "ops/family/axes.h"
#include "ops/family/infer.h"

typedef struct mvn_attrs {
    nn_list axes;
} mvn_attrs;

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    mvn_attrs *parsed = out;
    NN_TRY(nn_list_attribute(node, attrs, "axes", NN_MAX_RANK, &parsed->axes));
    if (!parsed->axes.present) parsed->axes = (nn_list){.count = 3, .values = {0, 2, 3}};
    return NN_OK;
}

static nn_status infer(const nn_node_view *node) {
    const mvn_attrs *attrs = node->attrs;
    bool flags[NN_MAX_RANK];
    NN_TRY(nn_check_types(node, 0, 0, NN_TYPES_FLOAT));
    if (node->in[0]->rank >= 0)
        NN_TRY(
            nn_check_axes(node, attrs->axes.values, attrs->axes.count, node->in[0]->rank, flags));
    return nn_infer_like(node);
}

static void cost(const nn_node_view *node, nn_cost *out) {
    out->flops = 6 * (double)nn_fact_count(node->in[0]);
}

static nn_status axes(const nn_node_view *node, nn_axis_relations *out) {
    const mvn_attrs *attrs = node->attrs;
    bool flags[NN_MAX_RANK];
    NN_TRY(nn_check_axes(node, attrs->axes.values, attrs->axes.count, node->in[0]->rank, flags));
    return nn_axes_along(node, out, flags);
}

/* (x - mean) / (deviation + 1e-9) */
static nn_status expand(const nn_node_view *node, nn_expansion *e) {
    const mvn_attrs *attrs = node->attrs;
    nn_term *axes_term = nn_expand_ints(e, attrs->axes.count, attrs->axes.values);
    nn_term *x = nn_expand_float_in(e, 0), *epsilon = nn_expand_float(e, 1e-9f);
    if (node->in[0]->type == NNOPT_DOUBLE) epsilon = nn_expand_cast(e, epsilon, NNOPT_DOUBLE);
    const nn_attr keeps = nn_attr_int("keepdims", 1),
                  nothing = nn_attr_int("noop_with_empty_axes", 1);
    nn_term *mean = nn_expand(e, "ReduceMean", NN_TERMS(x, axes_term), NN_ATTRS(keeps, nothing));
    nn_term *rest = nn_expand(e, "Sub", NN_TERMS(x, mean));
    nn_term *square = nn_expand(e, "Mul", NN_TERMS(rest, rest));
    nn_term *variance =
        nn_expand(e, "ReduceMean", NN_TERMS(square, axes_term), NN_ATTRS(keeps, nothing));
    nn_term *deviation = nn_expand(e, "Sqrt", NN_TERMS(variance));
    nn_term *divisor = nn_expand(e, "Add", NN_TERMS(deviation, epsilon));
    nn_expand_float_out(e, 0, nn_expand(e, "Div", NN_TERMS(rest, divisor)));
    return NN_OK;
}

const nn_op nn_op_mean_variance_normalization = {
    .name = "MeanVarianceNormalization",
    .domain = "",
    .since = 9,
    .min_inputs = 1,
    .max_inputs = 1,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(mvn_attrs),
    .parse = parse,
    .infer = infer,
    .cost = cost,
    .axes = axes,
    .quant = NN_QUANT_FLOAT,
    .expand = expand,
};
