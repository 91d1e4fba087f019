#include "ops/family/squeeze.h"

nn_status nn_squeeze_parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    nn_squeeze_attrs *parsed = out;
    parsed->from_input = node->opset >= 13;
    if (parsed->from_input) return NN_OK;
    return nn_list_attribute(node, attrs, "axes", NN_MAX_RANK, &parsed->axes);
}

nn_status nn_squeeze_axes(const nn_node_view *node, nn_list *out) {
    const nn_squeeze_attrs *attrs = node->attrs;
    *out = attrs->axes;
    return attrs->from_input ? nn_list_input(node, 1, NN_MAX_RANK, out) : NN_OK;
}

void nn_squeeze_elements(const nn_node_view *node) {
    nn_fact *out = node->out[0];
    int count = nn_elements_count(node->in[0]);
    if (out == NULL || out->rank < 0 || out->rank > 1 || count < 0) return;
    nn_elements_begin(out, count);
    for (int i = 0; i < count; i++) nn_elements_set(out, i, nn_elements_get(node->in[0], i));
}
