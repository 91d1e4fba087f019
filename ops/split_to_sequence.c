#include "ops/family/container.h"
#include "ops/family/copy.h"
#include "ops/family/index.h"
#include "ops/family/pieces.h"

typedef struct split_attrs {
    int64_t axis;
    int64_t keepdims; /* 0: pieces of one row, made without a list of sizes, lose the axis */
} split_attrs;

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    (void)node;
    split_attrs *parsed = out;
    NN_TRY(nn_attrs_int(attrs, "axis", 0, &parsed->axis));
    return nn_attrs_int(attrs, "keepdims", 1, &parsed->keepdims);
}

static nn_status infer(const nn_node_view *node) {
    const split_attrs *attrs = node->attrs;
    const nn_fact *split = nn_view_in(node, 1);
    int axis;
    NN_TRY(nn_check_tensors(node, 0, 0));
    NN_TRY(nn_check_types(node, 1, 1, NN_TYPE_BIT(NNOPT_INT32) | NN_TYPE_BIT(NNOPT_INT64)));
    if (node->in[0]->rank >= 0) NN_TRY(nn_check_axis(node, attrs->axis, node->in[0]->rank, &axis));
    if (split != NULL && split->rank > 1)
        return nn_view_fail(node, NN_BAD_INPUT, "split must be a scalar or a vector, has rank %d",
                            split->rank);
    return nn_set_container(node, 0, NNOPT_SEQUENCE);
}

/* How many pieces `split` makes of `size` rows; checks its values. */
static nn_status count_pieces(const nn_node_view *node, const nn_tensor *split, int64_t size,
                              int64_t *out) {
    int64_t sum = 0;
    if (split == NULL || split->rank == 0) {
        int64_t each = split != NULL ? nn_index_at(split, 0) : 1;
        if (each < 1)
            return nn_view_fail(node, NN_BAD_INPUT, "split is %lld, must be positive",
                                (long long)each);
        *out = size / each + (size % each != 0);
        return NN_OK;
    }
    *out = split->dims[0];
    for (int64_t i = 0; i < *out; i++) {
        int64_t rows = nn_index_at(split, i);
        if (rows < 0)
            return nn_view_fail(node, NN_BAD_INPUT, "size %lld of split is %lld", (long long)i,
                                (long long)rows);
        if (rows > size - sum) {
            sum = INT64_MAX;
            break;
        }
        sum += rows;
    }
    if (sum != size)
        return nn_view_fail(node, NN_BAD_INPUT, "the sizes of split do not add to the axis of %lld",
                            (long long)size);
    return NN_OK;
}

static nn_status run(const nn_call *call) {
    const split_attrs *attrs = call->node->attrs;
    const nn_tensor *in = call->in[0], *split = call->in_count > 1 ? call->in[1] : NULL;
    nn_tensor *out = call->out[0], shape = *in;
    int axis;
    int64_t pieces = 0, at = 0;
    NN_TRY(nn_check_axis(call->node, attrs->axis, in->rank, &axis));
    NN_TRY(count_pieces(call->node, split, in->dims[axis], &pieces));
    NN_TRY(nn_container_init(out, NNOPT_SEQUENCE, pieces));
    bool drops_axis = split == NULL && attrs->keepdims == 0;
    if (drops_axis) {
        shape.rank--;
        for (int k = axis; k < shape.rank; k++) shape.dims[k] = in->dims[k + 1];
    }
    nn_rows from = nn_rows_of(in->dims, in->rank, axis), to = from;
    for (int64_t i = 0; i < pieces; i++) {
        nn_tensor *item = &nn_items_out(out)[i];
        to.size = split == NULL ? 1 : nn_index_at(split, split->rank == 0 ? 0 : i);
        if (to.size > from.size - at) to.size = from.size - at;
        if (!drops_axis) shape.dims[axis] = to.size;
        NN_TRY(nn_tensor_init(item, shape.type, shape.dims, shape.rank));
        nn_move_rows(in->type, item->data, &to, 0, in->data, &from, at, to.size);
        if (in->type == NNOPT_STRING) NN_TRY(nn_tensor_own_texts(item));
        at += to.size;
    }
    return NN_OK;
}

static const nn_kernel reference = {
    .name = "split_to_sequence_reference",
    .exactness = NN_EXACT,
    .makes_outputs = true,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_split_to_sequence = {
    .name = "SplitToSequence",
    .domain = "",
    .since = 11,
    .min_inputs = 1,
    .max_inputs = 2,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(split_attrs),
    .parse = parse,
    .infer = infer,
    .cost = nn_cost_of_moving,
    .kernels = kernels,
};
