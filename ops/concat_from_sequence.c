#include "ops/family/container.h"
#include "ops/family/copy.h"
#include "ops/family/pieces.h"

typedef struct concat_attrs {
    int64_t axis;
    int64_t new_axis; /* 1: items are stacked along an axis that they do not have */
} concat_attrs;

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    concat_attrs *parsed = out;
    if (nn_attrs_find(attrs, "axis") == NULL)
        return nn_view_fail(node, NN_BAD_INPUT, "attribute 'axis' is missing");
    NN_TRY(nn_attrs_int(attrs, "axis", 0, &parsed->axis));
    NN_TRY(nn_attrs_int(attrs, "new_axis", 0, &parsed->new_axis));
    if (parsed->new_axis != 0 && parsed->new_axis != 1)
        return nn_view_fail(node, NN_BAD_INPUT, "attribute 'new_axis' is %lld",
                            (long long)parsed->new_axis);
    return NN_OK;
}

/* Type and dims of the result of a sequence that is known. */
static nn_status find_shape(const nn_node_view *node, const nn_tensor *sequence, nn_tensor *shape,
                            int *axis) {
    const concat_attrs *attrs = node->attrs;
    const nn_tensor *items = nn_items(sequence);
    int64_t count = nn_item_count(sequence), total = 0;
    if (count == 0) return nn_view_fail(node, NN_BAD_INPUT, "the sequence is empty");
    if (nn_type_is_container(items[0].type))
        return nn_view_fail(node, NN_BAD_INPUT, "the sequence holds %s, not tensors",
                            nnopt_type_name(items[0].type));
    bool stacks = attrs->new_axis == 1;
    int rank = items[0].rank + stacks;
    if (rank > NN_MAX_RANK)
        return nn_view_fail(node, NN_UNSUPPORTED, "the result would have rank %d, over the limit %d",
                            rank, NN_MAX_RANK);
    NN_TRY(nn_check_axis(node, attrs->axis, rank, axis));
    *shape = (nn_tensor){.type = items[0].type, .rank = rank};
    for (int k = 0; k < items[0].rank; k++)
        shape->dims[k + (stacks && k >= *axis)] = items[0].dims[k];
    for (int64_t i = 0; i < count; i++) {
        bool fits = items[i].type == items[0].type && items[i].rank == items[0].rank;
        for (int k = 0; fits && k < items[0].rank; k++)
            fits = items[i].dims[k] == items[0].dims[k] || (!stacks && k == *axis);
        if (!fits) {
            char first[256], other[256];
            return nn_view_fail(
                node, NN_BAD_INPUT, "items 0 and %lld are %s %s and %s %s, which cannot be joined",
                (long long)i, nnopt_type_name(items[0].type),
                nn_dims_text(items[0].dims, items[0].rank, first, sizeof first),
                nnopt_type_name(items[i].type),
                nn_dims_text(items[i].dims, items[i].rank, other, sizeof other));
        }
        if (!nn_add_size(total, stacks ? 1 : items[i].dims[*axis], &total))
            return nn_view_fail(node, NN_BAD_INPUT, "the result has too many elements");
    }
    shape->dims[*axis] = total;
    return NN_OK;
}

static nn_status infer(const nn_node_view *node) {
    const nn_tensor *sequence = nn_view_constant(node, 0);
    nn_tensor shape;
    int axis;
    NN_TRY(nn_check_sequence(node, 0));
    if (sequence == NULL) return nn_set_output(node, 0, NNOPT_TYPE_NONE, NN_RANK_UNKNOWN, NULL);
    NN_TRY(find_shape(node, sequence, &shape, &axis));
    return nn_set_output(node, 0, shape.type, shape.rank, shape.dims);
}

static nn_status run(const nn_call *call) {
    const nn_tensor *sequence = call->in[0];
    nn_tensor shape, *out = call->out[0];
    int axis;
    NN_TRY(find_shape(call->node, sequence, &shape, &axis));
    NN_TRY(nn_tensor_init(out, shape.type, shape.dims, shape.rank));
    nn_rows to = nn_rows_of(shape.dims, shape.rank, axis);
    int64_t at = 0;
    for (int64_t i = 0; i < nn_item_count(sequence); i++) {
        const nn_tensor *item = &nn_items(sequence)[i];
        nn_rows from = to;
        from.size = item->rank == shape.rank ? item->dims[axis] : 1;
        nn_move_rows(shape.type, out->data, &to, at, item->data, &from, 0, from.size);
        at += from.size;
    }
    return NN_OK;
}

static const nn_kernel reference = {
    .name = "concat_from_sequence_reference",
    .exactness = NN_EXACT,
    .makes_outputs = true,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_concat_from_sequence = {
    .name = "ConcatFromSequence",
    .domain = "",
    .since = 11,
    .min_inputs = 1,
    .max_inputs = 1,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(concat_attrs),
    .parse = parse,
    .infer = infer,
    .cost = nn_cost_of_moving,
    .kernels = kernels,
};
