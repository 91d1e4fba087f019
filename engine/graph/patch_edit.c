#include "engine/graph/patch_parts.h"

/* ---- single links ---- */

static nn_status drop_use(nn_patch *patch, nn_value *value, nn_node *node, int input) {
    NN_TRY(nn_patch_touch_value(patch, value));
    nn_value_drop_use(value, node, input);
    return NN_OK;
}

static nn_status add_use(nn_patch *patch, nn_graph *graph, nn_value *value, nn_node *node,
                         int input) {
    NN_TRY(nn_patch_touch_value(patch, value));
    return nn_value_add_use(graph, value, node, input);
}

static nn_status set_input(nn_patch *patch, nn_graph *graph, nn_node *node, int input,
                           nn_value *value) {
    if (input < 0 || input >= node->in_count)
        return nn_fail(NN_INTERNAL, "node '%s' (%s): no input %d to set", node->name, node->op_type,
                       input);
    NN_TRY(nn_patch_touch_node(patch, node));
    if (node->inputs[input] != NULL) NN_TRY(drop_use(patch, node->inputs[input], node, input));
    node->inputs[input] = value;
    return value != NULL ? add_use(patch, graph, value, node, input) : NN_OK;
}

static nn_status append_input(nn_patch *patch, nn_node *node, nn_value *value) {
    NN_TRY(nn_patch_touch_node(patch, node));
    size_t bytes = (size_t)(node->in_count + 1) * sizeof *node->inputs;
    nn_value **inputs = nn_arena_alloc(&patch->graph->arena, bytes);
    if (inputs == NULL) return nn_fail_memory(bytes);
    if (node->in_count > 0) memcpy(inputs, node->inputs, bytes - sizeof *inputs);
    node->inputs = inputs;
    inputs[node->in_count++] = value;
    return value != NULL ? add_use(patch, patch->graph, value, node, node->in_count - 1) : NN_OK;
}

static nn_status detach_output(nn_patch *patch, nn_node *node, int output) {
    if (output < 0 || output >= node->out_count)
        return nn_fail(NN_INTERNAL, "node '%s' (%s): no output %d to set", node->name,
                       node->op_type, output);
    nn_value *value = node->outputs[output];
    if (value == NULL) return NN_OK;
    NN_TRY(nn_patch_touch_value(patch, value));
    if (value->producer == node && value->producer_output == output) value->producer = NULL;
    return NN_OK;
}

static nn_status set_output(nn_patch *patch, nn_node *node, int output, nn_value *value) {
    NN_TRY(nn_patch_touch_node(patch, node));
    node->outputs[output] = value;
    if (value == NULL) return NN_OK;
    NN_TRY(nn_patch_touch_value(patch, value));
    value->producer = node;
    value->producer_output = output;
    return NN_OK;
}

/* ---- what bodies read ---- */

nn_value *nn_graph_captured(const nn_graph *body, const nn_value *outer) {
    for (int64_t i = 0; i < body->value_count; i++)
        if (body->values[i]->is_captured && body->values[i]->outer == outer) return body->values[i];
    return NULL;
}

static nn_status rename_value(nn_patch *patch, nn_graph *graph, nn_value *value, const char *name);

/* Captured values carry the name of what they mean. */
static nn_status rename_captures(nn_patch *patch, const nn_node *node, const nn_value *outer,
                                 const char *name) {
    for (int64_t i = 0; i < node->attrs.count; i++) {
        if (node->attrs.items[i].kind != NN_ATTR_GRAPH) continue;
        nn_graph *body = node->attrs.items[i].graph;
        nn_value *inner = nn_graph_captured(body, outer);
        if (inner != NULL) NN_TRY(rename_value(patch, body, inner, name));
    }
    return NN_OK;
}

