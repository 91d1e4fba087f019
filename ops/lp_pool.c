#include "ops/family/lp_pool.h"
#include "ops/family/infer.h"

typedef nn_lp_pool_attrs lp_attrs;

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    lp_attrs *parsed = out;
    NN_TRY(nn_pool_parse(node, attrs, &parsed->pool));
    return nn_lp_parse(node, attrs, &parsed->p);
}

static nn_status infer(const nn_node_view *node) {
    NN_TRY(nn_check_types(node, 0, 0, NN_TYPES_FLOAT));
    return nn_pool_infer(node);
}

static nn_status run(const nn_call *call) {
    const lp_attrs *attrs = call->node->attrs;
    nn_pool_geometry geometry = nn_pool_geometry_of(call->node);
    return nn_lp_run(call, &geometry, attrs->p);
}

static const nn_kernel lp_pool_reference = {
    .name = "lp_pool_reference",
    .exactness = NN_EXACT,
    .run = run,
};

static const nn_kernel *const kernels[] = {&lp_pool_reference, NULL};

const nn_op nn_op_lp_pool = {
    .name = "LpPool",
    .domain = "",
    .since = 1,
    .min_inputs = 1,
    .max_inputs = 1,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(lp_attrs),
    .parse = parse,
    .infer = infer,
    .cost = nn_pool_cost,
    .axes = nn_pool_axes,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
