#include "ops/family/container.h"

#include "ops/family/index.h"

nn_status nn_check_tensors(const nn_node_view *node, int first, int last) {
    if (last < 0 || last >= node->in_count) last = node->in_count - 1;
    for (int i = first; i <= last; i++)
        if (nn_type_is_container(nn_in_type(node, i)))
            return nn_view_fail(node, NN_BAD_INPUT, "input %d must be a tensor, is %s", i,
                                nnopt_type_name(node->in[i]->type));
    return NN_OK;
}

nn_status nn_check_sequence(const nn_node_view *node, int index) {
    nn_type type = nn_in_type(node, index);
    if (type != NNOPT_TYPE_NONE && type != NNOPT_SEQUENCE)
        return nn_view_fail(node, NN_BAD_INPUT, "input %d must be a sequence, is %s", index,
                            nnopt_type_name(type));
    return NN_OK;
}

nn_status nn_check_position(const nn_node_view *node, int index) {
    const nn_fact *fact = nn_view_in(node, index);
    if (fact == NULL) return NN_OK;
    NN_TRY(nn_check_types(node, index, index,
                          NN_TYPE_BIT(NNOPT_INT32) | NN_TYPE_BIT(NNOPT_INT64)));
    int64_t count = fact->rank < 0 ? -1 : nn_fact_count(fact);
    if (count >= 0 && count != 1)
        return nn_view_fail(node, NN_BAD_INPUT, "input %d must be one position, has %lld values",
                            index, (long long)count);
    return NN_OK;
}

nn_status nn_set_container(const nn_node_view *node, int index, nn_type type) {
    return nn_set_output(node, index, type, NN_RANK_UNKNOWN, NULL);
}

nn_status nn_set_output_as(const nn_node_view *node, const nn_tensor *value) {
    if (nn_type_is_container(value->type)) return nn_set_container(node, 0, value->type);
    return nn_set_output(node, 0, value->type, value->rank, value->dims);
}

nn_status nn_sequence_position(const nn_node_view *node, const nn_tensor *position, int64_t count,
                               bool at_end, int64_t *out) {
    if (nn_tensor_count(position) != 1)
        return nn_view_fail(node, NN_BAD_INPUT, "the position has %lld values",
                            (long long)nn_tensor_count(position));
    int64_t index = nn_index_at(position, 0);
    if (index < -count || index > count || (index == count && !at_end))
        return nn_view_fail(node, NN_BAD_INPUT,
                            "position %lld is outside of a sequence of %lld items",
                            (long long)index, (long long)count);
    *out = index < 0 ? index + count : index;
    return NN_OK;
}

nn_status nn_container_init(nn_tensor *out, nn_type type, int64_t count) {
    return nn_tensor_init(out, type, &count, 1);
}
