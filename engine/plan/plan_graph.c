#include "engine/graph/bind.h"
#include "engine/graph/patch.h"
#include "engine/plan/plan_parts.h"
#include "engine/transform/fold.h"

#include <stdio.h>

nn_status nn_plan_make_graph(nn_plan *plan, const nn_plan_request *request,
                             const nn_tensor *inputs) {
    NN_TRY(nn_graph_clone(request->lowered->graph, &plan->graph));
    plan->covers.base = &request->lowered->covers;
    NN_TRY(nn_graph_bind_inputs(plan->graph, inputs));
    NN_TRY(nn_graph_fold_constants(plan->graph, "plan", NN_FOLD_DEQUANTIZE));
    NN_TRY(nn_graph_prune_unused(plan->graph, "plan"));
    if (request->target.device != NULL) NN_TRY(nn_plan_divide_boxes(plan, request));
    return nn_plan_split(plan, request);
}

/* ---- kernels ---- */

bool nn_node_is_view(const nn_node *node) {
    if (node->op == NULL || !node->op->is_view || node->in_count == 0) return false;
    if (node->inputs[0] == NULL || node->outputs[0] == NULL) return false;
    for (int k = 1; k < node->out_count; k++) {
        if (node->outputs[k] != NULL) return false;
    }
    return node->inputs[0]->fact.type == node->outputs[0]->fact.type;
}

bool nn_node_is_folded(const nn_node *node) {
    for (int k = 0; k < node->out_count; k++) {
        if (node->outputs[k] != NULL && !nn_value_is_constant(node->outputs[k])) return false;
    }
    return true;
}

nn_status nn_plan_select_kernels(nn_plan *plan, const nn_plan_request *request,
                                 nn_choice *choices) {
    char refused[1536] = "";
    int64_t refused_count = 0;
    for (int64_t i = 0; i < plan->graph->node_count; i++) {
        const nn_node *node = plan->graph->nodes[i];
        choices[i] = (nn_choice){0};
        if (nn_node_is_folded(node) || nn_node_is_view(node)) continue;
        nn_view_storage storage;
        nn_node_view view;
        NN_TRY(nn_node_view_init(node, &storage, &view));
        choices[i].kernel = request->reference_only
                                ? nn_kernel_select_reference(&view, &request->target)
                                : nn_kernel_select(&view, &request->target);
        if (choices[i].kernel == NULL) {
            size_t used = strlen(refused);
            if (refused_count++ > 0)
                used += (size_t)snprintf(refused + used, sizeof refused - used, ", ");
            if (used < sizeof refused)
                nn_view_describe(&view, refused + used, sizeof refused - used);
        }
        nn_node_view_clear(&storage);
    }
    if (refused_count == 0 && request->selector == NULL) return NN_OK;
    if (refused_count == 0) return nn_plan_select_measured(plan, request, choices);
    return nn_fail(NN_UNSUPPORTED, "no kernel takes %lld node%s: %s", (long long)refused_count,
                   refused_count == 1 ? "" : "s", refused);
}
