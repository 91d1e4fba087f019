#include "engine/graph/patch_parts.h"

/* A heap copy of `count` items, so that an empty list is no failure. */
static void *copy_list(const void *items, int64_t count, size_t item_size) {
    void *copy = nn_alloc((size_t)(count + 1) * item_size);
    if (copy != NULL && count > 0) memcpy(copy, items, (size_t)count * item_size);
    return copy;
}

nn_status nn_patch_start(nn_patch *patch) {
    const nn_graph *graph = patch->graph, *top = nn_graph_top(patch->graph);
    patch->order = copy_list(graph->nodes, graph->node_count, sizeof *graph->nodes);
    patch->outputs = copy_list(graph->outputs, graph->output_count, sizeof *graph->outputs);
    patch->opsets = copy_list(top->opsets, top->opset_count, sizeof *top->opsets);
    if (patch->order == NULL || patch->outputs == NULL || patch->opsets == NULL)
        return nn_fail_memory((size_t)graph->node_count * sizeof *graph->nodes);
    patch->order_count = graph->node_count;
    patch->opset_place = top->opsets;
    patch->opset_count = top->opset_count;
    patch->linked_values = graph->value_count;
    patch->is_started = true;
    return NN_OK;
}

nn_status nn_patch_touch_node(nn_patch *patch, nn_node *node) {
    if (node->mark != 0) return NN_OK;
    int64_t count = node->in_count + node->out_count + node->capture_count;
    size_t bytes = (size_t)(count + 1) * sizeof(nn_value *);
    if (!NN_GROW(patch->nodes, patch->node_count, patch->node_capacity))
        return nn_fail_memory(bytes);
    nn_value **links = nn_alloc(bytes);
    if (links == NULL) return nn_fail_memory(bytes);
    for (int i = 0; i < node->in_count; i++) links[i] = node->inputs[i];
    for (int i = 0; i < node->out_count; i++) links[node->in_count + i] = node->outputs[i];
    for (int64_t i = 0; i < node->capture_count; i++)
        links[node->in_count + node->out_count + i] = node->captures[i];
    patch->nodes[patch->node_count++] = (nn_saved_node){node, *node, links};
    node->mark = patch->node_count;
    return NN_OK;
}

nn_status nn_patch_touch_value(nn_patch *patch, nn_value *value) {
    if (value->mark != 0) return NN_OK;
    if (!NN_GROW(patch->values, patch->value_count, patch->value_capacity))
        return nn_fail_memory(sizeof *patch->values);
    nn_use *uses = copy_list(value->uses, value->use_count, sizeof *uses);
    if (uses == NULL) return nn_fail_memory((size_t)value->use_count * sizeof *uses);
    patch->values[patch->value_count++] =
        (nn_saved_value){.value = value, .before = *value, .uses = uses};
    value->mark = patch->value_count;
    return NN_OK;
}

nn_status nn_patch_rename(nn_patch *patch, nn_graph *graph, nn_value *value, const char *name) {
    NN_TRY(nn_patch_touch_value(patch, value));
    if (!NN_GROW(patch->renames, patch->rename_count, patch->rename_capacity))
        return nn_fail_memory(sizeof *patch->renames);
    NN_TRY(nn_name_table_reserve(graph->names, patch->rename_count + 1));
    patch->renames[patch->rename_count++] = (nn_rename){graph, value};
    value->name = name;
    return NN_OK;
}

/* ---- the ends ---- */

static bool has_body(const nn_attrs *attrs, const nn_graph *body) {
    for (int64_t i = 0; i < attrs->count; i++)
        if (attrs->items[i].kind == NN_ATTR_GRAPH && attrs->items[i].graph == body) return true;
    return false;
}

/* Releases attributes that a node no longer has; bodies that `live` has stay. */
static void release_attrs(const nn_attrs *dead, const nn_attrs *live) {
    if (dead->items == live->items) return;
    for (int64_t i = 0; i < dead->count; i++) {
        const nn_attr *attr = &dead->items[i];
        if (attr->kind == NN_ATTR_TENSOR) nn_blob_release(attr->tensor);
        if (attr->kind == NN_ATTR_GRAPH && !has_body(live, attr->graph))
            nn_graph_destroy(attr->graph);
    }
}

static void remove_name(nn_graph *graph, const nn_value *value, const char *name) {
    if (nn_graph_find(graph, name) == value) nn_name_table_remove(graph->names, name);
}

static void clear_marks(nn_patch *patch) {
    for (int64_t i = 0; i < patch->node_count; i++) patch->nodes[i].node->mark = 0;
    for (int64_t i = 0; i < patch->value_count; i++) patch->values[i].value->mark = 0;
}

static void restore_value(const nn_saved_value *saved) {
    nn_value *value = saved->value;
    if (saved->owns_initializer) nn_value_clear_initializer(value);
    *value = saved->before;
    if (value->use_count > 0)
        memcpy(value->uses, saved->uses, (size_t)value->use_count * sizeof *value->uses);
}

