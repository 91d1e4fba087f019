#include "engine/graph/patch_parts.h"

/* ---- order ---- */

static bool is_in_graph(const nn_graph *graph, const nn_node *node) {
    return node->position >= 0 && node->position < graph->node_count &&
           graph->nodes[node->position] == node;
}

static bool belongs(const nn_graph *graph, const nn_value *value) {
    return value->id >= 0 && value->id < graph->value_count && graph->values[value->id] == value;
}

/* Does a node stand before the one that makes what it reads? */
static bool is_read_early(const nn_value *value) {
    if (value->producer == NULL) return false;
    for (int64_t i = 0; i < value->use_count; i++)
        if (value->uses[i].node->position <= value->producer->position) return true;
    return false;
}

/* Closes the gaps of removed nodes, and sorts when a changed link points backwards. */
static nn_status order_nodes(nn_patch *patch) {
    nn_graph *graph = patch->graph;
    int64_t kept = 0;
    for (int64_t i = 0; i < graph->node_count; i++) {
        nn_node *node = graph->nodes[i];
        if (nn_node_is_removed(node)) continue;
        node->position = kept;
        graph->nodes[kept++] = node;
    }
    graph->node_count = kept;
    for (int64_t i = 0; i < patch->value_count; i++) {
        const nn_value *value = patch->values[i].value;
        if (belongs(graph, value) && is_read_early(value)) return nn_graph_sort(graph);
    }
    return NN_OK;
}

/* ---- checks ---- */

static nn_status verify_value(const nn_value *value) {
    if (value->producer != NULL && nn_node_is_removed(value->producer))
        return nn_fail(NN_INTERNAL, "value '%s' is made by removed node '%s'", value->name,
                       value->producer->name);
    if (value->producer != NULL || value->is_input || value->is_captured ||
        value->initializer != NULL)
        return NN_OK;
    if (value->use_count > 0)
        return nn_fail(NN_INTERNAL, "value '%s' has no source any more, but node '%s' reads it",
                       value->name, value->uses[0].node->name);
    if (value->is_output)
        return nn_fail(NN_INTERNAL, "graph output '%s' has no source any more", value->name);
    return NN_OK;
}

static nn_status verify(const nn_patch *patch) {
    for (int64_t i = 0; i < patch->value_count; i++) NN_TRY(verify_value(patch->values[i].value));
    for (int64_t i = 0; i < patch->node_count; i++) {
        const nn_node *node = patch->nodes[i].node;
        if (is_in_graph(patch->graph, node)) NN_TRY(nn_graph_verify_node(patch->graph, node));
    }
    return NN_OK;
}

/* ---- inference ---- */

static void mark_readers(const nn_value *value, uint8_t *dirty) {
    for (int64_t i = 0; i < value->use_count; i++) dirty[value->uses[i].node->position] = 1;
}

/* New facts for the outputs of one node; readers of those that changed are dirty. */
static nn_status infer_node(nn_patch *patch, const nn_node *node, nn_fact *facts, uint8_t *dirty) {
    NN_TRY(nn_node_infer(patch->graph, node, facts));
    for (int i = 0; i < node->out_count; i++) {
        nn_value *value = node->outputs[i];
        if (value == NULL) continue;
        bool agrees = nn_fact_add_declared(&facts[i], &value->declared);
        if (agrees && nn_fact_equal(&facts[i], &value->fact)) continue;
        NN_TRY(nn_patch_touch_value(patch, value));
        value->fact = facts[i];
        if (!agrees) { /* what the file stated held before the edit */
            value->declared = facts[i];
            value->declared.constant = NULL;
            value->declared.element_count = -1;
        }
        mark_readers(value, dirty);
    }
    return NN_OK;
}

static nn_status infer_dirty(nn_patch *patch, uint8_t *dirty) {
    const nn_graph *graph = patch->graph;
    nn_fact local[4], *facts = local;
    int64_t room = (int64_t)(sizeof local / sizeof local[0]);
    nn_status status = NN_OK;
    for (int64_t i = 0; i < graph->node_count && status == NN_OK; i++) {
        if (!dirty[i]) continue;
        const nn_node *node = graph->nodes[i];
        if (node->out_count > room) {
            nn_fact *larger = nn_alloc((size_t)node->out_count * sizeof *larger);
            if (larger == NULL) {
                status = nn_fail_memory((size_t)node->out_count * sizeof *larger);
                break;
            }
            if (facts != local) nn_free(facts);
            facts = larger;
            room = node->out_count;
        }
        status = infer_node(patch, node, facts, dirty);
    }
    if (facts != local) nn_free(facts);
    return status;
}

/* Changed nodes, readers of values that changed without their node, and what follows from both. */
static nn_status infer(nn_patch *patch) {
    const nn_graph *graph = patch->graph;
    uint8_t *dirty = nn_alloc_zero((size_t)graph->node_count + 1);
    if (dirty == NULL) return nn_fail_memory((size_t)graph->node_count + 1);
    for (int64_t i = 0; i < patch->node_count; i++) {
        const nn_node *node = patch->nodes[i].node;
        if (is_in_graph(graph, node)) dirty[node->position] = 1;
    }
    for (int64_t i = 0; i < patch->value_count; i++) {
        const nn_value *value = patch->values[i].value;
        if (belongs(graph, value) && patch->values[i].owns_initializer) mark_readers(value, dirty);
    }
    nn_status status = infer_dirty(patch, dirty);
    nn_free(dirty);
    return status;
}

/* Bodies see the facts of what they capture; the list grows while inner values join it. */
static nn_status refresh_captures(nn_patch *patch) {
    for (int64_t i = 0; i < patch->value_count; i++) {
        const nn_value *outer = patch->values[i].value;
        for (int64_t k = 0; k < outer->use_count; k++) {
            if (outer->uses[k].input != NN_USE_CAPTURE) continue;
            const nn_attrs *attrs = &outer->uses[k].node->attrs;
            for (int64_t a = 0; a < attrs->count; a++) {
                if (attrs->items[a].kind != NN_ATTR_GRAPH) continue;
                nn_value *inner = nn_graph_captured(attrs->items[a].graph, outer);
                if (inner == NULL) continue;
                NN_TRY(nn_patch_touch_value(patch, inner));
                inner->fact = outer->fact;
            }
        }
    }
    return NN_OK;
}

/* ---- the log ---- */

static nn_status add_record(nn_patch *patch, int64_t count) {
    size_t bytes = (size_t)(count + 1) * sizeof(const char *);
    const char **names = nn_alloc(bytes);
    if (names == NULL) return nn_fail_memory(bytes);
    for (int64_t i = 0; i < count; i++) names[i] = patch->nodes[i].node->name;
    nn_status status = nn_patch_log_add(patch->graph, patch->pass, patch->reason, names, count);
    nn_free(names);
    return status;
}

nn_status nn_patch_settle(nn_patch *patch) {
    int64_t changed_nodes = patch->node_count;
    NN_TRY(order_nodes(patch));
    NN_TRY(verify(patch));
    NN_TRY(infer(patch));
    NN_TRY(refresh_captures(patch));
    return add_record(patch, changed_nodes);
}
