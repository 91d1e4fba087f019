#include "engine/graph/graph_parts.h"

#include <stdio.h>

/* ---- life ---- */

nn_status nn_graph_create(const char *name, nn_graph **out) {
    nn_graph *graph = nn_alloc_zero(sizeof *graph);
    if (graph == NULL) return nn_fail_memory(sizeof *graph);
    graph->name = nn_arena_strdup(&graph->arena, name != NULL ? name : "");
    graph->names = nn_arena_alloc(&graph->arena, sizeof *graph->names);
    graph->node_names = nn_arena_alloc(&graph->arena, sizeof *graph->node_names);
    graph->taken = nn_arena_alloc(&graph->arena, sizeof *graph->taken);
    graph->symbol_names = nn_arena_alloc(&graph->arena, sizeof *graph->symbol_names);
    if (graph->name == NULL || graph->names == NULL || graph->node_names == NULL ||
        graph->taken == NULL || graph->symbol_names == NULL) {
        nn_arena_clear(&graph->arena);
        nn_free(graph);
        return nn_fail_memory(sizeof *graph);
    }
    *out = graph;
    return NN_OK;
}

nn_status nn_graph_create_body(nn_graph *parent, const char *name, nn_graph **out) {
    if (parent->depth >= NN_MAX_GRAPH_DEPTH)
        return nn_fail(NN_BAD_INPUT, "graph '%s': graphs are nested deeper than %d",
                       name != NULL ? name : "", (int)NN_MAX_GRAPH_DEPTH);
    NN_TRY(nn_graph_create(name, out));
    (*out)->parent = parent;
    (*out)->depth = parent->depth + 1;
    return NN_OK;
}

void nn_graph_destroy(nn_graph *graph) {
    if (graph == NULL) return;
    for (int64_t i = 0; i < graph->node_count; i++) nn_attrs_release(&graph->nodes[i]->attrs);
    for (int64_t i = 0; i < graph->value_count; i++) nn_value_clear_initializer(graph->values[i]);
    nn_free(graph->nodes);
    nn_free(graph->values);
    nn_free(graph->symbols);
    nn_name_table_clear(graph->names);
    nn_name_table_clear(graph->node_names);
    nn_name_table_clear(graph->taken);
    nn_name_table_clear(graph->symbol_names);
    nn_arena_clear(&graph->arena);
    nn_free(graph);
}

nn_status nn_arena_append(nn_arena *arena, void ***items, int64_t count, void *item) {
    if ((count & (count - 1)) == 0) {
        size_t bytes = (size_t)(count == 0 ? 1 : count * 2) * sizeof(void *);
        void **grown = nn_arena_alloc(arena, bytes);
        if (grown == NULL) return nn_fail_memory(bytes);
        if (count > 0) memcpy(grown, *items, (size_t)count * sizeof(void *));
        *items = grown;
    }
    (*items)[count] = item;
    return NN_OK;
}

/* ---- opsets and symbols ---- */

enum { MAX_OPSETS = 256 }; /* the list is searched for every node */

const char *nn_domain_normalise(const char *domain) {
    return domain == NULL || strcmp(domain, "ai.onnx") == 0 ? "" : domain;
}

nn_status nn_graph_set_opset(nn_graph *graph, const char *domain, int64_t version) {
    nn_graph *top = nn_graph_top(graph);
    domain = nn_domain_normalise(domain);
    if (version < 1 || version > INT32_MAX)
        return nn_fail(NN_BAD_INPUT, "opset version %lld of domain '%s' is not valid",
                       (long long)version, domain);
    for (int64_t i = 0; i < top->opset_count; i++) {
        if (strcmp(top->opsets[i].domain, domain) != 0) continue;
        top->opsets[i].version = version;
        return NN_OK;
    }
    if (top->opset_count >= MAX_OPSETS)
        return nn_fail(NN_BAD_INPUT, "more than %d operator domains are imported", (int)MAX_OPSETS);
    size_t bytes = (size_t)(top->opset_count + 1) * sizeof *top->opsets;
    nn_opset_import *opsets = nn_arena_alloc(&top->arena, bytes);
    const char *copy = nn_arena_strdup(&top->arena, domain);
    if (opsets == NULL || copy == NULL) return nn_fail_memory(bytes);
    if (top->opset_count > 0)
        memcpy(opsets, top->opsets, (size_t)top->opset_count * sizeof *opsets);
    opsets[top->opset_count++] = (nn_opset_import){copy, version};
    top->opsets = opsets;
    return NN_OK;
}

int nn_graph_opset(const nn_graph *graph, const char *domain) {
    while (graph->parent != NULL) graph = graph->parent;
    domain = nn_domain_normalise(domain);
    for (int64_t i = 0; i < graph->opset_count; i++)
        if (strcmp(graph->opsets[i].domain, domain) == 0) return (int)graph->opsets[i].version;
    return strcmp(domain, "nnopt") == 0 ? NN_OPSET_NEWEST : 0;
}

