#include "engine/graph/patch_parts.h"

nn_status nn_patch_begin(nn_graph *graph, const char *pass, const char *reason, nn_patch **out) {
    nn_patch *patch = nn_alloc_zero(sizeof *patch);
    if (patch == NULL) return nn_fail_memory(sizeof *patch);
    patch->graph = graph;
    patch->pass = nn_strdup(pass);
    patch->reason = nn_strdup(reason);
    if (patch->pass == NULL || patch->reason == NULL) {
        nn_free(patch->pass);
        nn_free(patch->reason);
        nn_free(patch);
        return nn_fail_memory(strlen(reason) + 1);
    }
    *out = patch;
    return NN_OK;
}

static void free_patch(nn_patch *patch) {
    for (int64_t i = 0; i < patch->edit_count; i++) nn_blob_release(patch->edits[i].blob);
    for (int64_t i = 0; i < patch->node_count; i++) nn_free(patch->nodes[i].links);
    for (int64_t i = 0; i < patch->value_count; i++) nn_free(patch->values[i].uses);
    nn_free(patch->edits);
    nn_free(patch->nodes);
    nn_free(patch->values);
    nn_free(patch->renames);
    nn_free(patch->order);
    nn_free(patch->outputs);
    nn_free(patch->opsets);
    nn_free(patch->message);
    nn_free(patch->pass);
    nn_free(patch->reason);
    nn_free(patch);
}

nn_status nn_patch_apply(nn_patch *patch) {
    nn_status status = patch->status;
    if (status != NN_OK) {
        nn_fail(status, "%s", patch->message != NULL ? patch->message : "out of memory");
        nn_patch_roll_back(patch);
    } else if (patch->edit_count > 0) {
        status = nn_patch_start(patch);
        if (status == NN_OK) status = nn_patch_perform(patch);
        if (status == NN_OK) status = nn_patch_settle(patch);
        if (status == NN_OK)
            nn_patch_commit(patch);
        else
            nn_patch_roll_back(patch);
    }
    free_patch(patch);
    return status;
}

void nn_patch_abort(nn_patch *patch) {
    nn_patch_roll_back(patch);
    free_patch(patch);
}

/* ---- collecting edits ---- */

/* Keeps the first failure and its message for apply. */
static void keep_failure(nn_patch *patch, nn_status status) {
    if (patch->status != NN_OK || status == NN_OK) return;
    patch->status = status;
    patch->message = nn_strdup(nnopt_last_error());
}

/* The next edit, zeroed but for its kind; NULL after a failure. */
static nn_edit *add_edit(nn_patch *patch, nn_edit_kind kind) {
    if (patch->status != NN_OK) return NULL;
    if (!NN_GROW(patch->edits, patch->edit_count, patch->edit_capacity)) {
        keep_failure(patch, nn_fail_memory(sizeof(nn_edit)));
        return NULL;
    }
    nn_edit *edit = &patch->edits[patch->edit_count++];
    *edit = (nn_edit){.kind = kind};
    return edit;
}

static nn_status make_value(nn_patch *patch, const char *stem, nn_blob *blob, nn_value **out) {
    const char *name;
    nn_value *value;
    NN_TRY(nn_graph_unique_name(patch->graph, stem, &name));
    NN_TRY(nn_value_make(patch->graph, name, &value));
    if (blob != NULL) NN_TRY(nn_value_take_initializer(value, blob));
    *out = value;
    return NN_OK;
}

static nn_value *add_value(nn_patch *patch, const char *stem, nn_blob *blob) {
    nn_value *value = NULL;
    if (patch->status != NN_OK) return NULL;
    keep_failure(patch, make_value(patch, stem, blob, &value));
    nn_edit *edit = add_edit(patch, NN_EDIT_ADD_VALUE);
    if (edit != NULL)
        edit->value = value;
    else if (value != NULL)
        nn_value_clear_initializer(value);
    return edit != NULL ? value : NULL;
}

nn_value *nn_patch_constant(nn_patch *patch, const char *stem, nn_blob *blob) {
    return add_value(patch, stem, blob);
}

