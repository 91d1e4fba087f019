#include "ops/family/infer.h"

/* ---- types ---- */

nn_type nn_in_type(const nn_node_view *node, int index) {
    const nn_fact *fact = nn_view_in(node, index);
    return fact ? fact->type : NNOPT_TYPE_NONE;
}

nn_status nn_check_types(const nn_node_view *node, int first, int last, nn_type_set set) {
    if (last < 0 || last >= node->in_count) last = node->in_count - 1;
    for (int i = first; i <= last; i++) {
        nn_type type = nn_in_type(node, i);
        if (type != NNOPT_TYPE_NONE && !nn_type_in(type, set))
            return nn_view_fail(node, NN_BAD_INPUT, "input %d must not be of type %s", i,
                                nnopt_type_name(type));
    }
    return NN_OK;
}

nn_status nn_check_same_types(const nn_node_view *node, int first, int last) {
    if (last < 0 || last >= node->in_count) last = node->in_count - 1;
    int seen = -1;
    for (int i = first; i <= last; i++) {
        nn_type type = nn_in_type(node, i);
        if (type == NNOPT_TYPE_NONE) continue;
        if (seen >= 0 && type != node->in[seen]->type)
            return nn_view_fail(node, NN_BAD_INPUT, "input %d is %s but input %d is %s", seen,
                                nnopt_type_name(node->in[seen]->type), i, nnopt_type_name(type));
        seen = i;
    }
    return NN_OK;
}

bool nn_in_types_are(const nn_node_view *node, int first, int last, nn_type type) {
    if (last < 0 || last >= node->in_count) last = node->in_count - 1;
    for (int i = first; i <= last; i++)
        if (node->in[i] != NULL && node->in[i]->type != type) return false;
    return true;
}

/* ---- outputs ---- */

nn_status nn_set_output(const nn_node_view *node, int index, nn_type type, int rank,
                        const int64_t *dims) {
    if (index >= node->out_count || node->out[index] == NULL) return NN_OK;
    if (rank > NN_MAX_RANK)
        return nn_view_fail(node, NN_UNSUPPORTED, "output %d would have rank %d, over the limit %d",
                            index, rank, NN_MAX_RANK);
    nn_fact fact = nn_fact_make(type, rank, dims);
    bool concrete = rank >= 0;
    for (int i = 0; i < rank; i++) concrete = concrete && nn_dim_is_known(dims[i]);
    int64_t count;
    if (concrete && !nn_dims_count(dims, rank, &count)) {
        char text[256];
        return nn_view_fail(node, NN_BAD_INPUT, "output shape %s has too many elements",
                            nn_dims_text(dims, rank, text, sizeof text));
    }
    *node->out[index] = fact;
    return NN_OK;
}

nn_status nn_infer_like(const nn_node_view *node) {
    const nn_fact *in = node->in[0];
    return nn_set_output(node, 0, in->type, in->rank, in->dims);
}

nn_status nn_infer_same(const nn_node_view *node) {
    const nn_fact *in = node->in[0];
    NN_TRY(nn_infer_like(node));
    if (node->out[0] == NULL) return NN_OK;
    int count = nn_elements_count(in);
    nn_elements_begin(node->out[0], count);
    for (int i = 0; i < count; i++) nn_elements_set(node->out[0], i, nn_elements_get(in, i));
    return NN_OK;
}

/* ---- axes ---- */

nn_status nn_check_axis(const nn_node_view *node, int64_t axis, int rank, int *out) {
    if (axis < -rank || axis >= rank)
        return nn_view_fail(node, NN_BAD_INPUT, "axis %lld is outside of rank %d", (long long)axis,
                            rank);
    *out = (int)(axis < 0 ? axis + rank : axis);
    return NN_OK;
}

nn_status nn_check_axes(const nn_node_view *node, const int64_t *axes, int64_t count, int rank,
                        bool flags[NN_MAX_RANK]) {
    for (int i = 0; i < NN_MAX_RANK; i++) flags[i] = false;
    for (int64_t i = 0; i < count; i++) {
        int axis = 0;
        NN_TRY(nn_check_axis(node, axes[i], rank, &axis));
        if (flags[axis])
            return nn_view_fail(node, NN_BAD_INPUT, "axis %lld is given twice", (long long)axes[i]);
        flags[axis] = true;
    }
    return NN_OK;
}

