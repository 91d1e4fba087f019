/* EmbedLayerNormalization: rows of two or three tables, added and normalised.
 *
 *     word_ids [B, S], segment_ids [B, S], word [W, H], position [P, H], segment [G, H], gamma [H],
 *     beta [H], mask [B, S], position_ids [B or 1, S]
 *
 * Outputs: normalised sum [B, S, H], how many ones each row of the mask has [B], the sum. */
#include "ops/expansion.h"
#include "ops/family/infer.h"

enum { WORD_IDS, SEGMENT_IDS, WORD, POSITION, SEGMENT, GAMMA, BETA, MASK, POSITION_IDS };

typedef struct embed_attrs {
    float epsilon;
} embed_attrs;

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    embed_attrs *a = out;
    (void)node;
    return nn_attrs_float(attrs, "epsilon", 1e-12f, &a->epsilon);
}

static nn_status check_rank(const nn_node_view *node, int input, int rank) {
    const nn_fact *fact = nn_view_in(node, input);
    if (fact == NULL || fact->rank < 0 || fact->rank == rank) return NN_OK;
    return nn_view_fail(node, NN_BAD_INPUT, "input %d must have rank %d, has %d", input, rank,
                        fact->rank);
}

static nn_status infer(const nn_node_view *node) {
    static const int needed[] = {WORD, POSITION, GAMMA, BETA};
    for (int i = 0; i < 4; i++)
        if (nn_view_in(node, needed[i]) == NULL)
            return nn_view_fail(node, NN_BAD_INPUT, "input %d is absent", needed[i]);
    const nn_fact *ids = node->in[WORD_IDS], *word = node->in[WORD];
    const nn_type_set integers = NN_TYPE_BIT(NNOPT_INT32) | NN_TYPE_BIT(NNOPT_INT64);
    NN_TRY(nn_check_types(node, WORD_IDS, SEGMENT_IDS, integers));
    NN_TRY(nn_check_types(node, MASK, -1, integers));
    NN_TRY(nn_check_types(node, WORD, BETA, NN_TYPE_BIT(NNOPT_FLOAT) | NN_TYPES_HALF));
    NN_TRY(nn_check_same_types(node, WORD, BETA));
    for (int input = WORD_IDS; input <= POSITION_IDS; input++)
        NN_TRY(check_rank(node, input, input == GAMMA || input == BETA ? 1 : 2));
    if ((nn_view_in(node, SEGMENT_IDS) == NULL) != (nn_view_in(node, SEGMENT) == NULL))
        return nn_view_fail(node, NN_BAD_INPUT,
                            "segment ids and the table of segments must come together");
    int64_t dims[3] = {NN_DIM_UNKNOWN, NN_DIM_UNKNOWN, NN_DIM_UNKNOWN};
    if (ids->rank == 2) memcpy(dims, ids->dims, 2 * sizeof *dims);
    if (word->rank == 2) dims[2] = word->dims[1];
    NN_TRY(nn_set_output(node, 1, NNOPT_INT32, 1, dims));
    NN_TRY(nn_set_output(node, 2, word->type, 3, dims));
    return nn_set_output(node, 0, word->type, 3, dims);
}

static nn_term *rows_of(nn_expansion *e, int table, nn_term *ids) {
    return nn_expand(e, "Gather", NN_TERMS(nn_expand_float_in(e, table), ids));
}

/* Without ids, the rows 0 .. S-1. */
static nn_term *positions(nn_expansion *e) {
    static const int64_t zero = 0;
    nn_term *ids = nn_expand_in(e, POSITION_IDS);
    if (ids != NULL) return rows_of(e, POSITION, ids);
    nn_term *length = nn_expand(e, "Shape", NN_TERMS(nn_expand_in(e, WORD_IDS)),
                                NN_ATTRS(nn_attr_int("start", 1), nn_attr_int("end", 2)));
    nn_term *first = nn_expand_ints(e, 1, &zero);
    return nn_expand(e, "Slice", NN_TERMS(nn_expand_float_in(e, POSITION), first, length, first));
}

static nn_term *count_ones(nn_expansion *e) {
    static const int64_t one = 1;
    nn_term *mask = nn_expand_in(e, MASK);
    if (mask == NULL) {
        nn_term *ids = nn_expand_in(e, WORD_IDS);
        nn_term *batch = nn_expand(e, "Shape", NN_TERMS(ids), NN_ATTRS(nn_attr_int("end", 1)));
        nn_term *zero = nn_expand_constant(e, NNOPT_INT32, NULL, 0, &(int32_t){0});
        return nn_expand(e, "Expand", NN_TERMS(zero, batch));
    }
    nn_term *wide = nn_expand_cast(e, mask, NNOPT_INT32);
    nn_term *is_one = nn_expand(
        e, "Equal", NN_TERMS(wide, nn_expand_constant(e, NNOPT_INT32, NULL, 0, &(int32_t){1})));
    return nn_expand(e, "ReduceSum",
                     NN_TERMS(nn_expand_cast(e, is_one, NNOPT_INT32), nn_expand_ints(e, 1, &one)),
                     NN_ATTRS(nn_attr_int("keepdims", 0)));
}

static nn_status expand(const nn_node_view *node, nn_expansion *e) {
    const embed_attrs *a = node->attrs;
    nn_term *sum =
        nn_expand(e, "Add", NN_TERMS(rows_of(e, WORD, nn_expand_in(e, WORD_IDS)), positions(e)));
    if (nn_expand_in(e, SEGMENT) != NULL)
        sum = nn_expand(e, "Add", NN_TERMS(sum, rows_of(e, SEGMENT, nn_expand_in(e, SEGMENT_IDS))));
    nn_expand_float_out(
        e, 0,
        nn_expand(e, "LayerNormalization",
                  NN_TERMS(sum, nn_expand_float_in(e, GAMMA), nn_expand_float_in(e, BETA)),
                  NN_ATTRS(nn_attr_float("epsilon", a->epsilon))));
    if (nn_expand_wants(e, 1)) nn_expand_out(e, 1, count_ones(e));
    nn_expand_float_out(e, 2, sum);
    return NN_OK;
}

const nn_op nn_op_embed_layer_normalization = {
    .name = "EmbedLayerNormalization",
    .domain = "com.microsoft",
    .since = 1,
    .min_inputs = 1,
    .max_inputs = 9,
    .min_outputs = 1,
    .max_outputs = 3,
    .attr_size = sizeof(embed_attrs),
    .parse = parse,
    .infer = infer,
    .quant = NN_QUANT_FLOAT,
    .expand = expand,
};
