#include "ops/family/dims.h"

#include "ops/family/infer.h"

nn_status nn_check_rank(const nn_node_view *node, int index, int rank) {
    const nn_fact *fact = nn_view_in(node, index);
    if (fact == NULL || fact->rank == NN_RANK_UNKNOWN || fact->rank == rank) return NN_OK;
    return nn_view_fail(node, NN_BAD_INPUT, "input %d has rank %d, not %d", index, fact->rank,
                        rank);
}

nn_status nn_check_least_rank(const nn_node_view *node, int index, int rank) {
    const nn_fact *fact = nn_view_in(node, index);
    if (fact == NULL || fact->rank == NN_RANK_UNKNOWN || fact->rank >= rank) return NN_OK;
    return nn_view_fail(node, NN_BAD_INPUT, "input %d has rank %d, less than %d", index, fact->rank,
                        rank);
}

nn_status nn_agree_dim(const nn_node_view *node, int index, int axis, int64_t *size) {
    int64_t own = nn_fact_dim(nn_view_in(node, index), axis);
    if (own == NN_DIM_UNKNOWN) return NN_OK;
    if (!nn_dim_is_known(*size)) {
        if (nn_dim_is_known(own) || *size == NN_DIM_UNKNOWN) *size = own;
        return NN_OK;
    }
    if (!nn_dim_is_known(own) || own == *size) return NN_OK;
    return nn_view_fail(node, NN_BAD_INPUT, "axis %d of input %d has size %lld, not %lld", axis,
                        index, (long long)own, (long long)*size);
}

nn_status nn_check_count(const nn_node_view *node, int index, int64_t count) {
    const nn_fact *fact = nn_view_in(node, index);
    if (fact == NULL) return NN_OK;
    if (fact->rank > 1)
        return nn_view_fail(node, NN_BAD_INPUT, "input %d has rank %d, over 1", index, fact->rank);
    int64_t own = nn_fact_count(fact);
    if (own < 0 || !nn_dim_is_known(count) || own == count) return NN_OK;
    return nn_view_fail(node, NN_BAD_INPUT, "input %d has %lld values, not %lld", index,
                        (long long)own, (long long)count);
}

nn_status nn_size_element(const nn_node_view *node, int index, int element, int64_t *dim) {
    const nn_fact *fact = nn_view_in(node, index);
    int64_t value;
    *dim = NN_DIM_UNKNOWN;
    if (fact == NULL || element >= nn_elements_count(fact)) return NN_OK;
    if (nn_fact_element(fact, element, &value) && value < 0)
        return nn_view_fail(node, NN_BAD_INPUT, "size %d of input %d is %lld", element, index,
                            (long long)value);
    *dim = nn_dim_of_element(nn_elements_get(fact, element));
    return NN_OK;
}