static nn_status rename_value(nn_patch *patch, nn_graph *graph, nn_value *value, const char *name) {
    const nn_value *other = nn_graph_find(graph, name);
    if (value->is_captured && other != NULL && other != value)
        return nn_fail(NN_UNSUPPORTED, "value '%s' of graph '%s' hides the outer value", name,
                       graph->name);
    NN_TRY(nn_patch_rename(patch, graph, value, name));
    for (int64_t i = 0; i < value->use_count; i++)
        if (value->uses[i].input == NN_USE_CAPTURE)
            NN_TRY(rename_captures(patch, value->uses[i].node, value, name));
    return NN_OK;
}

static nn_status move_uses(nn_patch *patch, nn_graph *graph, nn_value *from, nn_value *to);

/* `body` reads `to` where it read `from`, values of the graph around it. */
static nn_status redirect_body(nn_patch *patch, nn_graph *body, const nn_value *from,
                               nn_value *to) {
    nn_value *inner = nn_graph_captured(body, from);
    if (inner == NULL) return NN_OK;
    nn_value *there = nn_graph_captured(body, to);
    if (there != NULL && !inner->is_output) {
        NN_TRY(move_uses(patch, body, inner, there));
        NN_TRY(nn_patch_rename(patch, body, inner, inner->name));
        inner->is_captured = false;
        inner->outer = NULL;
        return NN_OK;
    }
    NN_TRY(rename_value(patch, body, inner, to->name));
    inner->outer = to;
    inner->fact = to->fact;
    return NN_OK;
}

static nn_status redirect_captures(nn_patch *patch, nn_graph *graph, nn_node *node, nn_value *from,
                                   nn_value *to) {
    NN_TRY(nn_patch_touch_node(patch, node));
    for (int64_t i = 0; i < node->attrs.count; i++)
        if (node->attrs.items[i].kind == NN_ATTR_GRAPH)
            NN_TRY(redirect_body(patch, node->attrs.items[i].graph, from, to));
    bool has_to = false;
    int64_t kept = 0;
    for (int64_t i = 0; i < node->capture_count; i++) has_to |= node->captures[i] == to;
    for (int64_t i = 0; i < node->capture_count; i++) {
        if (node->captures[i] != from)
            node->captures[kept++] = node->captures[i];
        else if (!has_to)
            node->captures[kept++] = to;
    }
    node->capture_count = kept;
    return has_to ? NN_OK : add_use(patch, graph, to, node, NN_USE_CAPTURE);
}

static bool is_new(const nn_patch *patch, const nn_node *node) {
    return node->mark != 0 && patch->nodes[node->mark - 1].before.position < 0;
}

static nn_status move_uses(nn_patch *patch, nn_graph *graph, nn_value *from, nn_value *to) {
    NN_TRY(nn_patch_touch_value(patch, from));
    NN_TRY(nn_patch_touch_value(patch, to));
    int64_t kept = 0;
    for (int64_t i = 0; i < from->use_count; i++) {
        nn_use use = from->uses[i];
        if (is_new(patch, use.node)) {
            from->uses[kept++] = use;
        } else if (use.input == NN_USE_CAPTURE) {
            NN_TRY(redirect_captures(patch, graph, use.node, from, to));
        } else {
            NN_TRY(nn_patch_touch_node(patch, use.node));
            use.node->inputs[use.input] = to;
            NN_TRY(nn_value_add_use(graph, to, use.node, use.input));
        }
    }
    from->use_count = kept;
    return NN_OK;
}

/* ---- edits ---- */

/* `to` becomes the graph output that `from` was, under its name. What cannot change its name is
 * copied by an Identity. */
static nn_status move_output(nn_patch *patch, nn_value *from, nn_value *to) {
    nn_graph *graph = patch->graph;
    if (to->is_output || to->is_input || to->is_captured) {
        nn_node *node;
        NN_TRY(nn_node_make(graph, "Identity", "", NULL, &to, 1, &from, 1, NULL, &node));
        NN_TRY(nn_patch_touch_node(patch, node));
        return nn_node_link(graph, node);
    }
    const char *name = from->name, *other;
    NN_TRY(nn_graph_unique_name(graph, name, &other));
    NN_TRY(rename_value(patch, graph, from, other));
    NN_TRY(rename_value(patch, graph, to, name));
    to->declared = from->declared;
    for (int64_t i = 0; i < graph->output_count; i++)
        if (graph->outputs[i] == from) graph->outputs[i] = to;
    from->is_output = false;
    to->is_output = true;
    return NN_OK;
}

