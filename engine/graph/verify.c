#include "engine/graph/graph_parts.h"

/* Does anything give this value its content? */
static bool has_source(const nn_value *value) {
    return value->producer != NULL || value->is_input || value->initializer != NULL ||
           value->is_captured;
}

static bool belongs(const nn_graph *graph, const nn_value *value) {
    return value->id >= 0 && value->id < graph->value_count && graph->values[value->id] == value;
}

bool nn_node_has_body(const nn_node *node) {
    for (int64_t i = 0; i < node->attrs.count; i++)
        if (node->attrs.items[i].kind == NN_ATTR_GRAPH) return true;
    return false;
}

nn_status nn_node_check_arity(const nn_node *node) {
    const nn_op *op = node->op;
    if (op == NULL) return NN_OK;
    int own_inputs = node->in_count - (node->epilogue.has_residual ? 1 : 0);
    if (own_inputs < op->min_inputs || own_inputs > op->max_inputs)
        return nn_fail(NN_BAD_INPUT, "node '%s' (%s): needs %s %d inputs, has %d", node->name,
                       node->op_type, own_inputs < op->min_inputs ? "at least" : "at most",
                       own_inputs < op->min_inputs ? op->min_inputs : op->max_inputs, own_inputs);
    if (node->out_count < op->min_outputs || node->out_count > op->max_outputs)
        return nn_fail(NN_BAD_INPUT, "node '%s' (%s): needs %s %d outputs, has %d", node->name,
                       node->op_type, node->out_count < op->min_outputs ? "at least" : "at most",
                       node->out_count < op->min_outputs ? op->min_outputs : op->max_outputs,
                       node->out_count);
    /* Lists of any length have no gaps; only nodes with bodies (Loop) may lead a list with absent
     * ones. */
    bool is_list = op->max_inputs == NN_ANY_COUNT && !nn_node_has_body(node);
    int required = is_list ? node->in_count : op->min_inputs;
    for (int i = 0; i < required; i++)
        if (node->inputs[i] == NULL)
            return nn_fail(NN_BAD_INPUT, "node '%s' (%s): input %d is absent", node->name,
                           node->op_type, i);
    for (int i = 0; i < op->min_outputs; i++)
        if (node->outputs[i] == NULL)
            return nn_fail(NN_BAD_INPUT, "node '%s' (%s): output %d is absent", node->name,
                           node->op_type, i);
    return NN_OK;
}

static nn_status check_read(const nn_graph *graph, const nn_node *node, const nn_value *value) {
    if (!belongs(graph, value))
        return nn_fail(NN_INTERNAL, "node '%s' (%s): input '%s' is a value of another graph",
                       node->name, node->op_type, value->name);
    if (!has_source(value))
        return nn_fail(NN_BAD_INPUT,
                       "node '%s' (%s): input '%s' is made by no node, input or "
                       "initializer",
                       node->name, node->op_type, value->name);
    if (value->producer != NULL && value->producer->position >= node->position)
        return nn_fail(NN_BAD_INPUT, "node '%s' (%s): input '%s' is made later, by node '%s'",
                       node->name, node->op_type, value->name, value->producer->name);
    return NN_OK;
}

static nn_status check_written(const nn_graph *graph, const nn_node *node, int index) {
    const nn_value *value = node->outputs[index];
    if (!belongs(graph, value) || value->producer != node || value->producer_output != index)
        return nn_fail(NN_INTERNAL, "node '%s' (%s): output '%s' is not linked to the node",
                       node->name, node->op_type, value->name);
    if (value->is_input || value->initializer != NULL || value->is_captured)
        return nn_fail(NN_BAD_INPUT, "node '%s' (%s): output '%s' is also %s", node->name,
                       node->op_type, value->name,
                       value->is_input      ? "a graph input"
                       : value->is_captured ? "a value of an outer graph"
                                            : "an initializer");
    return NN_OK;
}