nn_value *nn_patch_value(nn_patch *patch, const char *stem) {
    return add_value(patch, stem, NULL);
}

nn_node *nn_patch_node(nn_patch *patch, const char *op_type, const char *domain, const char *stem,
                       nn_value *const *inputs, int in_count, nn_value *const *outputs,
                       int out_count, const nn_attrs *attrs, const nn_node *origin) {
    nn_node *node = NULL;
    const char *name = NULL;
    if (patch->status == NN_OK && stem != NULL && stem[0] != '\0')
        keep_failure(patch, nn_graph_unique_name(patch->graph, stem, &name));
    if (patch->status != NN_OK) {
        nn_attrs_destroy_bodies(attrs);
        return NULL;
    }
    keep_failure(patch, nn_node_make(patch->graph, op_type, domain, name, inputs, in_count, outputs,
                                     out_count, attrs, &node));
    nn_edit *edit = add_edit(patch, NN_EDIT_ADD_NODE);
    if (edit == NULL) {
        if (node != NULL) nn_attrs_release(&node->attrs);
        return NULL;
    }
    if (origin != NULL) node->origin = origin->origin;
    edit->node = node;
    return node;
}

void nn_patch_remove_node(nn_patch *patch, nn_node *node) {
    nn_edit *edit = add_edit(patch, NN_EDIT_REMOVE_NODE);
    if (edit != NULL) edit->node = node;
}

void nn_patch_set_input(nn_patch *patch, nn_node *node, int input, nn_value *value) {
    nn_edit *edit = add_edit(patch, NN_EDIT_SET_INPUT);
    if (edit == NULL) return;
    edit->node = node;
    edit->index = input;
    edit->value = value;
}

void nn_patch_append_input(nn_patch *patch, nn_node *node, nn_value *value) {
    nn_edit *edit = add_edit(patch, NN_EDIT_APPEND_INPUT);
    if (edit == NULL) return;
    edit->node = node;
    edit->value = value;
}

void nn_patch_set_output(nn_patch *patch, nn_node *node, int output, nn_value *value) {
    nn_edit *edit = add_edit(patch, NN_EDIT_SET_OUTPUT);
    if (edit == NULL) return;
    edit->node = node;
    edit->index = output;
    edit->value = value;
}

void nn_patch_replace_uses(nn_patch *patch, nn_value *from, nn_value *to) {
    nn_edit *edit = add_edit(patch, NN_EDIT_REPLACE_USES);
    if (edit == NULL) return;
    edit->value = from;
    edit->other = to;
}

void nn_patch_set_initializer(nn_patch *patch, nn_value *value, nn_blob *blob) {
    nn_edit *edit = add_edit(patch, NN_EDIT_SET_INITIALIZER);
    if (edit == NULL) return;
    edit->value = value;
    edit->blob = nn_blob_retain(blob);
}

void nn_patch_remove_initializer(nn_patch *patch, nn_value *value) {
    nn_edit *edit = add_edit(patch, NN_EDIT_REMOVE_INITIALIZER);
    if (edit != NULL) edit->value = value;
}

/* Bodies that the node does not have already end with a patch that does not take them. */
static void destroy_new_bodies(const nn_attrs *attrs, const nn_attrs *present) {
    for (int64_t i = 0; attrs != NULL && i < attrs->count; i++) {
        if (attrs->items[i].kind != NN_ATTR_GRAPH) continue;
        nn_graph *body = attrs->items[i].graph;
        bool is_present = false;
        for (int64_t k = 0; k < present->count; k++)
            is_present |=
                present->items[k].kind == NN_ATTR_GRAPH && present->items[k].graph == body;
        if (!is_present) nn_graph_destroy(body);
    }
}

