#include "ops/family/copy.h"
#include "ops/family/grad.h"

typedef struct flatten_attrs {
    int64_t axis;
} flatten_attrs;

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    (void)node;
    flatten_attrs *parsed = out;
    return nn_attrs_int(attrs, "axis", 1, &parsed->axis);
}

static nn_status infer(const nn_node_view *node) {
    const flatten_attrs *attrs = node->attrs;
    const nn_fact *in = node->in[0];
    int64_t dims[2] = {NN_DIM_UNKNOWN, NN_DIM_UNKNOWN};
    if (in->rank >= 0) {
        int axis = in->rank;
        if (attrs->axis != in->rank && !(in->rank == 0 && attrs->axis == 1))
            NN_TRY(nn_check_axis(node, attrs->axis, in->rank, &axis));
        dims[0] = nn_dims_product(in->dims, 0, axis);
        dims[1] = nn_dims_product(in->dims, axis, in->rank);
    }
    return nn_set_output(node, 0, in->type, 2, dims);
}

const nn_op nn_op_flatten = {
    .name = "Flatten",
    .domain = "",
    .since = 1,
    .min_inputs = 1,
    .max_inputs = 1,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(flatten_attrs),
    .parse = parse,
    .infer = infer,
    .cost = nn_cost_of_moving,
    .axes = nn_axes_of_reshape,
    .quant = NN_QUANT_MOVES,
    .is_view = true,
    .kernels = nn_copy_kernels,
    .grad = nn_grad_of_reshaping,
};