nn_status nn_graph_verify_node(const nn_graph *graph, const nn_node *node) {
    if (node->position < 0 || node->position >= graph->node_count ||
        graph->nodes[node->position] != node)
        return nn_fail(NN_INTERNAL, "node '%s' (%s): not in the graph", node->name, node->op_type);
    if (nn_graph_opset(graph, node->domain) == 0)
        return nn_fail(NN_BAD_INPUT, "node '%s' (%s): domain '%s' has no opset import", node->name,
                       node->op_type, node->domain);
    NN_TRY(nn_node_check_arity(node));
    for (int i = 0; i < node->in_count; i++)
        if (node->inputs[i] != NULL) NN_TRY(check_read(graph, node, node->inputs[i]));
    for (int64_t i = 0; i < node->capture_count; i++)
        NN_TRY(check_read(graph, node, node->captures[i]));
    for (int i = 0; i < node->out_count; i++)
        if (node->outputs[i] != NULL) NN_TRY(check_written(graph, node, i));
    return NN_OK;
}

/* Every use leads back to the value, and no reader is missing from the uses. */
static nn_status check_uses(const nn_graph *graph) {
    int64_t reads = 0, uses = 0;
    for (int64_t i = 0; i < graph->node_count; i++) {
        const nn_node *node = graph->nodes[i];
        for (int k = 0; k < node->in_count; k++) reads += node->inputs[k] != NULL;
        reads += node->capture_count;
    }
    for (int64_t i = 0; i < graph->value_count; i++) {
        const nn_value *value = graph->values[i];
        uses += value->use_count;
        for (int64_t k = 0; k < value->use_count; k++) {
            const nn_use *use = &value->uses[k];
            if (use->input == NN_USE_CAPTURE) continue;
            if (use->input >= use->node->in_count || use->node->inputs[use->input] != value)
                return nn_fail(NN_INTERNAL, "value '%s': node '%s' does not read it", value->name,
                               use->node->name);
        }
    }
    if (reads != uses)
        return nn_fail(NN_INTERNAL, "graph '%s': %lld inputs of nodes, but %lld uses of values",
                       graph->name, (long long)reads, (long long)uses);
    return NN_OK;
}

static nn_status check_interface(const nn_graph *graph) {
    if (graph->parent == NULL && graph->output_count == 0)
        return nn_fail(NN_BAD_INPUT, "graph '%s' has no outputs", graph->name);
    for (int64_t i = 0; i < graph->input_count; i++) {
        const nn_value *value = graph->inputs[i];
        if (!belongs(graph, value) || !value->is_input || value->producer != NULL ||
            value->initializer != NULL)
            return nn_fail(NN_BAD_INPUT, "graph input '%s' is also made inside the graph",
                           value->name);
    }
    for (int64_t i = 0; i < graph->output_count; i++) {
        const nn_value *value = graph->outputs[i];
        if (!belongs(graph, value) || !has_source(value))
            return nn_fail(NN_BAD_INPUT,
                           "graph output '%s' is made by no node, input or initializer",
                           value->name);
    }
    return NN_OK;
}

static nn_status check_values(const nn_graph *graph) {
    for (int64_t i = 0; i < graph->value_count; i++) {
        const nn_value *value = graph->values[i];
        if (!nn_value_is_linked(value)) continue;
        if (value->id != i || nn_graph_find(graph, value->name) != value)
            return nn_fail(NN_INTERNAL, "value '%s' is not found by its name", value->name);
        if (value->is_captured && (graph->parent == NULL || !belongs(graph->parent, value->outer)))
            return nn_fail(NN_INTERNAL, "value '%s' captures nothing of the outer graph",
                           value->name);
    }
    return NN_OK;
}

nn_status nn_graph_verify(const nn_graph *graph) {
    NN_TRY(check_interface(graph));
    NN_TRY(check_values(graph));
    for (int64_t i = 0; i < graph->node_count; i++) {
        const nn_node *node = graph->nodes[i];
        NN_TRY(nn_graph_verify_node(graph, node));
        if (nn_graph_find_node(graph, node->name) != node)
            return nn_fail(NN_INTERNAL, "node '%s' is not found by its name", node->name);
        for (int64_t k = 0; k < node->attrs.count; k++) {
            if (node->attrs.items[k].kind != NN_ATTR_GRAPH) continue;
            nn_status status = nn_graph_verify(node->attrs.items[k].graph);
            if (status != NN_OK)
                return nn_fail_context(status, "node '%s' (%s): in its body", node->name,
                                       node->op_type);
        }
    }
    return check_uses(graph);
}
