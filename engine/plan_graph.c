#include "engine/bind.h"
#include "engine/bind.h"
#include "engine/fold.h"
#include "engine/patch.h"
#include "engine/plan_parts.h"

#include <stdio.h>

/* ---- concrete shapes ---- */

/* The kernels need all sizes beforehand. */
static nn_status check_concrete(const nn_graph *graph) {
    for (int64_t i = 0; i < graph->node_count; i++) {
        const nn_node *node = graph->nodes[i];
        for (int k = 0; k < node->out_count; k++) {
            const nn_value *value = node->outputs[k];
            if (value == NULL || nn_fact_is_concrete(&value->fact)) continue;
            char text[256];
            return nn_fail(NN_UNSUPPORTED,
                           "node '%s' (%s): the shape of output '%s' (%s) depends on data, which "
                           "this version cannot plan",
                           node->name, node->op_type, value->name,
                           nn_fact_text(&value->fact, text, sizeof text));
        }
    }
    return NN_OK;
}

nn_status nn_plan_make_graph(nn_plan *plan, const nn_plan_request *request,
                             const nn_tensor *inputs) {
    NN_TRY(nn_graph_clone(request->lowered->graph, &plan->graph));
    plan->covers.base = &request->lowered->covers;
    NN_TRY(nn_graph_bind_inputs(plan->graph, inputs));
    NN_TRY(nn_graph_fold_constants(plan->graph, "plan", NN_FOLD_DEQUANTIZE));
    NN_TRY(nn_graph_prune_unused(plan->graph, "plan"));
    return check_concrete(plan->graph);
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

/* The reference kernel stands last. */
static const nn_kernel *select_reference(const nn_node_view *view, const nn_target *target) {
    const nn_kernel *const *kernel = view->op->kernels;
    if (kernel == NULL || *kernel == NULL) return NULL;
    while (kernel[1] != NULL) kernel++;
    bool accepts = (*kernel)->accepts == NULL ? nn_epilogue_is_empty(&view->epilogue)
                                              : (*kernel)->accepts(view, target);
    return accepts ? *kernel : NULL;
}

/* Appends "'name' (Conv: float32 1x3x8x8, int8 4x3x3x3)" as far as there is room. */
static void describe_refused(const nn_node_view *view, char *text, size_t size) {
    size_t used = strlen(text);
    used += (size_t)snprintf(text + used, size - used, "%s'%s' (%s:", used > 0 ? ", " : "",
                             view->name, view->op->name);
    for (int i = 0; i < view->in_count && used < size; i++) {
        char fact[128] = "absent";
        if (view->in[i] != NULL) nn_fact_text(view->in[i], fact, sizeof fact);
        used += (size_t)snprintf(text + used, size - used, "%s %s", i > 0 ? "," : "", fact);
    }
    if (used < size) snprintf(text + used, size - used, ")");
}

nn_status nn_plan_select_kernels(nn_plan *plan, const nn_plan_request *request,
                                 const nn_kernel **kernels) {
    char refused[1536] = "";
    int64_t refused_count = 0;
    for (int64_t i = 0; i < plan->graph->node_count; i++) {
        const nn_node *node = plan->graph->nodes[i];
        kernels[i] = NULL;
        if (nn_node_is_folded(node) || nn_node_is_view(node)) continue;
        nn_view_storage storage;
        nn_node_view view;
        NN_TRY(nn_node_view_init(node, &storage, &view));
        kernels[i] = request->reference_only ? select_reference(&view, &request->target)
                                             : nn_kernel_select(&view, &request->target);
        if (kernels[i] == NULL) {
            refused_count++;
            describe_refused(&view, refused, sizeof refused);
        }
        nn_node_view_clear(&storage);
    }
    if (refused_count == 0) return NN_OK;
    return nn_fail(NN_UNSUPPORTED, "no kernel takes %lld node%s: %s", (long long)refused_count,
                   refused_count == 1 ? "" : "s", refused);
}
