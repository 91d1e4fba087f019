#include "engine/graph/graph_parts.h"

static nn_status clone_bytes(nn_graph *to, const void *bytes, size_t size, const void **out,
                             size_t *out_size) {
    if (size == 0) return NN_OK;
    *out = nn_arena_copy(&to->arena, bytes, size);
    *out_size = size;
    return *out != NULL ? NN_OK : nn_fail_memory(size);
}

/* Copies what inference computed, so that the clone outlives the original. */
static nn_status clone_constant(nn_graph *to, const nn_tensor *from, const nn_tensor **out) {
    nn_tensor *tensor = nn_arena_copy(&to->arena, from, sizeof *from);
    size_t bytes = (size_t)nn_tensor_bytes(from);
    if (tensor == NULL) return nn_fail_memory(sizeof *tensor);
    if (bytes > 0) tensor->data = nn_arena_copy(&to->arena, from->data, bytes);
    if (tensor->data == NULL && bytes > 0) return nn_fail_memory(bytes);
    *out = tensor;
    return NN_OK;
}

static nn_status clone_value(const nn_value *from, nn_value *const *outer_map, nn_graph *to,
                             nn_value **out) {
    nn_value *value;
    NN_TRY(nn_graph_add_value(to, from->name, &value));
    *out = value;
    value->declared = from->declared;
    NN_TRY(clone_bytes(to, from->unknown_fields, from->unknown_size, &value->unknown_fields,
                       &value->unknown_size));
    if (from->initializer != NULL) return nn_graph_set_initializer(to, value, from->initializer);
    value->fact = from->fact;
    value->fact.constant = NULL;
    if (from->is_captured && outer_map == NULL) {
        const nn_value *outer = from->outer;
        value->declared = outer->fact;
        value->declared.constant = NULL;
        if (outer->initializer != NULL)
            return nn_graph_set_initializer(to, value, outer->initializer);
    } else if (from->is_captured) {
        value->is_captured = true;
        value->outer = outer_map[from->outer->id];
        value->fact.constant = value->outer->fact.constant;
    } else if (from->fact.constant != NULL) {
        NN_TRY(clone_constant(to, from->fact.constant, &value->fact.constant));
    }
    return NN_OK;
}

static nn_status clone_graph(const nn_graph *from, nn_value *const *outer_map, nn_graph *to);

/* New bodies for a copy of `from`'s attributes; items stay the caller's, to be freed. */
static nn_status clone_bodies(const nn_node *from, nn_value *const *map, nn_graph *to,
                              nn_attr **items) {
    size_t bytes = (size_t)from->attrs.count * sizeof(nn_attr);
    *items = NULL;
    if (from->attrs.count == 0) return NN_OK;
    nn_attr *copy = nn_alloc(bytes);
    if (copy == NULL) return nn_fail_memory(bytes);
    memcpy(copy, from->attrs.items, bytes);
    for (int64_t i = 0; i < from->attrs.count; i++) {
        if (copy[i].kind != NN_ATTR_GRAPH) continue;
        const nn_graph *body = from->attrs.items[i].graph;
        nn_graph *fresh = NULL;
        nn_status status = nn_graph_create_body(to, body->name, &fresh);
        if (status == NN_OK) status = clone_graph(body, map, fresh);
        if (status != NN_OK) {
            nn_graph_destroy(fresh);
            nn_attrs_destroy_bodies(&(nn_attrs){copy, i});
            nn_free(copy);
            return status;
        }
        copy[i].graph = fresh;
    }
    *items = copy;
    return NN_OK;
}

static nn_status clone_node_links(const nn_node *from, nn_value *const *map, nn_graph *to,
                                  nn_value **links, nn_node **out) {
    for (int i = 0; i < from->in_count; i++)
        links[i] = from->inputs[i] != NULL ? map[from->inputs[i]->id] : NULL;
    nn_value **outputs = links + from->in_count;
    for (int i = 0; i < from->out_count; i++)
        outputs[i] = from->outputs[i] != NULL ? map[from->outputs[i]->id] : NULL;
    nn_attr *items;
    NN_TRY(clone_bodies(from, map, to, &items));
    nn_attrs attrs = {items, from->attrs.count};
    nn_status status = nn_graph_add_node(to, from->op_type, from->domain, from->name, links,
                                         from->in_count, outputs, from->out_count, &attrs, out);
    nn_free(items);
    return status;
}

