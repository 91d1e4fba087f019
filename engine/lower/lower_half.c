/* Half types between operators become float32.
 *
 * Every kernel computes halves in float32. Rounding each result to a half only to widen it again
 * for the next operator costs time and exactness: values that only such operators read stay
 * float32, where the operators' float kernels and fusions take them. They are rounded where
 * something else reads them: outputs, and operators whose results are no floating numbers.
 *
 * Operators that only move elements are widened where they stand between two that compute;
 * elsewhere they move halves, which takes half the time. */
#include "engine/lower/lower_parts.h"
#include "engine/transform/retype.h"

typedef struct widener {
    nn_lowered *lowered;
    nn_patch *patch;
    bool *widens;     /* by position of the node */
    nn_value **twins; /* by id of the value: its float32 form; NULL: none yet */
} widener;

static bool is_half(nn_type type) {
    return type == NNOPT_FLOAT16 || type == NNOPT_BFLOAT16;
}

static nn_type widened_type(const nn_value *value) {
    return is_half(value->fact.type) ? NNOPT_FLOAT : value->fact.type;
}

/* Does the node give float32 where it gave halves, when it is given float32 for halves? */
static bool can_widen(const nn_node *node) {
    bool has_half = false;
    for (int i = 0; i < node->out_count; i++)
        if (node->outputs[i] != NULL && is_half(node->outputs[i]->fact.type)) has_half = true;
    return has_half && node->op != NULL && !node->op->is_impure &&
           nn_node_infers_types(node, widened_type);
}

/* Does the node move halves as they are? Pools and Resize, which count as moving quantised
 * elements, compute on halves. */
static bool only_moves(const nn_node *node) {
    return node->op->quant == NN_QUANT_MOVES && node->op != &nn_op_max_pool &&
           node->op != &nn_op_global_max_pool && node->op != &nn_op_resize &&
           node->op != &nn_op_upsample;
}

static bool has_widened_producer(const nn_node *node, const bool *widens) {
    for (int i = 0; i < node->in_count; i++) {
        const nn_value *value = node->inputs[i];
        if (value != NULL && is_half(value->fact.type) && value->producer != NULL &&
            widens[value->producer->position])
            return true;
    }
    return false;
}

static bool has_widened_reader(const nn_node *node, const bool *widens) {
    for (int i = 0; i < node->out_count; i++) {
        const nn_value *value = node->outputs[i];
        for (int64_t k = 0; value != NULL && k < value->use_count; k++)
            if (is_half(value->fact.type) && widens[value->uses[k].node->position]) return true;
    }
    return false;
}

/* Which nodes work on float32: those that compute, and those that move between two of them. Nodes
 * stand in order, so that chains of moving nodes are seen from one end to the other. */
static void choose_widened(const nn_graph *graph, bool *widens) {
    for (int64_t i = 0; i < graph->node_count; i++) {
        const nn_node *node = graph->nodes[i];
        widens[i] = can_widen(node) && (!only_moves(node) || has_widened_producer(node, widens));
    }
    for (int64_t i = graph->node_count - 1; i >= 0; i--) {
        const nn_node *node = graph->nodes[i];
        if (widens[i] && only_moves(node)) widens[i] = has_widened_reader(node, widens);
    }
}

static bool is_read_as_half(const widener *w, const nn_value *value) {
    if (value->is_output) return true;
    for (int64_t i = 0; i < value->use_count; i++)
        if (!w->widens[value->uses[i].node->position]) return true;
    return false;
}

static nn_status add_cast(widener *w, nn_value *from, nn_value *to, nn_type type,
                          const nn_node *origin) {
    const nn_attr item = {.name = "to", .kind = NN_ATTR_INT, .i = type};
    nn_node *cast = nn_patch_node(w->patch, "Cast", "nnopt", from->name, &from, 1, &to, 1,
                                  &(nn_attrs){&item, 1}, origin);
    return cast != NULL ? nn_covers_merge(&w->lowered->covers, cast, origin) : NN_OK;
}

/* The float32 form of an input, made by a Cast where its producer does not make it. */
static nn_status twin_of(widener *w, nn_value *value, const nn_node *reader, nn_value **out) {
    *out = w->twins[value->id];
    if (*out != NULL) return NN_OK;
    *out = w->twins[value->id] = nn_patch_value(w->patch, value->name);
    if (value->producer != NULL && w->widens[value->producer->position]) return NN_OK;
    return *out != NULL ? add_cast(w, value, *out, NNOPT_FLOAT, reader) : NN_OK;
}

static nn_status widen_node(widener *w, nn_node *node) {
    nn_value *twin;
    for (int i = 0; i < node->in_count; i++) {
        if (node->inputs[i] == NULL || !is_half(node->inputs[i]->fact.type)) continue;
        NN_TRY(twin_of(w, node->inputs[i], node, &twin));
        nn_patch_set_input(w->patch, node, i, twin);
    }
    for (int i = 0; i < node->out_count; i++) {
        nn_value *value = node->outputs[i];
        if (value == NULL || !is_half(value->fact.type)) continue;
        NN_TRY(twin_of(w, value, node, &twin));
        nn_patch_set_output(w->patch, node, i, twin);
        if (is_read_as_half(w, value)) NN_TRY(add_cast(w, twin, value, value->fact.type, node));
    }
    return NN_OK;
}

static nn_status widen_all(nn_lowered *lowered, nn_patch *patch, bool *taken) {
    nn_graph *graph = lowered->graph;
    size_t size = (size_t)(graph->value_count + 1) * sizeof(nn_value *);
    widener w = {lowered, patch, taken, nn_alloc_zero(size)};
    if (w.twins == NULL) return nn_fail_memory(size);
    nn_status status = NN_OK;
    int64_t count = graph->node_count;
    choose_widened(graph, taken);
    for (int64_t i = 0; i < count && status == NN_OK; i++)
        if (taken[i]) status = widen_node(&w, graph->nodes[i]);
    nn_free(w.twins);
    return status;
}

nn_status nn_lower_halves(nn_lowered *lowered) {
    return nn_lower_edit(lowered, "half types between operators", widen_all);
}