static nn_status replace_uses(nn_patch *patch, nn_value *from, nn_value *to) {
    if (from == to) return NN_OK;
    NN_TRY(move_uses(patch, patch->graph, from, to));
    return from->is_output ? move_output(patch, from, to) : NN_OK;
}

static nn_status add_node(nn_patch *patch, nn_node *node) {
    NN_TRY(nn_patch_touch_node(patch, node));
    for (int i = 0; i < node->in_count; i++)
        if (node->inputs[i] != NULL) NN_TRY(nn_patch_touch_value(patch, node->inputs[i]));
    for (int i = 0; i < node->out_count; i++)
        if (node->outputs[i] != NULL) NN_TRY(nn_patch_touch_value(patch, node->outputs[i]));
    for (int64_t i = 0; i < node->capture_count; i++)
        NN_TRY(nn_patch_touch_value(patch, node->captures[i]));
    return nn_node_link(patch->graph, node);
}

/* The value's initialiser goes into the undo record, to be released in the end. */
static nn_status give_up_initializer(nn_patch *patch, nn_value *value) {
    NN_TRY(nn_patch_touch_value(patch, value));
    nn_saved_value *saved = &patch->values[value->mark - 1];
    if (saved->owns_initializer) {
        nn_value_clear_initializer(value);
    } else {
        saved->owns_initializer = true;
        value->initializer = NULL;
        value->is_pinned = false;
        value->fact.constant = NULL;
    }
    return NN_OK;
}

static nn_status set_initializer(nn_patch *patch, nn_value *value, nn_blob *blob) {
    if (value->producer != NULL || value->is_input || value->is_captured)
        return nn_fail(NN_INTERNAL, "value '%s' is made by something else than an initializer",
                       value->name);
    NN_TRY(give_up_initializer(patch, value));
    return nn_value_take_initializer(value, blob);
}

static nn_status set_attrs(nn_patch *patch, const nn_edit *edit) {
    nn_node *node = edit->node;
    NN_TRY(nn_patch_touch_node(patch, node));
    for (int64_t i = 0; i < node->capture_count; i++)
        NN_TRY(drop_use(patch, node->captures[i], node, NN_USE_CAPTURE));
    node->attrs = edit->attrs;
    node->captures = edit->captures;
    node->capture_count = edit->capture_count;
    for (int64_t i = 0; i < node->capture_count; i++)
        NN_TRY(add_use(patch, patch->graph, node->captures[i], node, NN_USE_CAPTURE));
    return NN_OK;
}

/* Nodes of the domain, in bodies too, will take the operator of the new version. */
static nn_status resolve_domain(nn_patch *patch, nn_graph *graph, const char *domain) {
    for (int64_t i = 0; i < graph->node_count; i++) {
        nn_node *node = graph->nodes[i];
        if (nn_node_is_removed(node)) continue;
        if (strcmp(node->domain, domain) == 0) NN_TRY(nn_patch_touch_node(patch, node));
        for (int64_t k = 0; k < node->attrs.count; k++)
            if (node->attrs.items[k].kind == NN_ATTR_GRAPH)
                NN_TRY(resolve_domain(patch, node->attrs.items[k].graph, domain));
    }
    return NN_OK;
}

static nn_status set_opset(nn_patch *patch, const char *domain, int64_t version) {
    nn_graph *top = nn_graph_top(patch->graph);
    NN_TRY(nn_graph_set_opset(top, domain, version));
    return resolve_domain(patch, top, domain);
}

