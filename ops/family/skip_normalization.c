#include "ops/family/skip_normalization.h"

#include "ops/family/infer.h"

nn_status nn_skip_parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    nn_skip_attrs *a = out;
    (void)node;
    return nn_attrs_float(attrs, "epsilon", 1e-12f, &a->epsilon);
}

static bool differ(int64_t a, int64_t b) {
    return nn_dim_is_known(a) && nn_dim_is_known(b) && a != b;
}

static nn_status check_skip(const nn_node_view *node) {
    const nn_fact *x = node->in[0], *skip = node->in[1];
    if (skip->rank < 0) return NN_OK;
    bool fits = skip->rank == x->rank || skip->rank == x->rank - 1;
    for (int i = 1; fits && i <= skip->rank; i++) {
        int64_t size = skip->dims[skip->rank - i];
        bool repeats = i == x->rank && size == 1;
        fits = repeats || !differ(size, x->dims[x->rank - i]);
    }
    char text[128];
    if (fits) return NN_OK;
    return nn_view_fail(node, NN_BAD_INPUT, "input 1 of shape %s cannot be added to input 0",
                        nn_dims_text(skip->dims, skip->rank, text, sizeof text));
}

nn_status nn_skip_infer(const nn_node_view *node) {
    const nn_fact *x = node->in[0];
    NN_TRY(nn_check_types(node, 0, -1, NN_TYPE_BIT(NNOPT_FLOAT) | NN_TYPES_HALF));
    NN_TRY(nn_check_same_types(node, 0, -1));
    if (x->rank == 0 || x->rank == 1)
        return nn_view_fail(node, NN_BAD_INPUT, "input 0 must have rank 2 or 3, has %d", x->rank);
    int64_t dims[NN_MAX_RANK];
    if (x->rank > 0) {
        NN_TRY(check_skip(node));
        for (int i = 2; i < node->in_count; i++) {
            const nn_fact *vector = node->in[i];
            if (vector == NULL || vector->rank < 0) continue;
            if (vector->rank != 1 || differ(vector->dims[0], x->dims[x->rank - 1]))
                return nn_view_fail(node, NN_BAD_INPUT,
                                    "input %d must be a vector of the last axis' %lld elements", i,
                                    (long long)x->dims[x->rank - 1]);
        }
        for (int i = 0; i < x->rank; i++) dims[i] = i < x->rank - 1 ? x->dims[i] : 1;
    }
    for (int i = 1; i < 3; i++) NN_TRY(nn_set_output(node, i, NNOPT_FLOAT, x->rank, dims));
    NN_TRY(nn_set_output(node, 3, x->type, x->rank, x->dims));
    return nn_infer_like(node);
}

nn_term *nn_skip_sum(nn_expansion *e, int bias) {
    nn_term *sum =
        nn_expand(e, "Add", NN_TERMS(nn_expand_float_in(e, 0), nn_expand_float_in(e, 1)));
    nn_term *more = nn_expand_float_in(e, bias);
    return more != NULL ? nn_expand(e, "Add", NN_TERMS(sum, more)) : sum;
}

void nn_expand_rms(nn_expansion *e, nn_term *x, nn_term *gamma, float epsilon, int64_t axis,
                   int inverse_index) {
    nn_attr axis_attr = nn_attr_int("axis", axis), epsilon_attr = nn_attr_float("epsilon", epsilon);
    nn_expand_float_out(
        e, 0,
        nn_expand(e, "RMSNormalization", NN_TERMS(x, gamma), NN_ATTRS(axis_attr, epsilon_attr)));
    if (!nn_expand_wants(e, inverse_index)) return;
    nn_term *square = nn_expand(e, "Mul", NN_TERMS(x, x));
    nn_term *mean = nn_expand(e, "ReduceMean", NN_TERMS(square, nn_expand_ints(e, 1, &axis)));
    nn_term *moved = nn_expand(e, "Add", NN_TERMS(mean, nn_expand_float(e, epsilon)));
    nn_term *root = nn_expand(e, "Sqrt", NN_TERMS(moved));
    nn_expand_float_out(e, inverse_index, nn_expand(e, "Reciprocal", NN_TERMS(root)));
}
