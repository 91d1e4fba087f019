#include "ops/family/cast.h"

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    return nn_cast_parse_rules(node, attrs, out);
}

static nn_status infer(const nn_node_view *node) {
    return nn_infer_cast(node, nn_in_type(node, 1));
}

static const nn_kernel reference = {
    .name = "cast_like_reference",
    .exactness = NN_EXACT,
    .layout = NN_LAYOUT_ANY,
    .layout_inputs = 1,
    .in_place = 1,
    .accepts = nn_cast_accepts,
    .run = nn_cast_run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_cast_like = {
    .name = "CastLike",
    .domain = "",
    .since = 15,
    .min_inputs = 2,
    .max_inputs = 2,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(nn_cast_attrs),
    .parse = parse,
    .infer = infer,
    .axes = nn_axes_of_unary,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
