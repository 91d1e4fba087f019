/* MultiHeadAttention: attention with a bias for its operands and an integer mask.
 *
 *     query [B, S, q]                        key [B, T, k], value [B, T, v]
 *                                            or both [B, heads, T, size]
 *                                            or key [B, T, heads, 2, size] for both
 *     query [B, S, heads, 3, size] for all
 *     bias [q + k + v], key mask, attention bias [B or 1, heads or 1, S, P + T],
 *     past key and value [B, heads, P, size]
 *
 * Outputs: y [B, S, v], present key and value [B, heads, P + T, size]. */
#include "ops/family/microsoft/fused_attention.h"
#include "ops/family/infer.h"

enum { QUERY, KEY, VALUE, BIAS, MASK, ATTENTION_BIAS, PAST_KEY, PAST_VALUE };

static int rank_of(const nn_node_view *node, int input) {
    const nn_fact *fact = nn_view_in(node, input);
    return fact != NULL ? fact->rank : 0;
}

static int64_t dim_of(const nn_node_view *node, int input, int axis) {
    const nn_fact *fact = nn_view_in(node, input);
    return fact != NULL && fact->rank > axis ? fact->dims[axis] : NN_DIM_UNKNOWN;
}

static nn_status check_ranks(const nn_node_view *node) {
    int query = rank_of(node, QUERY), key = rank_of(node, KEY), value = rank_of(node, VALUE);
    if (query < 0 || key < 0 || value < 0) return NN_OK;
    bool fits = (query == 5 && key == 0 && value == 0) || (query == 3 && key == 5 && value == 0) ||
                (query == 3 && key == 3 && value == 3) || (query == 3 && key == 4 && value == 4);
    if (fits) return NN_OK;
    return nn_view_fail(node, NN_UNSUPPORTED, "query, key and value of ranks %d, %d, %d", query,
                        key, value);
}

/* The columns of y. */
static int64_t value_columns(const nn_node_view *node) {
    const nn_fused_attention_attrs *a = node->attrs;
    int64_t heads = a->heads;
    if (rank_of(node, QUERY) == 5) return nn_dim_multiply(heads, dim_of(node, QUERY, 4));
    if (rank_of(node, KEY) == 5) return nn_dim_multiply(heads, dim_of(node, KEY, 4));
    if (rank_of(node, VALUE) == 4) return nn_dim_multiply(heads, dim_of(node, VALUE, 3));
    return dim_of(node, VALUE, 2);
}

static nn_status infer(const nn_node_view *node) {
    const nn_fused_attention_attrs *a = node->attrs;
    const nn_fact *query = node->in[QUERY];
    NN_TRY(nn_check_types(node, QUERY, BIAS, NN_TYPE_BIT(NNOPT_FLOAT) | NN_TYPES_HALF));
    NN_TRY(nn_check_same_types(node, QUERY, BIAS));
    NN_TRY(nn_check_types(node, MASK, MASK, NN_TYPE_BIT(NNOPT_INT32)));
    NN_TRY(check_ranks(node));
    if ((nn_view_in(node, PAST_KEY) == NULL) != (nn_view_in(node, PAST_VALUE) == NULL))
        return nn_view_fail(node, NN_BAD_INPUT, "past key and value must come together");
    int64_t columns = value_columns(node), batch = dim_of(node, QUERY, 0);
    if (nn_dim_is_known(columns) && columns % a->heads != 0)
        return nn_view_fail(node, NN_BAD_INPUT, "%lld columns do not divide into %lld heads",
                            (long long)columns, (long long)a->heads);
    int64_t dims[3] = {batch, dim_of(node, QUERY, 1), columns};
    int64_t present[4] = {batch, a->heads, NN_DIM_UNKNOWN, NN_DIM_UNKNOWN};
    int key = rank_of(node, KEY);
    int64_t keys = rank_of(node, QUERY) == 5 ? dim_of(node, QUERY, 1)
                   : key == 4                ? dim_of(node, KEY, 2)
                                             : dim_of(node, KEY, 1);
    int64_t past = nn_view_in(node, PAST_KEY) != NULL ? dim_of(node, PAST_KEY, 2) : 0;
    present[2] = nn_dim_add(keys, past);
    int64_t key_columns = key == 3 ? dim_of(node, KEY, 2) : columns;
    if (nn_dim_is_known(key_columns)) present[3] = key_columns / a->heads;
    NN_TRY(nn_set_output(node, 1, query->type, 4, present));
    if (nn_dim_is_known(columns)) present[3] = columns / a->heads;
    NN_TRY(nn_set_output(node, 2, query->type, 4, present));
    return nn_set_output(node, 0, query->type, 3, dims);
}

