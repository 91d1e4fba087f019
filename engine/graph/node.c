#include "engine/graph/graph_parts.h"

/* ---- attributes ---- */

/* The copy of one attribute's lists and texts; tensors and bodies are the same. */
static bool copy_attr(nn_arena *arena, const nn_attr *from, nn_attr *to) {
    *to = *from;
    to->name = nn_arena_strdup(arena, from->name);
    if (to->name == NULL) return false;
    if (from->unknown_size > 0) {
        to->unknown_fields = nn_arena_copy(arena, from->unknown_fields, from->unknown_size);
        if (to->unknown_fields == NULL) return false;
    }
    switch (from->kind) {
    case NN_ATTR_STRING:
        to->s.bytes = nn_arena_strndup(arena, from->s.bytes, (size_t)from->s.length);
        return to->s.bytes != NULL;
    case NN_ATTR_FLOATS:
        to->floats = nn_arena_copy(arena, from->floats, (size_t)from->count * sizeof(float));
        return to->floats != NULL;
    case NN_ATTR_INTS:
        to->ints = nn_arena_copy(arena, from->ints, (size_t)from->count * sizeof(int64_t));
        return to->ints != NULL;
    case NN_ATTR_STRINGS: {
        nn_text *texts = nn_arena_copy(arena, from->strings, (size_t)from->count * sizeof(nn_text));
        for (int64_t i = 0; texts != NULL && i < from->count; i++) {
            texts[i].bytes =
                nn_arena_strndup(arena, from->strings[i].bytes, (size_t)texts[i].length);
            if (texts[i].bytes == NULL) return false;
        }
        to->strings = texts;
        return texts != NULL;
    }
    case NN_ATTR_OPAQUE:
        to->opaque.bytes = nn_arena_copy(arena, from->opaque.bytes, from->opaque.size);
        return to->opaque.bytes != NULL;
    case NN_ATTR_FLOAT:
    case NN_ATTR_INT:
    case NN_ATTR_TENSOR:
    case NN_ATTR_GRAPH:
        return true;
    }
    return true;
}

nn_status nn_attrs_copy(nn_arena *arena, const nn_attrs *attrs, nn_attrs *out) {
    *out = (nn_attrs){0};
    if (attrs == NULL || attrs->count == 0) return NN_OK;
    size_t bytes = (size_t)attrs->count * sizeof(nn_attr);
    nn_attr *items = nn_arena_alloc(arena, bytes);
    if (items == NULL) return nn_fail_memory(bytes);
    for (int64_t i = 0; i < attrs->count; i++)
        if (!copy_attr(arena, &attrs->items[i], &items[i])) return nn_fail_memory(bytes);
    for (int64_t i = 0; i < attrs->count; i++)
        if (items[i].kind == NN_ATTR_TENSOR) nn_blob_retain(items[i].tensor);
    *out = (nn_attrs){items, attrs->count};
    return NN_OK;
}

void nn_attrs_destroy_bodies(const nn_attrs *attrs) {
    for (int64_t i = 0; attrs != NULL && i < attrs->count; i++)
        if (attrs->items[i].kind == NN_ATTR_GRAPH) nn_graph_destroy(attrs->items[i].graph);
}

void nn_attrs_release(const nn_attrs *attrs) {
    for (int64_t i = 0; i < attrs->count; i++)
        if (attrs->items[i].kind == NN_ATTR_TENSOR) nn_blob_release(attrs->items[i].tensor);
    nn_attrs_destroy_bodies(attrs);
}

/* ---- making a node ---- */

nn_status nn_node_resolve(nn_graph *graph, nn_node *node) {
    node->opset = nn_graph_opset(graph, node->domain);
    node->op = nn_op_find(node->domain, node->op_type, node->opset);
    node->attrs_parsed = NULL;
    if (node->op == NULL) return NN_OK;
    if (node->op->attr_size > 0) {
        node->attrs_parsed = nn_arena_alloc(&graph->arena, node->op->attr_size);
        if (node->attrs_parsed == NULL) return nn_fail_memory(node->op->attr_size);
    }
    if (node->op->parse == NULL) return NN_OK;
    nn_node_view view = {.name = node->name,
                         .op = node->op,
                         .opset = node->opset,
                         .in_count = node->in_count,
                         .out_count = node->out_count};
    nn_status status = node->op->parse(&view, &node->attrs, node->attrs_parsed);
    /* Attribute readers do not know the node; nn_view_fail names it itself. */
    if (status != NN_OK && status != NN_NO_MEMORY &&
        strncmp(nnopt_last_error(), "node '", strlen("node '")) != 0)
        nn_fail_context(status, "node '%s' (%s)", node->name, node->op_type);
    return status;
}