/* ---- lists ---- */

nn_status nn_list_attribute(const nn_node_view *node, const nn_attrs *attrs, const char *name,
                            int limit, nn_list *out) {
    const int64_t *values;
    int64_t count;
    NN_TRY(nn_attrs_ints(attrs, name, &values, &count));
    if (count > limit)
        return nn_view_fail(node, NN_BAD_INPUT, "attribute '%s' has %lld values, the most is %d",
                            name, (long long)count, limit);
    *out = (nn_list){
        .count = (int)count, .present = nn_attrs_find(attrs, name) != NULL, .known = true};
    for (int i = 0; i < out->count; i++) out->values[i] = values[i];
    return NN_OK;
}

nn_status nn_list_input(const nn_node_view *node, int index, int limit, nn_list *out) {
    const nn_fact *fact = nn_view_in(node, index);
    *out = (nn_list){.count = -1};
    if (fact == NULL) {
        *out = (nn_list){.known = true};
        return NN_OK;
    }
    out->present = true;
    if (fact->type != NNOPT_TYPE_NONE && fact->type != NNOPT_INT64 && fact->type != NNOPT_INT32)
        return nn_view_fail(node, NN_BAD_INPUT, "input %d must be int64, is %s", index,
                            nnopt_type_name(fact->type));
    if (fact->rank > 1)
        return nn_view_fail(node, NN_BAD_INPUT, "input %d must be a vector, has rank %d", index,
                            fact->rank);
    int64_t count = fact->rank < 0 ? -1 : nn_fact_count(fact);
    if (count > limit)
        return nn_view_fail(node, NN_BAD_INPUT, "input %d has %lld values, the most is %d", index,
                            (long long)count, limit);
    if (count < 0) return NN_OK;
    out->count = (int)count;
    out->known = true;
    for (int i = 0; i < out->count; i++)
        if (!nn_fact_element(fact, i, &out->values[i])) out->known = false;
    return NN_OK;
}

nn_status nn_list_tensor(const nn_node_view *node, const nn_tensor *tensor, const char *what,
                         int limit, nn_list *out) {
    *out = (nn_list){.known = true, .present = tensor != NULL};
    if (tensor == NULL) return NN_OK;
    int64_t count = nn_tensor_count(tensor);
    if (count > limit)
        return nn_view_fail(node, NN_BAD_INPUT, "%s has %lld values, the most is %d", what,
                            (long long)count, limit);
    out->count = (int)count;
    for (int i = 0; i < out->count; i++) out->values[i] = nn_tensor_get_int(tensor, i);
    return NN_OK;
}

/* ---- numbers ---- */

nn_status nn_check_scalar(const nn_node_view *node, int index) {
    const nn_fact *fact = nn_view_in(node, index);
    int64_t count = fact == NULL || fact->rank < 0 ? 1 : nn_fact_count(fact);
    if (count != 1 && count != -1)
        return nn_view_fail(node, NN_BAD_INPUT, "input %d has %lld elements, not 1", index,
                            (long long)count);
    return NN_OK;
}

bool nn_scalar_input(const nn_node_view *node, int index, int64_t fallback, int64_t *out) {
    const nn_fact *fact = nn_view_in(node, index);
    *out = fallback;
    if (fact == NULL) return true;
    if (fact->constant != NULL && nn_tensor_count(fact->constant) == 1) {
        *out = nn_tensor_get_int(fact->constant, 0);
        return true;
    }
    return nn_fact_count(fact) == 1 && nn_fact_element(fact, 0, out);
}

int64_t nn_scalar_tensor(const nn_call *call, int index, int64_t fallback) {
    const nn_tensor *tensor = index < call->in_count ? call->in[index] : NULL;
    return tensor != NULL ? nn_tensor_get_int(tensor, 0) : fallback;
}

/* ---- elements ---- */

nn_element nn_element_number(int64_t value) {
    return (nn_element){NN_ELEMENT_NUMBER, value};
}

