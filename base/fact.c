#include "base/tensor.h"

#include <stdio.h>

nn_fact nn_fact_unknown(void) {
    return (nn_fact){.type = NNOPT_TYPE_NONE, .rank = NN_RANK_UNKNOWN, .element_count = -1};
}

nn_fact nn_fact_make(nn_type type, int rank, const int64_t *dims) {
    nn_fact fact = {.type = type, .rank = rank, .element_count = -1};
    for (int i = 0; i < rank; i++) fact.dims[i] = dims[i];
    return fact;
}

nn_fact nn_fact_of_tensor(const nn_tensor *tensor, bool constant) {
    nn_fact fact = nn_fact_make(tensor->type, tensor->rank, tensor->dims);
    if (constant) fact.constant = tensor;
    return fact;
}

bool nn_fact_is_concrete(const nn_fact *fact) {
    if (fact->type == NNOPT_TYPE_NONE || fact->rank < 0) return false;
    for (int i = 0; i < fact->rank; i++)
        if (!nn_dim_is_known(fact->dims[i])) return false;
    return true;
}

int64_t nn_fact_count(const nn_fact *fact) {
    int64_t count;
    return fact->rank >= 0 && nn_dims_count(fact->dims, fact->rank, &count) ? count : -1;
}

int64_t nn_fact_bytes(const nn_fact *fact) {
    int64_t count = nn_fact_count(fact), bytes;
    return count >= 0 && nn_type_bytes(fact->type, count, &bytes) ? bytes : -1;
}

bool nn_fact_element(const nn_fact *fact, int64_t index, int64_t *out) {
    if (fact == NULL || index < 0) return false;
    if (fact->constant != NULL) {
        if (!nn_type_is_integer(fact->constant->type) || index >= nn_tensor_count(fact->constant))
            return false;
        *out = nn_tensor_get_int(fact->constant, index);
        return true;
    }
    if (index >= fact->element_count || !nn_dim_is_known(fact->elements[index])) return false;
    *out = fact->elements[index];
    return true;
}

const char *nn_fact_text(const nn_fact *fact, char *buffer, size_t size) {
    char dims[256];
    snprintf(buffer, size, "%s %s", nnopt_type_name(fact->type),
             nn_dims_text(fact->dims, fact->rank, dims, sizeof dims));
    return buffer;
}

/* One axis of two broadcast shapes. A size of 1 yields to the other; two different known sizes do
 * not fit; an unknown against a known size over 1 must become that size. */
static bool broadcast_dim(int64_t a, int64_t b, int64_t *out) {
    if (a == b || b == 1)
        *out = a;
    else if (a == 1)
        *out = b;
    else if (nn_dim_is_known(a) && nn_dim_is_known(b))
        return false;
    else if (nn_dim_is_known(a))
        *out = a;
    else
        *out = nn_dim_is_known(b) ? b : NN_DIM_UNKNOWN;
    return true;
}

bool nn_broadcast_dims(const int64_t *a, int rank_a, const int64_t *b, int rank_b, int64_t *out,
                       int *out_rank) {
    int rank = rank_a > rank_b ? rank_a : rank_b;
    int64_t result[NN_MAX_RANK];
    for (int i = 0; i < rank; i++) {
        int in_a = i - (rank - rank_a), in_b = i - (rank - rank_b);
        if (!broadcast_dim(in_a >= 0 ? a[in_a] : 1, in_b >= 0 ? b[in_b] : 1, &result[i]))
            return false;
    }
    for (int i = 0; i < rank; i++) out[i] = result[i];
    *out_rank = rank;
    return true;
}
