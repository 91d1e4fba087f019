#include "ops/family/microsoft/fused_attention.h"

#include "ops/family/infer.h"

nn_status nn_fused_attention_parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    static const char *const refused[] = {"do_rotary", "past_present_share_buffer"};
    nn_fused_attention_attrs *a = out;
    const int64_t *sizes;
    int64_t causal, count, flag;
    NN_TRY(nn_attrs_int(attrs, "num_heads", 0, &a->heads));
    NN_TRY(nn_attrs_int(attrs, "unidirectional", 0, &causal));
    NN_TRY(nn_attrs_float(attrs, "scale", 0, &a->scale));
    NN_TRY(nn_attrs_float(attrs, "mask_filter_value", -10000, &a->filter));
    NN_TRY(nn_attrs_ints(attrs, "qkv_hidden_sizes", &sizes, &count));
    for (int i = 0; i < 2; i++) {
        NN_TRY(nn_attrs_int(attrs, refused[i], 0, &flag));
        if (flag != 0)
            return nn_view_fail(node, NN_UNSUPPORTED, "attribute '%s' is %lld", refused[i],
                                (long long)flag);
    }
    if (a->heads <= 0)
        return nn_view_fail(node, NN_BAD_INPUT, "attribute 'num_heads' is %lld, not positive",
                            (long long)a->heads);
    if (count != 0 && count != 3)
        return nn_view_fail(node, NN_BAD_INPUT,
                            "attribute 'qkv_hidden_sizes' has %lld elements, not 3",
                            (long long)count);
    for (int64_t i = 0; i < count; i++) {
        if (sizes[i] <= 0 || sizes[i] % a->heads != 0)
            return nn_view_fail(node, NN_BAD_INPUT, "size %lld does not divide into %lld heads",
                                (long long)sizes[i], (long long)a->heads);
        a->sizes[i] = sizes[i];
    }
    a->has_sizes = count == 3;
    a->is_causal = causal != 0;
    a->has_scale = a->scale != 0;
    return NN_OK;
}

/* ---- parts ---- */

nn_term *nn_expand_size(nn_expansion *e, nn_term *x, int64_t index) {
    return nn_expand(e, "Shape", NN_TERMS(x),
                     NN_ATTRS(nn_attr_int("start", index), nn_attr_int("end", index + 1)));
}

nn_term *nn_expand_range(nn_expansion *e, nn_term *count) {
    nn_term *zero = nn_expand_constant(e, NNOPT_INT64, NULL, 0, &(int64_t){0});
    nn_term *one = nn_expand_constant(e, NNOPT_INT64, NULL, 0, &(int64_t){1});
    return nn_expand(e, "Range", NN_TERMS(zero, nn_expand_reshape(e, count, 0, NULL), one));
}

void nn_expand_split(nn_expansion *e, nn_term *x, int64_t axis, int count, const int64_t *sizes,
                     nn_term **out) {
    nn_attr items[2] = {nn_attr_int("axis", axis), nn_attr_int("num_outputs", count)};
    nn_term *in[2] = {x, sizes != NULL ? nn_expand_ints(e, count, sizes) : NULL};
    int both = sizes != NULL ? 2 : 1;
    const nn_part part = {"Split", both, in, {items, sizes != NULL ? 1 : 2}};
    nn_expand_parts(e, &part, out, count);
}

nn_term *nn_expand_squeeze(nn_expansion *e, nn_term *x, int64_t axis) {
    return nn_expand(e, "Squeeze", NN_TERMS(x, nn_expand_ints(e, 1, &axis)));
}

/* ---- masks ---- */

static nn_term *compare(nn_expansion *e, const char *op_type, nn_term *a, nn_term *b) {
    return nn_expand(e, op_type, NN_TERMS(a, b));
}

/* Keys before the ends and not before the beginnings: [B, 1, 1, T]. */
static nn_term *seen_by_bounds(nn_expansion *e, nn_term *mask, bool has_begin, nn_term *length) {
    static const int64_t column[4] = {-1, 1, 1, 1};
    nn_term *bounds[2] = {mask, NULL};
    nn_term *keys = nn_expand_range(e, length);
    if (has_begin) nn_expand_split(e, mask, 0, 2, NULL, bounds);
    nn_term *seen = compare(e, "Less", keys, nn_expand_reshape(e, bounds[0], 4, column));
    if (!has_begin) return seen;
    nn_term *late = compare(e, "GreaterOrEqual", keys, nn_expand_reshape(e, bounds[1], 4, column));
    return compare(e, "And", seen, late);
}

static nn_status find_seen(const nn_node_view *node, nn_expansion *e, int index, int64_t batch,
                           nn_term *length, nn_term **out) {
    static const int64_t one = 1, both[2] = {1, 2};
    const nn_fact *fact = node->in[index];
    nn_term *mask = nn_expand_cast(e, nn_expand_in(e, index), NNOPT_INT64);
    nn_term *zero = nn_expand_constant(e, NNOPT_INT64, NULL, 0, &(int64_t){0});
    char text[128];
    if (fact->rank == 1 && fact->dims[0] == batch && batch != NN_DIM_UNKNOWN) {
        *out = seen_by_bounds(e, mask, false, length);
    } else if (fact->rank == 1 && nn_dim_is_known(batch) && fact->dims[0] == 2 * batch) {
        *out = seen_by_bounds(e, mask, true, length);
    } else if (fact->rank == 2) {
        *out = nn_expand(e, "Unsqueeze",
                         NN_TERMS(compare(e, "Greater", mask, zero), nn_expand_ints(e, 2, both)));
    } else if (fact->rank == 3) {
        *out = nn_expand(e, "Unsqueeze",
                         NN_TERMS(compare(e, "Greater", mask, zero), nn_expand_ints(e, 1, &one)));
    } else {
        return nn_view_fail(node, NN_UNSUPPORTED, "a mask of shape %s",
                            nn_dims_text(fact->dims, fact->rank, text, sizeof text));
    }
    return NN_OK;
}

nn_status nn_fused_attention_mask(const nn_node_view *node, nn_expansion *e, int index, int bias,
                                  int64_t batch, nn_term *length, nn_term **out) {
    const nn_fused_attention_attrs *a = node->attrs;
    *out = nn_expand_float_in(e, bias);
    if (nn_view_in(node, index) == NULL) return NN_OK;
    nn_term *seen = NULL;
    NN_TRY(find_seen(node, e, index, batch, length, &seen));
    nn_term *mask =
        nn_expand(e, "Where", NN_TERMS(seen, nn_expand_float(e, 0), nn_expand_float(e, a->filter)));
    *out = *out == NULL ? mask : nn_expand(e, "Add", NN_TERMS(mask, *out));
    return NN_OK;
}

void nn_fused_attention_expand(const nn_node_view *node, nn_expansion *e,
                               const nn_fused_attention *x, nn_term *out[3]) {
    const nn_fused_attention_attrs *a = node->attrs;
    nn_term *in[] = {x->q, x->k, x->v, x->mask, x->past_k, x->past_v};
    nn_attr items[4] = {nn_attr_int("is_causal", a->is_causal)};
    int count = 1;
    if (a->has_scale) items[count++] = nn_attr_float("scale", a->scale);
    if (!x->has_heads) {
        items[count++] = nn_attr_int("q_num_heads", a->heads);
        items[count++] = nn_attr_int("kv_num_heads", a->heads);
    }
    const nn_part part = {"Attention", 6, in, {items, count}};
    nn_expand_parts(e, &part, out, 3);
}