static nn_status name_node(nn_graph *graph, const char *name, nn_node *node) {
    nn_graph *top = nn_graph_top(graph);
    if (name != NULL && name[0] != '\0' && nn_graph_find_node(graph, name) == NULL) {
        node->name = nn_arena_strdup(&top->arena, name);
        if (node->name == NULL) return nn_fail_memory(strlen(name) + 1);
        return nn_graph_take_name(top, node->name);
    }
    if (name != NULL && name[0] != '\0') return nn_graph_unique_name(graph, name, &node->name);
    const char *output = "";
    for (int i = 0; i < node->out_count && output[0] == '\0'; i++)
        if (node->outputs[i] != NULL) output = node->outputs[i]->name;
    char *stem = nn_format("%s_%s", node->op_type, output);
    if (stem == NULL) return nn_fail_memory(strlen(output) + 1);
    nn_status status = nn_graph_unique_name(graph, stem, &node->name);
    nn_free(stem);
    return status;
}

nn_status nn_node_find_captures(nn_graph *graph, nn_node *node) {
    nn_status status = NN_OK;
    node->captures = NULL;
    node->capture_count = 0;
    for (int64_t i = 0; i < node->attrs.count && status == NN_OK; i++) {
        if (node->attrs.items[i].kind != NN_ATTR_GRAPH) continue;
        const nn_graph *body = node->attrs.items[i].graph;
        if (body->parent != graph) {
            status = nn_fail(NN_INTERNAL, "node '%s' (%s): body '%s' is of another graph",
                             node->name, node->op_type, body->name);
            break;
        }
        for (int64_t k = 0; k < body->value_count && status == NN_OK; k++) {
            const nn_value *inner = body->values[k];
            if (!inner->is_captured || (inner->use_count == 0 && !inner->is_output)) continue;
            if (inner->outer->mark != 0) continue;
            status =
                NN_ARENA_APPEND(&graph->arena, node->captures, node->capture_count, inner->outer);
            if (status != NN_OK) break;
            node->capture_count++;
            inner->outer->mark = 1;
        }
    }
    for (int64_t i = 0; i < node->capture_count; i++) node->captures[i]->mark = 0;
    return status;
}

static nn_status fill_node(nn_graph *graph, nn_node *node, const char *op_type, const char *domain,
                           const char *name, nn_value *const *inputs, nn_value *const *outputs,
                           const nn_attrs *attrs) {
    nn_arena *arena = &graph->arena;
    node->op_type = nn_arena_strdup(arena, op_type);
    node->domain = nn_arena_strdup(arena, nn_domain_normalise(domain));
    node->inputs = nn_arena_copy(arena, inputs, (size_t)node->in_count * sizeof *inputs);
    node->outputs = nn_arena_copy(arena, outputs, (size_t)node->out_count * sizeof *outputs);
    if (node->op_type == NULL || node->domain == NULL || node->inputs == NULL ||
        node->outputs == NULL)
        return nn_fail_memory(sizeof *node);
    NN_TRY(name_node(graph, name, node));
    node->origin = node->name;
    return nn_attrs_copy(arena, attrs, &node->attrs);
}

nn_status nn_node_make(nn_graph *graph, const char *op_type, const char *domain, const char *name,
                       nn_value *const *inputs, int in_count, nn_value *const *outputs,
                       int out_count, const nn_attrs *attrs, nn_node **out) {
    nn_node *node = nn_arena_alloc(&graph->arena, sizeof *node);
    nn_status status = NN_OK;
    if (node == NULL) {
        status = nn_fail_memory(sizeof *node);
    } else {
        node->in_count = in_count;
        node->out_count = out_count;
        node->position = -1;
        status = fill_node(graph, node, op_type, domain, name, inputs, outputs, attrs);
    }
    if (status != NN_OK) {
        nn_attrs_destroy_bodies(attrs);
        return status;
    }
    status = nn_node_resolve(graph, node);
    if (status == NN_OK) status = nn_node_find_captures(graph, node);
    if (status != NN_OK) {
        nn_attrs_release(&node->attrs);
        return status;
    }
    *out = node;
    return NN_OK;
}

/* ---- linking ---- */

