#include "engine/transform/retype.h"

enum { MAX_LINKS = 64 }; /* inputs or outputs of a node that is asked about */

static bool has_body(const nn_node *node) {
    for (int64_t i = 0; i < node->attrs.count; i++)
        if (node->attrs.items[i].kind == NN_ATTR_GRAPH) return true;
    return false;
}

bool nn_node_infers_types(const nn_node *node, nn_type_of_value type_of) {
    nn_fact in_facts[MAX_LINKS], out_facts[MAX_LINKS];
    const nn_fact *in[MAX_LINKS] = {NULL};
    nn_fact *out[MAX_LINKS] = {NULL};
    if (node->op == NULL || has_body(node)) return false;
    if (node->in_count > MAX_LINKS || node->out_count > MAX_LINKS) return false;
    for (int i = 0; i < node->in_count; i++) {
        if (node->inputs[i] == NULL) continue;
        in_facts[i] = node->inputs[i]->fact;
        nn_type type = type_of(node->inputs[i]);
        if (in_facts[i].type != type) in_facts[i].constant = NULL;
        in_facts[i].type = type;
        in[i] = &in_facts[i];
    }
    for (int i = 0; i < node->out_count; i++) {
        if (node->outputs[i] == NULL) continue;
        out_facts[i] = nn_fact_unknown();
        out[i] = &out_facts[i];
    }
    nn_node_view view = nn_node_view_of(node, in, out);
    if (node->op->infer(&view) != NN_OK) return false;
    for (int i = 0; i < node->out_count; i++)
        if (node->outputs[i] != NULL && out_facts[i].type != type_of(node->outputs[i]))
            return false;
    return true;
}
