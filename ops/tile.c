#include "ops/family/copy.h"
#include "ops/family/movement.h"

/* Repeats per axis, as far as they are known (-1: not). Before version 6 one axis was repeated. */
static nn_status find_repeats(const nn_node_view *node, int rank, int64_t repeats[NN_MAX_RANK]) {
    nn_list list;
    for (int i = 0; i < rank; i++) repeats[i] = NN_DIM_UNKNOWN;
    NN_TRY(nn_list_input(node, 1, NN_MAX_RANK, &list));
    if (node->opset < 6) {
        int64_t axis, count;
        int place;
        if (!nn_fact_element(nn_view_in(node, 2), 0, &axis)) return NN_OK;
        NN_TRY(nn_check_axis(node, axis, rank, &place));
        for (int i = 0; i < rank; i++) repeats[i] = 1;
        repeats[place] = nn_fact_element(node->in[1], 0, &count) ? count : -1;
        return NN_OK;
    }
    if (list.count >= 0 && list.count != rank)
        return nn_view_fail(node, NN_BAD_INPUT, "repeats has %d values, the input has rank %d",
                            list.count, rank);
    for (int i = 0; i < list.count; i++)
        if (nn_fact_element(node->in[1], i, &repeats[i]) && repeats[i] < 0)
            return nn_view_fail(node, NN_BAD_INPUT, "axis %d is repeated %lld times", i,
                                (long long)repeats[i]);
    return NN_OK;
}

static nn_status infer(const nn_node_view *node) {
    const nn_fact *in = node->in[0];
    int64_t repeats[NN_MAX_RANK], dims[NN_MAX_RANK];
    if (in->rank < 0) return nn_set_output(node, 0, in->type, -1, NULL);
    NN_TRY(find_repeats(node, in->rank, repeats));
    for (int axis = 0; axis < in->rank; axis++) {
        dims[axis] = NN_DIM_UNKNOWN;
        if (repeats[axis] == 1)
            dims[axis] = in->dims[axis];
        else if (repeats[axis] >= 0 && nn_dim_is_known(in->dims[axis]) &&
                 !nn_mul_size(in->dims[axis], repeats[axis], &dims[axis]))
            return nn_view_fail(node, NN_BAD_INPUT, "axis %d repeated %lld times is too large",
                                axis, (long long)repeats[axis]);
    }
    return nn_set_output(node, 0, in->type, in->rank, dims);
}

static nn_status axes(const nn_node_view *node, nn_axis_relations *out) {
    int64_t repeats[NN_MAX_RANK];
    int rank = node->in[0]->rank;
    NN_TRY(find_repeats(node, rank, repeats));
    for (int axis = 0; axis < rank; axis++) {
        if (repeats[axis] == 1)
            NN_TRY(nn_axes_same(node, out, nn_in_axis(0, axis), nn_out_axis(0, axis)));
        else
            NN_TRY(nn_axes_mixed(node, out, nn_in_axis(0, axis), nn_out_axis(0, axis)));
    }
    return NN_OK;
}

static nn_status run(const nn_call *call) {
    const nn_tensor *in = call->in[0];
    nn_tensor *out = call->out[0];
    nn_walk walk;
    if (nn_tensor_count(out) == 0) return NN_OK;
    nn_tile_walk(in, out, &walk);
    nn_copy_strided(call->pool, nn_element_size(in->type), walk.dims, walk.rank, out->data,
                    walk.target, in->data, walk.source);
    return NN_OK;
}

static const nn_kernel reference = {
    .name = "tile_reference",
    .exactness = NN_EXACT,
    .accepts = nn_moves_bytes,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_tile = {
    .name = "Tile",
    .domain = "",
    .since = 1,
    .min_inputs = 2,
    .max_inputs = 3,
    .min_outputs = 1,
    .max_outputs = 1,
    .infer = infer,
    .cost = nn_cost_of_moving,
    .axes = axes,
    .quant = NN_QUANT_MOVES,
    .kernels = kernels,
};
