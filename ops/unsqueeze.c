#include "ops/family/grad.h"
#include "ops/family/squeeze.h"

static nn_status infer(const nn_node_view *node) {
    const nn_fact *in = node->in[0];
    nn_list axes;
    bool added[NN_MAX_RANK];
    NN_TRY(nn_squeeze_axes(node, &axes));
    if (!axes.present) return nn_view_fail(node, NN_BAD_INPUT, "axes are missing");
    int64_t dims[NN_MAX_RANK];
    int rank = in->rank < 0 || axes.count < 0 ? -1 : in->rank + axes.count;
    if (rank > NN_MAX_RANK)
        return nn_view_fail(node, NN_UNSUPPORTED, "output would have rank %d, over the limit %d",
                            rank, NN_MAX_RANK);
    for (int axis = 0; axis < rank; axis++) dims[axis] = NN_DIM_UNKNOWN;
    if (rank >= 0 && axes.known) {
        NN_TRY(nn_check_axes(node, axes.values, axes.count, rank, added));
        for (int axis = 0, from = 0; axis < rank; axis++)
            dims[axis] = added[axis] ? 1 : in->dims[from++];
    }
    NN_TRY(nn_set_output(node, 0, in->type, rank, dims));
    nn_squeeze_elements(node);
    return NN_OK;
}

const nn_op nn_op_unsqueeze = {
    .name = "Unsqueeze",
    .domain = "",
    .since = 1,
    .min_inputs = 1,
    .max_inputs = 2,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(nn_squeeze_attrs),
    .parse = nn_squeeze_parse,
    .infer = infer,
    .cost = nn_cost_of_moving,
    .axes = nn_axes_of_reshape,
    .quant = NN_QUANT_MOVES,
    .is_view = true,
    .kernels = nn_copy_kernels,
    .grad = nn_grad_of_reshaping,
};
