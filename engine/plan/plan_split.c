#include "engine/graph/graph_parts.h"
#include "engine/graph/patch.h"
#include "engine/run/dynamic.h"

/* ---- which nodes ---- */

static bool is_known(const nn_fact *fact) {
    return nn_fact_is_concrete(fact) && nn_type_is_plain(fact->type);
}

/* Is the value there, with a known shape, when the static part has run? */
static bool is_static(const nn_value *value, const bool *is_dynamic) {
    if (value->producer != NULL && is_dynamic[value->producer->position]) return false;
    return is_known(&value->fact);
}

static bool runs_static(const nn_node *node, const bool *is_dynamic) {
    if (nn_node_has_body(node) || nn_op_makes_outputs(node->op)) return nn_node_is_folded(node);
    for (int i = 0; i < node->in_count; i++)
        if (node->inputs[i] != NULL && !is_static(node->inputs[i], is_dynamic)) return false;
    for (int i = 0; i < node->out_count; i++)
        if (node->outputs[i] != NULL && !is_known(&node->outputs[i]->fact)) return false;
    return true;
}

static int64_t mark_dynamic(const nn_graph *graph, bool *is_dynamic) {
    int64_t count = 0;
    for (int64_t i = 0; i < graph->node_count; i++) {
        is_dynamic[i] = !runs_static(graph->nodes[i], is_dynamic);
        count += is_dynamic[i];
    }
    return count;
}

/* ---- the border ---- */

typedef struct border {
    nn_value **values; /* made by static nodes, read by the dynamic ones or outputs */
    int64_t count;
    bool *is_in; /* by value id */
} border;

static void cross(border *at, nn_value *value, const bool *is_dynamic) {
    if (value == NULL || at->is_in[value->id] || value->producer == NULL ||
        nn_value_is_constant(value) || is_dynamic[value->producer->position])
        return;
    at->is_in[value->id] = true;
    at->values[at->count++] = value;
}

static void find_border(const nn_graph *graph, const bool *is_dynamic, border *at) {
    for (int64_t n = 0; n < graph->node_count; n++) {
        const nn_node *node = graph->nodes[n];
        if (!is_dynamic[n]) continue;
        for (int i = 0; i < node->in_count; i++) cross(at, node->inputs[i], is_dynamic);
        for (int64_t i = 0; i < node->capture_count; i++) cross(at, node->captures[i], is_dynamic);
    }
    for (int64_t i = 0; i < graph->output_count; i++) cross(at, graph->outputs[i], is_dynamic);
}

/* The plan's graph ends at the border; what lies behind is unused then. */
static nn_status cut(nn_graph *graph, const border *at) {
    for (int64_t i = 0; i < graph->output_count; i++) graph->outputs[i]->is_output = false;
    graph->output_count = 0;
    for (int64_t i = 0; i < at->count; i++) NN_TRY(nn_graph_add_output(graph, at->values[i]));
    return nn_graph_prune_unused(graph, "plan");
}

/* ---- the two parts ---- */

static nn_status split(nn_plan *plan, const nn_plan_request *request, const bool *is_dynamic,
                       border *at) {
    nn_graph *whole;
    find_border(plan->graph, is_dynamic, at);
    plan->given = nn_arena_alloc(&plan->arena, ((size_t)at->count + 1) * sizeof *plan->given);
    nn_value **given = nn_arena_alloc(&plan->arena, ((size_t)at->count + 1) * sizeof *given);
    if (plan->given == NULL || given == NULL)
        return nn_fail_memory((size_t)at->count * sizeof *given);
    NN_TRY(nn_graph_clone(plan->graph, &whole));
    for (int64_t i = 0; i < at->count; i++) given[i] = nn_graph_find(whole, at->values[i]->name);
    NN_TRY(nn_dynamic_create(whole, is_dynamic, given, at->count, request, &plan->covers,
                             &plan->dynamic));
    return cut(plan->graph, at);
}

nn_status nn_plan_split(nn_plan *plan, const nn_plan_request *request) {
    const nn_graph *graph = plan->graph;
    size_t nodes = (size_t)graph->node_count + 1, values = (size_t)graph->value_count + 1;
    bool *is_dynamic = nn_alloc_zero(nodes);
    border at = {.values = nn_alloc(values * sizeof *at.values), .is_in = nn_alloc_zero(values)};
    nn_status status = NN_OK;
    if (is_dynamic == NULL || at.values == NULL || at.is_in == NULL)
        status = nn_fail_memory(values * sizeof *at.values);
    bool outputs_static = true;
    if (status == NN_OK) {
        int64_t count = mark_dynamic(graph, is_dynamic);
        for (int64_t i = 0; i < graph->output_count; i++)
            outputs_static &= nn_type_is_plain(graph->outputs[i]->fact.type);
        if (count > 0 || !outputs_static) status = split(plan, request, is_dynamic, &at);
    }
    nn_free(is_dynamic);
    nn_free(at.values);
    nn_free(at.is_in);
    return status;
}