nn_status nn_graph_symbol(nn_graph *graph, const char *name, int64_t *dim) {
    nn_graph *top = nn_graph_top(graph);
    nn_name_entry *entry = nn_name_table_entry(top->symbol_names, name);
    if (entry == NULL) {
        char *copy = nn_arena_strdup(&top->arena, name);
        if (copy == NULL || !NN_GROW(top->symbols, top->symbol_count, top->symbol_capacity))
            return nn_fail_memory(strlen(name) + 1);
        NN_TRY(nn_name_table_put(top->symbol_names, copy, copy));
        entry = nn_name_table_entry(top->symbol_names, name);
        entry->number = top->symbol_count;
        top->symbols[top->symbol_count++] = copy;
    }
    *dim = nn_dim_symbol((int)entry->number);
    return NN_OK;
}

const char *nn_graph_symbol_name(const nn_graph *graph, int64_t dim) {
    while (graph->parent != NULL) graph = graph->parent;
    if (!nn_dim_is_symbol(dim) || nn_dim_symbol_index(dim) >= graph->symbol_count) return NULL;
    return graph->symbols[nn_dim_symbol_index(dim)];
}

/* ---- names ---- */

nn_status nn_graph_take_name(nn_graph *graph, const char *name) {
    nn_name_table *taken = nn_graph_top(graph)->taken;
    if (nn_name_table_get(taken, name) != NULL) return NN_OK;
    return nn_name_table_put(taken, name, (void *)name);
}

nn_status nn_graph_unique_name(nn_graph *graph, const char *stem, const char **out) {
    nn_graph *top = nn_graph_top(graph);
    nn_name_entry *entry = nn_name_table_entry(top->taken, stem);
    if (entry == NULL) {
        const char *name = nn_arena_strdup(&top->arena, stem);
        if (name == NULL) return nn_fail_memory(strlen(stem) + 1);
        *out = name;
        return nn_graph_take_name(top, name);
    }
    size_t size = strlen(stem) + 24;
    char *name = nn_arena_alloc(&top->arena, size);
    if (name == NULL) return nn_fail_memory(size);
    do {
        snprintf(name, size, "%s_%lld", stem, (long long)++entry->number);
    } while (nn_name_table_get(top->taken, name) != NULL);
    *out = name;
    return nn_graph_take_name(top, name);
}

nn_value *nn_graph_find(const nn_graph *graph, const char *name) {
    return nn_name_table_get(graph->names, name);
}

nn_node *nn_graph_find_node(const nn_graph *graph, const char *name) {
    return nn_name_table_get(graph->node_names, name);
}

nn_status nn_graph_resolve(nn_graph *graph, const char *name, nn_value **out) {
    nn_graph *owner = graph;
    nn_value *value = nn_graph_find(owner, name);
    while (value == NULL && owner->parent != NULL) {
        owner = owner->parent;
        value = nn_graph_find(owner, name);
    }
    /* Capture it in every graph from below its owner down to this one. */
    while (value != NULL && owner != graph) {
        nn_graph *inner = graph;
        while (inner->parent != owner) inner = inner->parent;
        nn_value *captured;
        NN_TRY(nn_value_make(inner, value->name, &captured));
        captured->is_captured = true;
        captured->outer = value;
        captured->fact = value->fact;
        NN_TRY(nn_value_link(inner, captured));
        value = captured;
        owner = inner;
    }
    *out = value;
    return NN_OK;
}

/* ---- values ---- */

nn_status nn_value_make(nn_graph *graph, const char *name, nn_value **out) {
    nn_value *value = nn_arena_alloc(&graph->arena, sizeof *value);
    if (value == NULL) return nn_fail_memory(sizeof *value);
    value->name = name;
    value->id = -1;
    value->fact = value->declared = nn_fact_unknown();
    *out = value;
    return NN_OK;
}

nn_status nn_value_link(nn_graph *graph, nn_value *value) {
    if (!NN_GROW(graph->values, graph->value_count, graph->value_capacity))
        return nn_fail_memory((size_t)graph->value_capacity * 2 * sizeof(nn_value *));
    NN_TRY(nn_name_table_put(graph->names, value->name, value));
    value->id = graph->value_count;
    graph->values[graph->value_count++] = value;
    return NN_OK;
}

nn_status nn_graph_add_value(nn_graph *graph, const char *name, nn_value **out) {
    if (name == NULL || name[0] == '\0') return nn_fail(NN_BAD_INPUT, "a value has an empty name");
    if (nn_graph_find(graph, name) != NULL)
        return nn_fail(NN_BAD_INPUT, "value '%s' is defined twice", name);
    nn_graph *top = nn_graph_top(graph);
    char *copy = nn_arena_strdup(&top->arena, name);
    if (copy == NULL) return nn_fail_memory(strlen(name) + 1);
    nn_value *value;
    NN_TRY(nn_graph_take_name(top, copy));
    NN_TRY(nn_value_make(graph, copy, &value));
    NN_TRY(nn_value_link(graph, value));
    *out = value;
    return NN_OK;
}

