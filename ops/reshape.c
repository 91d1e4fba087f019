#include "ops/family/copy.h"
#include "ops/family/grad.h"

typedef struct reshape_attrs {
    bool has_shape; /* before version 5 the shape was an attribute */
    bool allow_zero;
    nn_list shape;
} reshape_attrs;

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    reshape_attrs *parsed = out;
    if (node->opset < 5) {
        parsed->has_shape = true;
        return nn_list_attribute(node, attrs, "shape", NN_MAX_RANK, &parsed->shape);
    }
    if (node->in_count < 2) return nn_view_fail(node, NN_BAD_INPUT, "input 1 (shape) is missing");
    int64_t allow_zero;
    NN_TRY(nn_attrs_int(attrs, "allowzero", 0, &allow_zero));
    parsed->allow_zero = allow_zero != 0;
    return NN_OK;
}

/* The wanted shape as elements; count -1 when not even its length is known. */
static nn_status wanted_shape(const nn_node_view *node, nn_element wanted[NN_MAX_RANK],
                              int *count) {
    const reshape_attrs *attrs = node->attrs;
    nn_list list = attrs->shape;
    if (!attrs->has_shape) NN_TRY(nn_list_input(node, 1, NN_MAX_RANK, &list));
    const nn_fact *fact = nn_view_in(node, 1);
    *count = list.count;
    for (int i = 0; i < list.count; i++) {
        if (list.known)
            wanted[i] = nn_element_number(list.values[i]);
        else if (i < nn_elements_count(fact))
            wanted[i] = nn_elements_get(fact, i);
        else
            wanted[i] = (nn_element){NN_ELEMENT_UNKNOWN, 0};
    }
    return NN_OK;
}

/* Leaves out of the product what stands on both sides, so that symbols cancel. Returns the size of
 * the one axis that is not known, or unknown. */
static int64_t solve_missing(const nn_fact *in, const int64_t *dims, int rank, int missing) {
    bool used[NN_MAX_RANK] = {false};
    int64_t rest = 1;
    for (int i = 0; i < rank; i++) {
        if (i == missing) continue;
        int twin = -1;
        for (int k = 0; nn_dim_is_symbol(dims[i]) && k < in->rank && twin < 0; k++)
            if (!used[k] && in->dims[k] == dims[i]) twin = k;
        if (twin >= 0)
            used[twin] = true;
        else
            rest = nn_dim_multiply(rest, dims[i]);
    }
    int64_t numbers = 1, symbols = 1;
    for (int k = 0; k < in->rank; k++) {
        int64_t *part = nn_dim_is_known(in->dims[k]) ? &numbers : &symbols;
        if (!used[k]) *part = nn_dim_multiply(*part, in->dims[k]);
    }
    if (rest <= 0 || numbers < 0 || numbers % rest != 0) return NN_DIM_UNKNOWN;
    return nn_dim_multiply(numbers / rest, symbols);
}

static nn_status counts_fail(const nn_node_view *node, const int64_t *dims, int rank) {
    const nn_fact *in = node->in[0];
    char from[200], to[200];
    return nn_view_fail(node, NN_BAD_INPUT, "cannot reshape %s into %s: %lld elements",
                        nn_dims_text(in->dims, in->rank, from, sizeof from),
                        nn_dims_text(dims, rank, to, sizeof to), (long long)nn_fact_count(in));
}

/* An unknown size of axis `missing` that is not -1 may be anything where other sizes are 0. */
static nn_status check_counts(const nn_node_view *node, const int64_t *dims, int rank, int missing,
                              bool is_minus_one) {
    int64_t total = nn_fact_count(node->in[0]), rest = 1;
    if (total < 0) return NN_OK;
    for (int i = 0; i < rank; i++)
        if (i != missing) rest = nn_dim_multiply(rest, dims[i]);
    if (rest < 0) return NN_OK;
    bool fits = missing < 0 ? rest == total : rest > 0 && total % rest == 0;
    if (missing >= 0 && rest == 0) fits = total == 0 && !is_minus_one;
    return fits ? NN_OK : counts_fail(node, dims, rank);
}

static nn_status infer(const nn_node_view *node) {
    const reshape_attrs *attrs = node->attrs;
    const nn_fact *in = node->in[0];
    nn_element wanted[NN_MAX_RANK];
    int64_t dims[NN_MAX_RANK];
    int rank, missing = -1, unknown = 0;
    NN_TRY(wanted_shape(node, wanted, &rank));
    for (int i = 0; i < rank; i++) {
        if (wanted[i].kind == NN_ELEMENT_NUMBER && wanted[i].value < -1)
            return nn_view_fail(node, NN_BAD_INPUT, "shape holds %lld", (long long)wanted[i].value);
        bool copies = wanted[i].kind == NN_ELEMENT_NUMBER && wanted[i].value == 0;
        if (copies && !attrs->allow_zero) {
            if (in->rank >= 0 && i >= in->rank)
                return nn_view_fail(node, NN_BAD_INPUT,
                                    "shape copies axis %d of an input of rank %d", i, in->rank);
            dims[i] = in->rank >= 0 ? in->dims[i] : NN_DIM_UNKNOWN;
        } else {
            dims[i] = nn_dim_of_element(wanted[i]);
        }
        bool is_minus_one = wanted[i].kind == NN_ELEMENT_NUMBER && wanted[i].value == -1;
        if (is_minus_one && missing >= 0 && wanted[missing].kind == NN_ELEMENT_NUMBER)
            return nn_view_fail(node, NN_BAD_INPUT, "shape holds -1 twice");
        if (is_minus_one || wanted[i].kind == NN_ELEMENT_UNKNOWN) {
            if (is_minus_one || missing < 0) missing = i;
            unknown++;
        }
    }
    if (in->rank >= 0 && rank >= 0 && unknown <= 1) {
        bool is_minus_one = missing >= 0 && wanted[missing].kind == NN_ELEMENT_NUMBER;
        NN_TRY(check_counts(node, dims, rank, missing, is_minus_one));
        if (missing >= 0) dims[missing] = solve_missing(in, dims, rank, missing);
    }
    NN_TRY(nn_set_output(node, 0, in->type, rank, dims));
    int count = nn_elements_count(in);
    if (rank > 1 || rank < 0 || node->out[0] == NULL) return NN_OK;
    nn_elements_begin(node->out[0], count);
    for (int i = 0; i < count; i++) nn_elements_set(node->out[0], i, nn_elements_get(in, i));
    return NN_OK;
}

const nn_op nn_op_reshape = {
    .name = "Reshape",
    .domain = "",
    .since = 1,
    .min_inputs = 1,
    .max_inputs = 2,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(reshape_attrs),
    .parse = parse,
    .infer = infer,
    .cost = nn_cost_of_moving,
    .axes = nn_axes_of_reshape,
    .quant = NN_QUANT_MOVES,
    .is_view = true,
    .kernels = nn_copy_kernels,
    .grad = nn_grad_of_reshaping,
};