static nn_status clone_node(const nn_node *from, nn_value *const *map, nn_graph *to) {
    size_t bytes = (size_t)(from->in_count + from->out_count + 1) * sizeof(nn_value *);
    nn_value **links = nn_alloc(bytes);
    if (links == NULL) return nn_fail_memory(bytes);
    nn_node *node = NULL;
    nn_status status = clone_node_links(from, map, to, links, &node);
    nn_free(links);
    if (status != NN_OK) return status;
    if (node->op == NULL) node->op = from->op; /* an operator that no table has */
    node->epilogue = from->epilogue;
    if (strcmp(from->origin, from->name) != 0)
        node->origin = nn_arena_strdup(&nn_graph_top(to)->arena, from->origin);
    if (from->doc != NULL) node->doc = nn_arena_strdup(&to->arena, from->doc);
    if (node->origin == NULL || (from->doc != NULL && node->doc == NULL))
        return nn_fail_memory(strlen(from->origin) + 1);
    return clone_bytes(to, from->unknown_fields, from->unknown_size, &node->unknown_fields,
                       &node->unknown_size);
}

static nn_status clone_parts(const nn_graph *from, nn_value *const *outer_map, nn_value **map,
                             nn_graph *to) {
    NN_TRY(clone_bytes(to, from->unknown_fields, from->unknown_size, &to->unknown_fields,
                       &to->unknown_size));
    for (int64_t i = 0; i < from->value_count; i++)
        if (nn_value_is_linked(from->values[i]))
            NN_TRY(clone_value(from->values[i], outer_map, to, &map[i]));
    for (int64_t i = 0; i < from->input_count; i++)
        NN_TRY(nn_graph_add_input(to, map[from->inputs[i]->id]));
    for (int64_t i = 0; i < from->output_count; i++)
        NN_TRY(nn_graph_add_output(to, map[from->outputs[i]->id]));
    for (int64_t i = 0; i < from->node_count; i++) NN_TRY(clone_node(from->nodes[i], map, to));
    return NN_OK;
}

static nn_status clone_graph(const nn_graph *from, nn_value *const *outer_map, nn_graph *to) {
    size_t bytes = (size_t)(from->value_count + 1) * sizeof(nn_value *);
    nn_value **map = nn_alloc_zero(bytes);
    if (map == NULL) return nn_fail_memory(bytes);
    nn_status status = clone_parts(from, outer_map, map, to);
    nn_free(map);
    return status;
}

static nn_status clone_imports(const nn_graph *from, nn_graph *to) {
    for (int64_t i = 0; i < from->opset_count; i++)
        NN_TRY(nn_graph_set_opset(to, from->opsets[i].domain, from->opsets[i].version));
    for (int64_t i = 0; i < from->symbol_count; i++) {
        int64_t dim;
        NN_TRY(nn_graph_symbol(to, from->symbols[i], &dim));
    }
    return NN_OK;
}

static nn_status clone_top(const nn_graph *from, nn_graph *to) {
    NN_TRY(clone_imports(from, to));
    NN_TRY(clone_graph(from, NULL, to));
    return nn_patch_log_copy(from, to);
}

nn_status nn_graph_clone(const nn_graph *graph, nn_graph **out) {
    nn_graph *clone;
    NN_TRY(nn_graph_create(graph->name, &clone));
    nn_status status = clone_top(graph, clone);
    if (status != NN_OK) {
        nn_graph_destroy(clone);
        return status;
    }
    *out = clone;
    return NN_OK;
}

/* ---- a body on its own ---- */

static nn_status add_captured_inputs(const nn_graph *body, nn_graph *to, const nn_value **captured,
                                     int64_t *count) {
    *count = 0;
    for (int64_t i = 0; i < body->value_count; i++) {
        const nn_value *value = body->values[i];
        if (!value->is_captured || value->outer->initializer != NULL) continue;
        nn_value *input = nn_graph_find(to, value->name);
        if (input == NULL) continue; /* nothing reads it any more */
        NN_TRY(nn_graph_add_input(to, input));
        captured[(*count)++] = value->outer;
    }
    return NN_OK;
}

nn_status nn_graph_clone_body(const nn_graph *body, nn_graph **out, const nn_value **captured,
                              int64_t *captured_count) {
    const nn_graph *top = body;
    while (top->parent != NULL) top = top->parent;
    nn_graph *clone;
    NN_TRY(nn_graph_create(body->name, &clone));
    nn_status status = clone_imports(top, clone);
    if (status == NN_OK) status = clone_graph(body, NULL, clone);
    if (status == NN_OK) status = add_captured_inputs(body, clone, captured, captured_count);
    if (status != NN_OK) {
        nn_graph_destroy(clone);
        return status;
    }
    *out = clone;
    return NN_OK;
}
