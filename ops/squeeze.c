#include "ops/family/grad.h"
#include "ops/family/squeeze.h"

static nn_status infer(const nn_node_view *node) {
    const nn_fact *in = node->in[0];
    nn_list axes;
    bool dropped[NN_MAX_RANK] = {false};
    NN_TRY(nn_squeeze_axes(node, &axes));
    if (in->rank < 0 || !axes.known) return nn_set_output(node, 0, in->type, -1, NULL);
    if (axes.present) NN_TRY(nn_check_axes(node, axes.values, axes.count, in->rank, dropped));
    int64_t dims[NN_MAX_RANK];
    int rank = 0;
    for (int axis = 0; axis < in->rank; axis++) {
        if (!axes.present && !nn_dim_is_known(in->dims[axis]))
            return nn_set_output(node, 0, in->type, -1, NULL);
        if (!axes.present) dropped[axis] = in->dims[axis] == 1;
        if (dropped[axis] && nn_dim_is_known(in->dims[axis]) && in->dims[axis] != 1)
            return nn_view_fail(node, NN_BAD_INPUT, "axis %d has size %lld, not 1", axis,
                                (long long)in->dims[axis]);
        if (!dropped[axis]) dims[rank++] = in->dims[axis];
    }
    NN_TRY(nn_set_output(node, 0, in->type, rank, dims));
    nn_squeeze_elements(node);
    return NN_OK;
}

const nn_op nn_op_squeeze = {
    .name = "Squeeze",
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