static void restore_node(const nn_saved_node *saved) {
    nn_node *node = saved->node;
    *node = saved->before;
    for (int i = 0; i < node->in_count; i++) node->inputs[i] = saved->links[i];
    for (int i = 0; i < node->out_count; i++) node->outputs[i] = saved->links[node->in_count + i];
    for (int64_t i = 0; i < node->capture_count; i++)
        node->captures[i] = saved->links[node->in_count + node->out_count + i];
}

static void restore_lists(nn_patch *patch) {
    nn_graph *graph = patch->graph, *top = nn_graph_top(patch->graph);
    if (!patch->is_started) return;
    graph->value_count = patch->linked_values;
    graph->node_count = patch->order_count;
    for (int64_t i = 0; i < patch->order_count; i++) {
        graph->nodes[i] = patch->order[i];
        graph->nodes[i]->position = i;
    }
    if (graph->output_count > 0)
        memcpy(graph->outputs, patch->outputs,
               (size_t)graph->output_count * sizeof *graph->outputs);
    top->opsets = patch->opset_place;
    top->opset_count = patch->opset_count;
    if (top->opset_count > 0)
        memcpy(top->opsets, patch->opsets, (size_t)top->opset_count * sizeof *top->opsets);
}

void nn_patch_roll_back(nn_patch *patch) {
    nn_graph *graph = patch->graph;
    for (int64_t i = 0; i < patch->node_count; i++) {
        const nn_saved_node *saved = &patch->nodes[i];
        if (saved->before.position < 0 &&
            nn_graph_find_node(graph, saved->node->name) == saved->node)
            nn_name_table_remove(graph->node_names, saved->node->name);
    }
    for (int64_t i = patch->value_count - 1; i >= 0; i--) restore_value(&patch->values[i]);
    for (int64_t i = patch->node_count - 1; i >= 0; i--) restore_node(&patch->nodes[i]);
    restore_lists(patch);
    for (int64_t i = 0; i < patch->edit_count; i++) {
        const nn_edit *edit = &patch->edits[i];
        if (edit->kind == NN_EDIT_SET_ATTRS) release_attrs(&edit->attrs, &edit->node->attrs);
    }
    for (int64_t i = 0; i < patch->edit_count; i++) {
        const nn_edit *edit = &patch->edits[i];
        if (edit->kind == NN_EDIT_ADD_VALUE) {
            remove_name(graph, edit->value, edit->value->name);
            nn_value_clear_initializer(edit->value);
        } else if (edit->kind == NN_EDIT_ADD_NODE) {
            nn_attrs_release(&edit->node->attrs);
            edit->node->attrs = (nn_attrs){0};
        }
    }
    clear_marks(patch);
}

static void commit_names(nn_patch *patch) {
    nn_graph *graph = patch->graph;
    for (int64_t i = 0; i < patch->rename_count; i++) {
        const nn_rename *rename = &patch->renames[i];
        remove_name(rename->graph, rename->value,
                    patch->values[rename->value->mark - 1].before.name);
    }
    for (int64_t i = 0; i < patch->value_count; i++) {
        const nn_value *value = patch->values[i].value;
        if (!nn_value_is_linked(value)) remove_name(graph, value, value->name);
    }
    for (int64_t i = 0; i < patch->rename_count; i++) {
        const nn_rename *rename = &patch->renames[i];
        /* cannot fail: nn_patch_rename made room */
        if (nn_value_is_linked(rename->value))
            (void)nn_name_table_put(rename->graph->names, rename->value->name, rename->value);
    }
}

void nn_patch_commit(nn_patch *patch) {
    commit_names(patch);
    clear_marks(patch);
    for (int64_t i = 0; i < patch->value_count; i++) {
        const nn_saved_value *saved = &patch->values[i];
        if (!saved->owns_initializer || saved->before.initializer == NULL) continue;
        if (saved->before.is_pinned) nn_blob_unpin(saved->before.initializer);
        nn_blob_release(saved->before.initializer);
    }
    for (int64_t i = 0; i < patch->node_count; i++) {
        nn_saved_node *saved = &patch->nodes[i];
        if (!nn_node_is_removed(saved->node)) continue;
        if (nn_graph_find_node(patch->graph, saved->node->name) == saved->node)
            nn_name_table_remove(patch->graph->node_names, saved->node->name);
        saved->node->attrs = (nn_attrs){0};
        saved->node->attrs_parsed = NULL;
    }
    /* Nodes inside bodies keep their attributes; releasing a body ends them, so sort them out
     * first. */
    for (int64_t i = 0; i < patch->node_count; i++) {
        nn_saved_node *saved = &patch->nodes[i];
        if (saved->before.attrs.items == saved->node->attrs.items) saved->node = NULL;
    }
    for (int64_t i = 0; i < patch->node_count; i++) {
        const nn_saved_node *saved = &patch->nodes[i];
        if (saved->node != NULL) release_attrs(&saved->before.attrs, &saved->node->attrs);
    }
    for (int64_t i = 0; i < patch->edit_count; i++) {
        const nn_edit *edit = &patch->edits[i];
        if (edit->kind == NN_EDIT_SET_ATTRS) release_attrs(&edit->attrs, &edit->node->attrs);
    }
}
