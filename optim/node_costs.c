#include "optim/node_costs.h"

nn_status nn_node_macs(const nn_graph *graph, double **out) {
    nn_graph *bound = NULL;
    NN_TRY(nn_graph_clone(graph, &bound));
    for (int64_t i = 0; i < bound->input_count; i++) {
        nn_fact *fact = &bound->inputs[i]->declared; /* inference starts from it */
        if (fact->rank > 0 && !nn_dim_is_known(fact->dims[0])) fact->dims[0] = 1;
    }
    double *macs = nn_alloc_zero(((size_t)graph->node_count + 1) * sizeof *macs);
    nn_status status = macs != NULL ? nn_graph_infer(bound) : nn_fail_memory(sizeof *macs);
    for (int64_t n = 0; status == NN_OK && n < bound->node_count; n++) {
        const nn_node *node = bound->nodes[n];
        bool concrete = node->op != NULL;
        for (int i = 0; concrete && i < node->in_count; i++)
            concrete = node->inputs[i] == NULL || nn_fact_is_concrete(&node->inputs[i]->fact);
        for (int i = 0; concrete && i < node->out_count; i++)
            concrete = node->outputs[i] == NULL || nn_fact_is_concrete(&node->outputs[i]->fact);
        if (!concrete) continue;
        nn_view_storage storage;
        nn_node_view view;
        status = nn_node_view_init(node, &storage, &view);
        if (status != NN_OK) break;
        nn_cost cost;
        nn_op_cost(&view, &cost);
        macs[n] = cost.macs;
        nn_node_view_clear(&storage);
    }
    nn_graph_destroy(bound);
    if (status != NN_OK) {
        nn_free(macs);
        return status;
    }
    *out = macs;
    return NN_OK;
}
