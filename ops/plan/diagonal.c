/* Diagonal, for operators that are written with it. */
#include "ops/plan/diagonal.h"

#include "ops/family/copy.h"

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    nn_diagonal_attrs *parsed = out;
    NN_TRY(nn_attrs_int(attrs, "first", 0, &parsed->first));
    NN_TRY(nn_attrs_int(attrs, "second", 1, &parsed->second));
    if (parsed->first < 0 || parsed->second <= parsed->first)
        return nn_view_fail(node, NN_BAD_INPUT, "the axes are %lld and %lld",
                            (long long)parsed->first, (long long)parsed->second);
    return NN_OK;
}

static nn_status infer(const nn_node_view *node) {
    const nn_diagonal_attrs *attrs = node->attrs;
    const nn_fact *in = node->in[0];
    int64_t dims[NN_MAX_RANK];
    int rank = 0;
    if (in->rank < 0) return nn_set_output(node, 0, in->type, -1, NULL);
    if (attrs->second >= in->rank)
        return nn_view_fail(node, NN_BAD_INPUT, "axis %lld is outside of rank %d",
                            (long long)attrs->second, in->rank);
    int64_t a = in->dims[attrs->first], b = in->dims[attrs->second];
    if (nn_dim_is_known(a) && nn_dim_is_known(b) && a != b)
        return nn_view_fail(node, NN_BAD_INPUT, "axes of sizes %lld and %lld have no diagonal",
                            (long long)a, (long long)b);
    for (int i = 0; i < in->rank; i++)
        if (i != attrs->second) dims[rank++] = in->dims[i];
    if (!nn_dim_is_known(a)) dims[attrs->first] = b;
    return nn_set_output(node, 0, in->type, rank, dims);
}

static nn_status run(const nn_call *call) {
    const nn_diagonal_attrs *attrs = call->node->attrs;
    const nn_tensor *in = call->in[0];
    nn_tensor *out = call->out[0];
    int64_t steps[NN_MAX_RANK], from[NN_MAX_RANK], to[NN_MAX_RANK];
    int rank = 0;
    nn_dense_steps(in->dims, in->rank, steps);
    nn_dense_steps(out->dims, out->rank, to);
    for (int i = 0; i < in->rank; i++)
        if (i != attrs->second) from[rank++] = steps[i];
    from[attrs->first] += steps[attrs->second];
    nn_copy_strided(call->pool, nn_element_size(in->type), out->dims, rank, out->data, to, in->data,
                    from);
    return NN_OK;
}

static const nn_kernel reference = {
    .name = "diagonal_reference",
    .exactness = NN_EXACT,
    .accepts = nn_moves_bytes,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_diagonal = {
    .name = "Diagonal",
    .domain = "nnopt",
    .since = 1,
    .min_inputs = 1,
    .max_inputs = 1,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(nn_diagonal_attrs),
    .parse = parse,
    .infer = infer,
    .cost = nn_cost_of_moving,
    .quant = NN_QUANT_MOVES,
    .kernels = kernels,
};
