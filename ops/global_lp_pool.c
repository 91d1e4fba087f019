#include "ops/family/infer.h"
#include "ops/family/lp_pool.h"

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    nn_global_lp_attrs *parsed = out;
    return nn_lp_parse(node, attrs, &parsed->p);
}

static nn_status infer(const nn_node_view *node) {
    NN_TRY(nn_check_types(node, 0, 0, NN_TYPES_FLOAT));
    return nn_global_pool_infer(node);
}

/* One window over the plane, which is one row whatever its axes are. */
static nn_status run(const nn_call *call) {
    const nn_global_lp_attrs *attrs = call->node->attrs;
    const nn_tensor *in = call->in[0];
    const nn_window_axis one = {.in = 1, .out = 1, .kernel = 1, .stride = 1, .dilation = 1};
    int64_t size = nn_dims_product(in->dims, 2, in->rank);
    nn_pool_geometry geometry = {.batch = in->dims[0],
                                 .channels = in->dims[1],
                                 .in_pixels = size,
                                 .out_pixels = 1,
                                 .axes = {one, one, one}};
    geometry.axes[NN_WIDTH].in = geometry.axes[NN_WIDTH].kernel = size;
    return nn_lp_run(call, &geometry, attrs->p);
}

static const nn_kernel global_lp_pool_reference = {
    .name = "global_lp_pool_reference",
    .exactness = NN_EXACT,
    .run = run,
};

static const nn_kernel *const kernels[] = {&global_lp_pool_reference, NULL};

const nn_op nn_op_global_lp_pool = {
    .name = "GlobalLpPool",
    .domain = "",
    .since = 1,
    .min_inputs = 1,
    .max_inputs = 1,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(nn_global_lp_attrs),
    .parse = parse,
    .infer = infer,
    .cost = nn_global_pool_cost,
    .axes = nn_global_pool_axes,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