/* Makes `node` the producer of its outputs; a value that something makes already is an error. */
static nn_status link_outputs(nn_node *node) {
    for (int i = 0; i < node->out_count; i++) {
        nn_value *value = node->outputs[i];
        if (value == NULL) continue;
        if (value->producer != NULL)
            return nn_fail(NN_BAD_INPUT, "node '%s' (%s): output '%s' is already made by node '%s'",
                           node->name, node->op_type, value->name, value->producer->name);
        if (value->is_input || value->initializer != NULL || value->is_captured)
            return nn_fail(NN_BAD_INPUT, "node '%s' (%s): output '%s' is already %s", node->name,
                           node->op_type, value->name,
                           value->is_input      ? "a graph input"
                           : value->is_captured ? "a value of an outer graph"
                                                : "an initializer");
        value->producer = node;
        value->producer_output = i;
    }
    return NN_OK;
}

static void unlink_node(nn_node *node) {
    for (int i = 0; i < node->out_count; i++)
        if (node->outputs[i] != NULL && node->outputs[i]->producer == node)
            node->outputs[i]->producer = NULL;
    for (int i = 0; i < node->in_count; i++)
        if (node->inputs[i] != NULL) nn_value_drop_use(node->inputs[i], node, i);
    for (int64_t i = 0; i < node->capture_count; i++)
        nn_value_drop_use(node->captures[i], node, NN_USE_CAPTURE);
}

static nn_status link_node(nn_graph *graph, nn_node *node) {
    NN_TRY(link_outputs(node));
    for (int i = 0; i < node->in_count; i++)
        if (node->inputs[i] != NULL) NN_TRY(nn_value_add_use(graph, node->inputs[i], node, i));
    for (int64_t i = 0; i < node->capture_count; i++)
        NN_TRY(nn_value_add_use(graph, node->captures[i], node, NN_USE_CAPTURE));
    if (!NN_GROW(graph->nodes, graph->node_count, graph->node_capacity))
        return nn_fail_memory((size_t)graph->node_capacity * 2 * sizeof(nn_node *));
    return nn_name_table_put(graph->node_names, node->name, node);
}

nn_status nn_node_link(nn_graph *graph, nn_node *node) {
    nn_status status = link_node(graph, node);
    if (status != NN_OK) {
        unlink_node(node);
        return status;
    }
    node->position = graph->node_count;
    graph->nodes[graph->node_count++] = node;
    return NN_OK;
}

nn_status nn_graph_add_node(nn_graph *graph, const char *op_type, const char *domain,
                            const char *name, nn_value *const *inputs, int in_count,
                            nn_value *const *outputs, int out_count, const nn_attrs *attrs,
                            nn_node **out) {
    nn_node *node;
    NN_TRY(nn_node_make(graph, op_type, domain, name, inputs, in_count, outputs, out_count, attrs,
                        &node));
    nn_status status = nn_node_link(graph, node);
    if (status != NN_OK) {
        nn_attrs_release(&node->attrs);
        return status;
    }
    if (out != NULL) *out = node;
    return NN_OK;
}

/* ---- views ---- */

nn_status nn_node_view_init(const nn_node *node, nn_view_storage *storage, nn_node_view *out) {
    const nn_fact **in = storage->in;
    nn_fact **outputs = storage->out;
    int limit = (int)(sizeof storage->in / sizeof storage->in[0]);
    storage->in_heap = NULL;
    storage->out_heap = NULL;
    if (node->in_count > limit) {
        in = storage->in_heap = nn_alloc((size_t)node->in_count * sizeof *in);
        if (in == NULL) return nn_fail_memory((size_t)node->in_count * sizeof *in);
    }
    if (node->out_count > limit) {
        outputs = storage->out_heap = nn_alloc((size_t)node->out_count * sizeof *outputs);
        if (outputs == NULL) {
            nn_node_view_clear(storage);
            return nn_fail_memory((size_t)node->out_count * sizeof *outputs);
        }
    }
    for (int i = 0; i < node->in_count; i++)
        in[i] = node->inputs[i] != NULL ? &node->inputs[i]->fact : NULL;
    for (int i = 0; i < node->out_count; i++)
        outputs[i] = node->outputs[i] != NULL ? &node->outputs[i]->fact : NULL;
    *out = nn_node_view_of(node, in, outputs);
    return NN_OK;
}

void nn_node_view_clear(nn_view_storage *storage) {
    nn_free(storage->in_heap);
    nn_free(storage->out_heap);
    storage->in_heap = NULL;
    storage->out_heap = NULL;
}
