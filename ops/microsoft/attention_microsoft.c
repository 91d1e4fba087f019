/* Attention of com.microsoft: projection of one input to queries, keys and values, attention
 * between them.
 *
 *     x [B, S, D], weights [D, q + k + v], bias [q + k + v], mask, past [2, B, heads, P, size],
 *     attention bias [B or 1, heads or 1, S, P + S]
 *
 * Outputs: y [B, S, v], present [2, B, heads, P + S, size]. */
#include "ops/family/microsoft/fused_attention.h"
#include "ops/family/infer.h"

enum { X, WEIGHTS, BIAS, MASK, PAST, ATTENTION_BIAS };

static nn_status check_rank(const nn_node_view *node, int input, int rank) {
    const nn_fact *fact = nn_view_in(node, input);
    if (fact == NULL || fact->rank < 0 || fact->rank == rank) return NN_OK;
    return nn_view_fail(node, NN_BAD_INPUT, "input %d must have rank %d, has %d", input, rank,
                        fact->rank);
}

/* Columns of v, and of one head of k. */
static nn_status find_columns(const nn_node_view *node, int64_t *values, int64_t *head) {
    const nn_fused_attention_attrs *a = node->attrs;
    const nn_fact *weights = node->in[WEIGHTS];
    int64_t columns = weights->rank == 2 ? weights->dims[1] : NN_DIM_UNKNOWN;
    *values = *head = NN_DIM_UNKNOWN;
    if (a->has_sizes) {
        *values = a->sizes[2];
        *head = a->sizes[1] / a->heads;
        if (!nn_dim_is_known(columns) || columns == a->sizes[0] + a->sizes[1] + a->sizes[2])
            return NN_OK;
        return nn_view_fail(node, NN_BAD_INPUT, "the weights have %lld columns, the sizes say %lld",
                            (long long)columns,
                            (long long)(a->sizes[0] + a->sizes[1] + a->sizes[2]));
    }
    if (!nn_dim_is_known(columns)) return NN_OK;
    if (columns % (3 * a->heads) != 0)
        return nn_view_fail(node, NN_BAD_INPUT,
                            "%lld columns of weights do not divide into 3 x %lld heads",
                            (long long)columns, (long long)a->heads);
    *values = columns / 3;
    *head = *values / a->heads;
    return NN_OK;
}

static nn_status infer(const nn_node_view *node) {
    const nn_fused_attention_attrs *a = node->attrs;
    const nn_fact *x = node->in[X], *weights = node->in[WEIGHTS], *past = nn_view_in(node, PAST);
    NN_TRY(nn_check_types(node, X, BIAS, NN_TYPE_BIT(NNOPT_FLOAT) | NN_TYPES_HALF));
    NN_TRY(nn_check_same_types(node, X, BIAS));
    NN_TRY(nn_check_types(node, MASK, MASK, NN_TYPE_BIT(NNOPT_INT32)));
    NN_TRY(check_rank(node, X, 3));
    NN_TRY(check_rank(node, WEIGHTS, 2));
    NN_TRY(check_rank(node, BIAS, 1));
    NN_TRY(check_rank(node, PAST, 5));
    NN_TRY(check_rank(node, ATTENTION_BIAS, 4));
    int64_t values, head;
    NN_TRY(find_columns(node, &values, &head));
    int64_t dims[3] = {NN_DIM_UNKNOWN, NN_DIM_UNKNOWN, values};
    if (x->rank == 3) memcpy(dims, x->dims, 2 * sizeof *dims);
    if (x->rank == 3 && weights->rank == 2 && nn_dim_is_known(x->dims[2]) &&
        nn_dim_is_known(weights->dims[0]) && x->dims[2] != weights->dims[0])
        return nn_view_fail(node, NN_BAD_INPUT, "input has %lld columns, the weights %lld rows",
                            (long long)x->dims[2], (long long)weights->dims[0]);
    int64_t before = past == NULL ? 0 : past->rank == 5 ? past->dims[3] : NN_DIM_UNKNOWN;
    int64_t present[5] = {2, dims[0], a->heads, nn_dim_add(before, dims[1]), head};
    NN_TRY(nn_set_output(node, 1, x->type, 5, present));
    return nn_set_output(node, 0, x->type, 3, dims);
}

static nn_status expand(const nn_node_view *node, nn_expansion *e) {
    static const int64_t first = 0;
    const nn_fused_attention_attrs *a = node->attrs;
    nn_term *qkv[3], *past[2] = {NULL}, *out[3], *bias = nn_expand_float_in(e, BIAS);
    nn_term *x = nn_expand_float_in(e, X), *length = nn_expand_size(e, x, 1);
    nn_term *all = nn_expand(e, "MatMul", NN_TERMS(x, nn_expand_float_in(e, WEIGHTS)));
    if (bias != NULL) all = nn_expand(e, "Add", NN_TERMS(all, bias));
    nn_expand_split(e, all, 2, 3, a->has_sizes ? a->sizes : NULL, qkv);
    if (nn_view_in(node, PAST) != NULL) {
        nn_expand_split(e, nn_expand_float_in(e, PAST), 0, 2, NULL, past);
        length = nn_expand(e, "Add", NN_TERMS(length, nn_expand_size(e, nn_expand_in(e, PAST), 3)));
        for (int i = 0; i < 2; i++) past[i] = nn_expand_squeeze(e, past[i], 0);
    }
    nn_fused_attention attention = {
        .q = qkv[0], .k = qkv[1], .v = qkv[2], .past_k = past[0], .past_v = past[1]};
    int64_t batch = node->in[X]->rank == 3 ? node->in[X]->dims[0] : NN_DIM_UNKNOWN;
    NN_TRY(nn_fused_attention_mask(node, e, MASK, ATTENTION_BIAS, batch, length, &attention.mask));
    nn_fused_attention_expand(node, e, &attention, out);
    nn_expand_float_out(e, 0, out[0]);
    if (!nn_expand_wants(e, 1)) return NN_OK;
    nn_term *axis = nn_expand_ints(e, 1, &first), *present[2];
    for (int i = 0; i < 2; i++) present[i] = nn_expand(e, "Unsqueeze", NN_TERMS(out[1 + i], axis));
    nn_expand_float_out(
        e, 1,
        nn_expand(e, "Concat", NN_TERMS(present[0], present[1]), NN_ATTRS(nn_attr_int("axis", 0))));
    return NN_OK;
}

const nn_op nn_op_attention_microsoft = {
    .name = "Attention",
    .domain = "com.microsoft",
    .since = 1,
    .min_inputs = 2,
    .max_inputs = 6,
    .min_outputs = 1,
    .max_outputs = 2,
    .attr_size = sizeof(nn_fused_attention_attrs),
    .parse = nn_fused_attention_parse,
    .infer = infer,
    .quant = NN_QUANT_FLOAT,
    .expand = expand,
};