void nn_patch_set_attrs(nn_patch *patch, nn_node *node, const nn_attrs *attrs) {
    /* A node of these attributes that nothing links, for its captures. */
    nn_node scratch = {.name = node->name, .op_type = node->op_type};
    if (patch->status == NN_OK)
        keep_failure(patch, nn_attrs_copy(&patch->graph->arena, attrs, &scratch.attrs));
    if (patch->status == NN_OK) keep_failure(patch, nn_node_find_captures(patch->graph, &scratch));
    nn_edit *edit = add_edit(patch, NN_EDIT_SET_ATTRS);
    if (edit == NULL) {
        for (int64_t i = 0; i < scratch.attrs.count; i++)
            if (scratch.attrs.items[i].kind == NN_ATTR_TENSOR)
                nn_blob_release(scratch.attrs.items[i].tensor);
        destroy_new_bodies(attrs, &node->attrs);
        return;
    }
    edit->node = node;
    edit->attrs = scratch.attrs;
    edit->captures = scratch.captures;
    edit->capture_count = scratch.capture_count;
}

void nn_patch_set_epilogue(nn_patch *patch, nn_node *node, const nn_epilogue *epilogue) {
    nn_edit *edit = add_edit(patch, NN_EDIT_SET_EPILOGUE);
    if (edit == NULL) return;
    edit->node = node;
    edit->epilogue = *epilogue;
}

void nn_patch_set_opset(nn_patch *patch, const char *domain, int64_t version) {
    if (patch->status != NN_OK) return;
    const char *copy = nn_arena_strdup(&patch->graph->arena, nn_domain_normalise(domain));
    if (copy == NULL) keep_failure(patch, nn_fail_memory(strlen(domain) + 1));
    nn_edit *edit = add_edit(patch, NN_EDIT_SET_OPSET);
    if (edit == NULL) return;
    edit->domain = copy;
    edit->version = version;
}

/* ---- removing what nothing reads ---- */

/* Flags nodes that lead to an output, from the last to the first. */
static void find_live(const nn_graph *graph, uint8_t *live) {
    for (int64_t i = graph->node_count - 1; i >= 0; i--) {
        const nn_node *node = graph->nodes[i];
        for (int k = 0; k < node->out_count && !live[i]; k++) {
            const nn_value *value = node->outputs[k];
            if (value == NULL) continue;
            live[i] = value->is_output;
            for (int64_t u = 0; u < value->use_count && !live[i]; u++)
                live[i] = live[value->uses[u].node->position];
        }
    }
}

static bool is_read(const nn_value *value, const uint8_t *live) {
    for (int64_t u = 0; u < value->use_count; u++)
        if (live[value->uses[u].node->position]) return true;
    return value->is_output;
}

nn_status nn_graph_prune_unused(nn_graph *graph, const char *pass) {
    uint8_t *live = nn_alloc_zero((size_t)graph->node_count + 1);
    if (live == NULL) return nn_fail_memory((size_t)graph->node_count + 1);
    nn_patch *patch;
    nn_status status = nn_patch_begin(graph, pass, "nothing reads the result", &patch);
    if (status == NN_OK) {
        find_live(graph, live);
        for (int64_t i = 0; i < graph->node_count; i++)
            if (!live[i]) nn_patch_remove_node(patch, graph->nodes[i]);
        for (int64_t i = 0; i < graph->value_count; i++) {
            nn_value *value = graph->values[i];
            if (value->initializer == NULL || is_read(value, live)) continue;
            nn_patch_remove_initializer(patch, value);
        }
        status = nn_patch_apply(patch);
    }
    nn_free(live);
    return status;
}

nn_status nn_patch_edit(nn_graph *graph, const char *pass, const char *reason,
                        nn_patch_edits collect, void *argument) {
    const size_t size = (size_t)graph->node_count + 1;
    bool *taken = nn_alloc_zero(size);
    if (taken == NULL) return nn_fail_memory(size);
    nn_patch *patch;
    nn_status status = nn_patch_begin(graph, pass, reason, &patch);
    if (status == NN_OK) {
        status = collect(argument, patch, taken);
        if (status == NN_OK)
            status = nn_patch_apply(patch);
        else
            nn_patch_abort(patch);
    }
    nn_free(taken);
    return status;
}
