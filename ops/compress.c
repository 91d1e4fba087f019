#include "ops/family/container.h"
#include "ops/family/copy.h"
#include "ops/family/pieces.h"

typedef struct compress_attrs {
    bool has_axis; /* else the input counts as a vector */
    int64_t axis;
} compress_attrs;

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    (void)node;
    compress_attrs *parsed = out;
    parsed->has_axis = nn_attrs_find(attrs, "axis") != NULL;
    return nn_attrs_int(attrs, "axis", 0, &parsed->axis);
}

/* Checks that `condition`, of `count` values, fits an axis. */
static nn_status check_count(const nn_node_view *node, int64_t count, int64_t size) {
    if (count > size)
        return nn_view_fail(node, NN_BAD_INPUT, "the condition has %lld values for %lld elements",
                            (long long)count, (long long)size);
    return NN_OK;
}

static int64_t count_true(const nn_tensor *condition) {
    const uint8_t *flags = condition->data;
    int64_t count = 0;
    for (int64_t i = 0; i < nn_tensor_count(condition); i++) count += flags[i] != 0;
    return count;
}

static nn_status infer(const nn_node_view *node) {
    const compress_attrs *attrs = node->attrs;
    const nn_fact *in = node->in[0], *condition = node->in[1];
    NN_TRY(nn_check_tensors(node, 0, 0));
    NN_TRY(nn_check_types(node, 1, 1, NN_TYPES_BOOL));
    if (condition->rank >= 0 && condition->rank != 1)
        return nn_view_fail(node, NN_BAD_INPUT, "the condition must be a vector, has rank %d",
                            condition->rank);
    int64_t kept = condition->constant != NULL ? count_true(condition->constant) : NN_DIM_UNKNOWN;
    int64_t size = in->rank >= 0 ? nn_fact_count(in) : NN_DIM_UNKNOWN;
    int axis = 0;
    if (attrs->has_axis) {
        if (in->rank < 0) return nn_set_output(node, 0, in->type, NN_RANK_UNKNOWN, NULL);
        NN_TRY(nn_check_axis(node, attrs->axis, in->rank, &axis));
        size = in->dims[axis];
    }
    if (condition->rank == 1 && nn_dim_is_known(condition->dims[0]) && nn_dim_is_known(size))
        NN_TRY(check_count(node, condition->dims[0], size));
    if (!attrs->has_axis) return nn_set_output(node, 0, in->type, 1, &kept);
    int64_t dims[NN_MAX_RANK];
    for (int k = 0; k < in->rank; k++) dims[k] = k == axis ? kept : in->dims[k];
    return nn_set_output(node, 0, in->type, in->rank, dims);
}

static nn_status run(const nn_call *call) {
    const compress_attrs *attrs = call->node->attrs;
    const nn_tensor *in = call->in[0], *condition = call->in[1];
    const uint8_t *flags = condition->data;
    nn_tensor *out = call->out[0];
    int64_t kept = count_true(condition), count = nn_tensor_count(condition);
    nn_rows from = {1, nn_tensor_count(in), 1};
    nn_tensor shape = {.type = in->type, .rank = 1, .dims = {kept}};
    if (attrs->has_axis) {
        int axis;
        NN_TRY(nn_check_axis(call->node, attrs->axis, in->rank, &axis));
        from = nn_rows_of(in->dims, in->rank, axis);
        shape = *in;
        shape.dims[axis] = kept;
    }
    NN_TRY(check_count(call->node, count, from.size));
    NN_TRY(nn_tensor_init(out, shape.type, shape.dims, shape.rank));
    nn_rows to = from;
    to.size = kept;
    int64_t at = 0;
    for (int64_t i = 0; i < count;) {
        int64_t end = i;
        while (end < count && flags[end] != 0) end++;
        nn_move_rows(in->type, out->data, &to, at, in->data, &from, i, end - i);
        at += end - i;
        i = end + 1;
    }
    return NN_OK;
}

static const nn_kernel reference = {
    .name = "compress_reference",
    .exactness = NN_EXACT,
    .makes_outputs = true,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_compress = {
    .name = "Compress",
    .domain = "",
    .since = 9,
    .min_inputs = 2,
    .max_inputs = 2,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(compress_attrs),
    .parse = parse,
    .infer = infer,
    .cost = nn_cost_of_moving,
    .kernels = kernels,
};