nn_status nn_graph_add_input(nn_graph *graph, nn_value *value) {
    if (value->is_input)
        return nn_fail(NN_BAD_INPUT, "graph input '%s' is defined twice", value->name);
    if (value->producer != NULL)
        return nn_fail(NN_BAD_INPUT, "graph input '%s' is also made by node '%s'", value->name,
                       value->producer->name);
    if (value->initializer != NULL || value->is_captured)
        return nn_fail(NN_BAD_INPUT, "graph input '%s' is also %s", value->name,
                       value->is_captured ? "a value of an outer graph" : "an initializer");
    NN_TRY(NN_ARENA_APPEND(&graph->arena, graph->inputs, graph->input_count, value));
    graph->input_count++;
    value->is_input = true;
    return NN_OK;
}

nn_status nn_graph_add_output(nn_graph *graph, nn_value *value) {
    if (value->is_output)
        return nn_fail(NN_BAD_INPUT, "graph output '%s' is defined twice", value->name);
    NN_TRY(NN_ARENA_APPEND(&graph->arena, graph->outputs, graph->output_count, value));
    graph->output_count++;
    value->is_output = true;
    return NN_OK;
}

nn_status nn_graph_set_initializer(nn_graph *graph, nn_value *value, nn_blob *blob) {
    (void)graph;
    if (value->is_input || value->producer != NULL || value->is_captured)
        return nn_fail(NN_BAD_INPUT, "initializer '%s' is also %s", value->name,
                       value->is_input      ? "a graph input"
                       : value->is_captured ? "a value of an outer graph"
                                            : "the output of a node");
    return nn_value_take_initializer(value, blob);
}

nn_status nn_value_take_initializer(nn_value *value, nn_blob *blob) {
    const nn_tensor *tensor = &blob->tensor;
    bool pin = !nn_blob_is_ready(blob) && nn_tensor_bytes(tensor) <= NN_SMALL_CONSTANT;
    if (pin) NN_TRY(nn_blob_pin(blob, &tensor));
    nn_blob_retain(blob);
    nn_value_clear_initializer(value);
    value->initializer = blob;
    value->is_pinned = pin;
    value->fact = nn_fact_of_tensor(tensor, true);
    return NN_OK;
}

void nn_value_clear_initializer(nn_value *value) {
    if (value->initializer == NULL) return;
    if (value->is_pinned) nn_blob_unpin(value->initializer);
    nn_blob_release(value->initializer);
    value->initializer = NULL;
    value->is_pinned = false;
    value->fact.constant = NULL;
}

nn_status nn_value_pin(nn_value *value) {
    if (value->initializer == NULL || value->is_pinned || nn_blob_is_ready(value->initializer))
        return NN_OK;
    NN_TRY(nn_blob_pin(value->initializer, &value->fact.constant));
    value->is_pinned = true;
    return NN_OK;
}

void nn_value_unpin(nn_value *value) {
    if (!value->is_pinned) return;
    nn_blob_unpin(value->initializer);
    value->is_pinned = false;
    value->fact.constant = &value->initializer->tensor;
}

nn_status nn_graph_pin_constants(nn_graph *graph) {
    for (int64_t i = 0; i < graph->value_count; i++) NN_TRY(nn_value_pin(graph->values[i]));
    return NN_OK;
}

bool nn_value_is_linked(const nn_value *value) {
    return value->producer != NULL || value->initializer != NULL || value->is_input ||
           value->is_output || value->is_captured || value->use_count > 0;
}

nn_node *nn_value_single_consumer(const nn_value *value) {
    if (value->is_output || value->use_count != 1 || value->uses[0].input == NN_USE_CAPTURE)
        return NULL;
    return value->uses[0].node;
}

nn_status nn_value_add_use(nn_graph *graph, nn_value *value, nn_node *node, int input) {
    if (value->use_count == value->use_capacity) {
        int64_t capacity = value->use_capacity == 0 ? 2 : value->use_capacity * 2;
        size_t bytes = (size_t)capacity * sizeof(nn_use);
        nn_use *uses = nn_arena_alloc(&graph->arena, bytes);
        if (uses == NULL) return nn_fail_memory(bytes);
        if (value->use_count > 0)
            memcpy(uses, value->uses, (size_t)value->use_count * sizeof *uses);
        value->uses = uses;
        value->use_capacity = capacity;
    }
    value->uses[value->use_count++] = (nn_use){node, input};
    return NN_OK;
}

void nn_value_drop_use(nn_value *value, const nn_node *node, int input) {
    for (int64_t i = 0; i < value->use_count; i++) {
        if (value->uses[i].node != node || value->uses[i].input != input) continue;
        memmove(&value->uses[i], &value->uses[i + 1],
                (size_t)(value->use_count - i - 1) * sizeof(nn_use));
        value->use_count--;
        return;
    }
}