static nn_status remove_node(nn_patch *patch, nn_node *node) {
    if (nn_node_is_removed(node)) return NN_OK;
    NN_TRY(nn_patch_touch_node(patch, node));
    for (int i = 0; i < node->out_count; i++) NN_TRY(detach_output(patch, node, i));
    for (int i = 0; i < node->in_count; i++)
        if (node->inputs[i] != NULL) NN_TRY(nn_patch_touch_value(patch, node->inputs[i]));
    for (int64_t i = 0; i < node->capture_count; i++)
        NN_TRY(nn_patch_touch_value(patch, node->captures[i]));
    node->position = -2;
    return NN_OK;
}

/* Removed nodes and replaced outputs give way first, whatever the order of the edits; the uses that
 * removed nodes had go in one sweep. */
static nn_status make_way(nn_patch *patch) {
    for (int64_t i = 0; i < patch->edit_count; i++) {
        const nn_edit *edit = &patch->edits[i];
        if (edit->kind == NN_EDIT_REMOVE_NODE)
            NN_TRY(remove_node(patch, edit->node));
        else if (edit->kind == NN_EDIT_SET_OUTPUT)
            NN_TRY(detach_output(patch, edit->node, edit->index));
    }
    for (int64_t i = 0; i < patch->value_count; i++) {
        nn_value *value = patch->values[i].value;
        int64_t kept = 0;
        for (int64_t k = 0; k < value->use_count; k++)
            if (!nn_node_is_removed(value->uses[k].node)) value->uses[kept++] = value->uses[k];
        value->use_count = kept;
    }
    return NN_OK;
}

static nn_status perform_edit(nn_patch *patch, const nn_edit *edit) {
    if (edit->node != NULL && nn_node_is_removed(edit->node) && edit->kind != NN_EDIT_REMOVE_NODE)
        return nn_fail(NN_INTERNAL, "node '%s' (%s): changed and removed by one patch",
                       edit->node->name, edit->node->op_type);
    switch (edit->kind) {
    case NN_EDIT_ADD_VALUE:
        NN_TRY(nn_patch_touch_value(patch, edit->value));
        return nn_value_link(patch->graph, edit->value);
    case NN_EDIT_ADD_NODE:
        return add_node(patch, edit->node);
    case NN_EDIT_REMOVE_NODE:
        return NN_OK; /* in make_way */
    case NN_EDIT_REMOVE_INITIALIZER:
        return give_up_initializer(patch, edit->value);
    case NN_EDIT_SET_INPUT:
        return set_input(patch, patch->graph, edit->node, edit->index, edit->value);
    case NN_EDIT_APPEND_INPUT:
        return append_input(patch, edit->node, edit->value);
    case NN_EDIT_SET_OUTPUT:
        return set_output(patch, edit->node, edit->index, edit->value);
    case NN_EDIT_REPLACE_USES:
        return replace_uses(patch, edit->value, edit->other);
    case NN_EDIT_SET_INITIALIZER:
        return set_initializer(patch, edit->value, edit->blob);
    case NN_EDIT_SET_ATTRS:
        return set_attrs(patch, edit);
    case NN_EDIT_SET_EPILOGUE:
        NN_TRY(nn_patch_touch_node(patch, edit->node));
        edit->node->epilogue = edit->epilogue;
        return NN_OK;
    case NN_EDIT_SET_OPSET:
        return set_opset(patch, edit->domain, edit->version);
    }
    return nn_fail(NN_INTERNAL, "patch '%s': unknown edit", patch->pass);
}

nn_status nn_patch_perform(nn_patch *patch) {
    NN_TRY(make_way(patch));
    for (int64_t i = 0; i < patch->edit_count; i++) NN_TRY(perform_edit(patch, &patch->edits[i]));
    /* Attributes, inputs and opset of a node may only fit together once all edits are done. */
    for (int64_t i = 0; i < patch->node_count; i++) {
        nn_node *node = patch->nodes[i].node;
        if (!nn_node_is_removed(node)) NN_TRY(nn_node_resolve(patch->graph, node));
    }
    return NN_OK;
}