nn_element nn_element_of_dim(int64_t dim) {
    if (nn_dim_is_known(dim)) return nn_element_number(dim);
    if (nn_dim_is_symbol(dim)) return (nn_element){NN_ELEMENT_SYMBOL, dim};
    return (nn_element){NN_ELEMENT_UNKNOWN, 0};
}

int64_t nn_dim_of_element(nn_element element) {
    if (element.kind == NN_ELEMENT_UNKNOWN) return NN_DIM_UNKNOWN;
    if (element.kind == NN_ELEMENT_NUMBER && element.value < 0) return NN_DIM_UNKNOWN;
    return element.value;
}

int nn_elements_count(const nn_fact *fact) {
    if (fact == NULL) return -1;
    if (fact->constant != NULL) {
        int64_t count = nn_tensor_count(fact->constant);
        bool tracked = nn_type_is_integer(fact->constant->type) && fact->constant->rank <= 1 &&
                       count <= NN_FACT_ELEMENTS;
        return tracked ? (int)count : -1;
    }
    return fact->element_count;
}

nn_element nn_elements_get(const nn_fact *fact, int index) {
    if (fact->constant != NULL) return nn_element_number(nn_tensor_get_int(fact->constant, index));
    return nn_element_of_dim(fact->elements[index]);
}

void nn_elements_begin(nn_fact *fact, int count) {
    fact->element_count = count >= 0 && count <= NN_FACT_ELEMENTS ? count : -1;
    for (int i = 0; i < fact->element_count; i++) fact->elements[i] = NN_DIM_UNKNOWN;
}

void nn_elements_set(nn_fact *fact, int index, nn_element element) {
    if (index < fact->element_count) fact->elements[index] = nn_dim_of_element(element);
}

static bool is_number(nn_element element, int64_t value) {
    return element.kind == NN_ELEMENT_NUMBER && element.value == value;
}

static bool both_numbers(nn_element a, nn_element b) {
    return a.kind == NN_ELEMENT_NUMBER && b.kind == NN_ELEMENT_NUMBER;
}

static const nn_element unknown_element = {NN_ELEMENT_UNKNOWN, 0};

nn_element nn_element_add(nn_element a, nn_element b) {
    int64_t sum;
    if (both_numbers(a, b) && !__builtin_add_overflow(a.value, b.value, &sum))
        return nn_element_number(sum);
    if (is_number(a, 0)) return b;
    return is_number(b, 0) ? a : unknown_element;
}

nn_element nn_element_subtract(nn_element a, nn_element b) {
    int64_t difference;
    if (both_numbers(a, b) && !__builtin_sub_overflow(a.value, b.value, &difference))
        return nn_element_number(difference);
    if (is_number(b, 0)) return a;
    bool same = a.kind == NN_ELEMENT_SYMBOL && b.kind == NN_ELEMENT_SYMBOL && a.value == b.value;
    return same ? nn_element_number(0) : unknown_element;
}

nn_element nn_element_multiply(nn_element a, nn_element b) {
    int64_t product;
    if (both_numbers(a, b) && !__builtin_mul_overflow(a.value, b.value, &product))
        return nn_element_number(product);
    if (is_number(a, 1)) return b;
    if (is_number(b, 1)) return a;
    return is_number(a, 0) || is_number(b, 0) ? nn_element_number(0) : unknown_element;
}

nn_element nn_element_divide(nn_element a, nn_element b) {
    if (both_numbers(a, b) && b.value != 0 && !(a.value == INT64_MIN && b.value == -1))
        return nn_element_number(a.value / b.value);
    return is_number(b, 1) ? a : unknown_element;
}

int64_t nn_dim_multiply(int64_t a, int64_t b) {
    return nn_dim_of_element(nn_element_multiply(nn_element_of_dim(a), nn_element_of_dim(b)));
}

int64_t nn_dim_add(int64_t a, int64_t b) {
    return nn_dim_of_element(nn_element_add(nn_element_of_dim(a), nn_element_of_dim(b)));
}

int64_t nn_dims_product(const int64_t *dims, int first, int last) {
    int64_t product = 1;
    for (int axis = first; axis < last; axis++) product = nn_dim_multiply(product, dims[axis]);
    return product;
}