/* Operands of one tensor [B, rows, heads, count, size], each as [B, rows, heads x size]. */
static void unpack(nn_expansion *e, nn_term *packed, int count, nn_term **out) {
    static const int64_t wide[3] = {0, 0, -1};
    nn_expand_split(e, packed, 3, count, NULL, out);
    for (int i = 0; i < count; i++) out[i] = nn_expand_reshape(e, out[i], 3, wide);
}

static nn_status add_bias(const nn_node_view *node, nn_expansion *e, nn_term **operands) {
    nn_term *bias = nn_expand_float_in(e, BIAS), *parts[3];
    if (bias == NULL) return NN_OK;
    int64_t columns = value_columns(node), total = dim_of(node, BIAS, 0);
    if (!nn_dim_is_known(columns) || !nn_dim_is_known(total) || columns > total ||
        (total - columns) % 2 != 0)
        return nn_view_fail(node, NN_UNSUPPORTED, "the sizes of bias and value must be known");
    int64_t half = (total - columns) / 2, sizes[3] = {half, half, columns};
    nn_expand_split(e, bias, 0, 3, sizes, parts);
    int count = rank_of(node, KEY) == 4 ? 1 : 3; /* keys and values by heads have theirs */
    for (int i = 0; i < count; i++)
        operands[i] = nn_expand(e, "Add", NN_TERMS(operands[i], parts[i]));
    return NN_OK;
}

static nn_status expand(const nn_node_view *node, nn_expansion *e) {
    const nn_fused_attention_attrs *a = node->attrs;
    static const int64_t by_head[4] = {0, 2, 1, 3}, wide[3] = {0, 0, -1};
    const int64_t split[4] = {0, 0, a->heads, -1};
    bool has_heads = rank_of(node, KEY) == 4;
    nn_term *operands[3] = {nn_expand_float_in(e, QUERY), nn_expand_float_in(e, KEY),
                            nn_expand_float_in(e, VALUE)};
    if (rank_of(node, QUERY) < 0 || rank_of(node, KEY) < 0 || rank_of(node, VALUE) < 0)
        return nn_view_fail(node, NN_UNSUPPORTED, "ranks of query, key and value must be known");
    if (nn_expand_wants(e, 3))
        return nn_view_fail(node, NN_UNSUPPORTED, "output 3, the scores, is not made");
    if (rank_of(node, QUERY) == 5) unpack(e, operands[0], 3, operands);
    if (rank_of(node, KEY) == 5) unpack(e, operands[1], 2, operands + 1);
    NN_TRY(add_bias(node, e, operands));
    nn_term *length = nn_expand_size(e, operands[1], has_heads ? 2 : 1);
    if (nn_view_in(node, PAST_KEY) != NULL)
        length =
            nn_expand(e, "Add", NN_TERMS(length, nn_expand_size(e, nn_expand_in(e, PAST_KEY), 2)));
    if (has_heads)
        operands[0] =
            nn_expand_transpose(e, nn_expand_reshape(e, operands[0], 4, split), 4, by_head);
    nn_fused_attention attention = {.q = operands[0],
                                    .k = operands[1],
                                    .v = operands[2],
                                    .past_k = nn_expand_float_in(e, PAST_KEY),
                                    .past_v = nn_expand_float_in(e, PAST_VALUE),
                                    .has_heads = has_heads};
    NN_TRY(nn_fused_attention_mask(node, e, MASK, ATTENTION_BIAS, dim_of(node, QUERY, 0), length,
                                   &attention.mask));
    nn_term *out[3];
    nn_fused_attention_expand(node, e, &attention, out);
    if (has_heads)
        out[0] = nn_expand_reshape(e, nn_expand_transpose(e, out[0], 4, by_head), 3, wide);
    for (int i = 0; i < 3; i++) nn_expand_float_out(e, i, out[i]);
    return NN_OK;
}

const nn_op nn_op_multi_head_attention = {
    .name = "MultiHeadAttention",
    .domain = "com.microsoft",
    .since = 1,
    .min_inputs = 1,
    .max_inputs = 8,
    .min_outputs = 1,
    .max_outputs = 4,
    .attr_size = sizeof(nn_fused_attention_attrs),
    .parse = nn_fused_attention_parse,
    .infer = infer,
    .quant = NN_QUANT_FLOAT,
    .expand = expand,
};
