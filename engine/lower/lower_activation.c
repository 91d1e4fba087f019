#include "engine/lower/activation_pattern.h"
#include "engine/lower/lower_parts.h"

typedef bool (*match_function)(nn_pattern *p, nn_value *last, nn_value **x, nn_activation *out);

static nn_status replace(nn_lowered *lowered, nn_patch *patch, const nn_pattern *p, nn_value *x,
                         nn_activation activation) {
    nn_attr items[3];
    nn_attrs attrs = nn_activation_attrs(activation, items);
    nn_node *root = p->nodes[0];
    for (int i = 0; i < p->count; i++) nn_patch_remove_node(patch, p->nodes[i]);
    nn_node *made = nn_patch_node(patch, "Activation", "nnopt", root->name, &x, 1, root->outputs, 1,
                                  &attrs, root);
    if (made == NULL) return NN_OK; /* apply says why */
    for (int i = 0; i < p->count; i++) {
        NN_TRY(nn_covers_merge(&lowered->covers, made, p->nodes[i]));
    }
    return NN_OK;
}

/* Backwards, so that a pattern is met at its last node. */
static nn_status replace_all(nn_lowered *lowered, nn_patch *patch, bool *taken,
                             match_function match) {
    nn_graph *graph = lowered->graph;
    for (int64_t i = graph->node_count - 1; i >= 0; i--) {
        nn_pattern p;
        nn_value *x;
        nn_activation activation;
        nn_node *node = graph->nodes[i];
        if (node->out_count != 1 || node->outputs[0] == NULL) continue;
        if (!match(&p, node->outputs[0], &x, &activation) || !nn_pattern_is_free(&p, taken))
            continue;
        nn_pattern_mark(&p, taken);
        NN_TRY(replace(lowered, patch, &p, x, activation));
    }
    return NN_OK;
}

static nn_status replace_spelled_out(nn_lowered *lowered, nn_patch *patch, bool *taken) {
    return replace_all(lowered, patch, taken, nn_match_spelled_activation);
}

static nn_status replace_linear_chains(nn_lowered *lowered, nn_patch *patch, bool *taken) {
    return replace_all(lowered, patch, taken, nn_match_linear_chain);
}

nn_status nn_lower_activations(nn_lowered *lowered) {
    return nn_lower_edit(lowered, "activations that were spelled out", replace_spelled_out);
}

nn_status nn_lower_linear_chains(nn_lowered *lowered) {
    return nn_lower_edit(lowered, "sums and products with numbers in a row", replace_linear_chains);
}
