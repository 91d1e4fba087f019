/* RotaryEmbedding of com.microsoft: that of the standard, with the position first and as an offset.
 *
 *     x [B, S, heads x size] or [B, heads, S, size], positions [B, S] or the first one [1],
 *     cosines and sines [positions, size / 2] */
#include "ops/family/microsoft/fused_attention.h"
#include "ops/family/infer.h"

enum { X, POSITIONS, COSINES, SINES };

typedef struct rotary_attrs {
    int64_t heads, rotary, interleaved;
} rotary_attrs;

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    rotary_attrs *a = out;
    int64_t packed;
    float scale;
    NN_TRY(nn_attrs_int(attrs, "num_heads", 0, &a->heads));
    NN_TRY(nn_attrs_int(attrs, "rotary_embedding_dim", 0, &a->rotary));
    NN_TRY(nn_attrs_int(attrs, "interleaved", 0, &a->interleaved));
    NN_TRY(nn_attrs_int(attrs, "is_packed_batching", 0, &packed));
    NN_TRY(nn_attrs_float(attrs, "scale", 1, &scale));
    if (packed != 0)
        return nn_view_fail(node, NN_UNSUPPORTED, "attribute 'is_packed_batching' is %lld",
                            (long long)packed);
    if (scale != 1)
        return nn_view_fail(node, NN_UNSUPPORTED, "attribute 'scale' is %g, not 1", (double)scale);
    if (a->rotary > 0 && a->heads <= 0)
        return nn_view_fail(node, NN_BAD_INPUT,
                            "attribute 'rotary_embedding_dim' needs 'num_heads'");
    return NN_OK;
}

static nn_status infer(const nn_node_view *node) {
    const nn_fact *x = node->in[X], *positions = node->in[POSITIONS];
    NN_TRY(nn_check_types(node, X, X, NN_TYPE_BIT(NNOPT_FLOAT) | NN_TYPES_HALF));
    NN_TRY(nn_check_types(node, POSITIONS, POSITIONS, NN_TYPE_BIT(NNOPT_INT64)));
    if (x->rank >= 0 && x->rank != 3 && x->rank != 4)
        return nn_view_fail(node, NN_BAD_INPUT, "input 0 has rank %d, not 3 or 4", x->rank);
    if (positions->rank >= 0 && positions->rank != 1 && positions->rank != 2)
        return nn_view_fail(node, NN_BAD_INPUT, "the positions have rank %d, not 1 or 2",
                            positions->rank);
    return nn_infer_like(node);
}

/* Positions [B, S] that start at the one given. */
static nn_term *count_from(const nn_node_view *node, nn_expansion *e) {
    nn_term *x = nn_expand_in(e, X);
    nn_term *length = nn_expand_size(e, x, node->in[X]->rank == 4 ? 2 : 1);
    nn_term *row =
        nn_expand(e, "Add", NN_TERMS(nn_expand_range(e, length), nn_expand_in(e, POSITIONS)));
    nn_term *shape = nn_expand(e, "Concat", NN_TERMS(nn_expand_size(e, x, 0), length),
                               NN_ATTRS(nn_attr_int("axis", 0)));
    return nn_expand(e, "Expand", NN_TERMS(row, shape));
}

static nn_status expand(const nn_node_view *node, nn_expansion *e) {
    const rotary_attrs *a = node->attrs;
    const nn_fact *x = node->in[X], *cosines = node->in[COSINES];
    int64_t heads = a->heads;
    if (x->rank < 0 || node->in[POSITIONS]->rank < 0)
        return nn_view_fail(node, NN_UNSUPPORTED, "ranks of input and positions must be known");
    if (x->rank == 3 && heads == 0) {
        if (!nn_dim_is_known(x->dims[2]) || cosines->rank != 2 ||
            !nn_dim_is_known(cosines->dims[1]) || cosines->dims[1] == 0)
            return nn_view_fail(node, NN_UNSUPPORTED,
                                "without 'num_heads' the sizes of input and cosines must be known");
        heads = x->dims[2] / (2 * cosines->dims[1]);
    }
    nn_term *positions =
        node->in[POSITIONS]->rank == 1 ? count_from(node, e) : nn_expand_in(e, POSITIONS);
    nn_attr items[3] = {nn_attr_int("interleaved", a->interleaved),
                        nn_attr_int("rotary_embedding_dim", a->rotary),
                        nn_attr_int("num_heads", heads)};
    nn_term *in[] = {nn_expand_float_in(e, X), nn_expand_float_in(e, COSINES),
                     nn_expand_float_in(e, SINES), positions};
    const nn_part part = {"RotaryEmbedding", 4, in, {items, x->rank == 3 ? 3 : 2}};
    nn_expand_float_out(e, 0, nn_expand_part(e, &part));
    return NN_OK;
}

const nn_op nn_op_rotary_embedding_microsoft = {
    .name = "RotaryEmbedding",
    .domain = "com.microsoft",
    .since = 1,
    .min_inputs = 4,
    .max_inputs = 4,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(rotary_attrs),
    .parse = parse,
    .infer = infer,
    .quant = NN_QUANT_FLOAT,
    .expand = expand,
};
