/* Half types between operators become float32.
 *
 * Every kernel computes halves in float32. Rounding each result to a half only to widen it again
 * for the next operator costs time and exactness: values that only such operators read stay
 * float32, where the operators' float kernels and fusions take them. They are rounded where
 * something else reads them: outputs, and operators whose results are no floating numbers. */
#include "engine/lower_parts.h"

enum { MAX_LINKS = 64 }; /* inputs or outputs of a node that is changed */

typedef struct widener {
    nn_lowered *lowered;
    nn_patch *patch;
    bool *widens;     /* by position of the node */
    nn_value **twins; /* by id of the value: its float32 form; NULL: none yet */
} widener;

static bool is_half(nn_type type) {
    return type == NNOPT_FLOAT16 || type == NNOPT_BFLOAT16;
}

static bool has_body(const nn_node *node) {
    for (int64_t i = 0; i < node->attrs.count; i++)
        if (node->attrs.items[i].kind == NN_ATTR_GRAPH) return true;
    return false;
}

/* Does the node give float32 where it gave halves, when it is given float32 for halves? */
static bool can_widen(const nn_node *node) {
    nn_fact in_facts[MAX_LINKS], out_facts[MAX_LINKS];
    const nn_fact *in[MAX_LINKS] = {NULL};
    nn_fact *out[MAX_LINKS] = {NULL};
    bool has_half = false;
    if (node->op == NULL || node->op->is_impure || has_body(node)) return false;
    if (node->in_count > MAX_LINKS || node->out_count > MAX_LINKS) return false;
    for (int i = 0; i < node->in_count; i++) {
        if (node->inputs[i] == NULL) continue;
        in_facts[i] = node->inputs[i]->fact;
        if (is_half(in_facts[i].type)) {
            in_facts[i].type = NNOPT_FLOAT;
            in_facts[i].constant = NULL;
        }
        in[i] = &in_facts[i];
    }
    for (int i = 0; i < node->out_count; i++) {
        if (node->outputs[i] == NULL) continue;
        has_half = has_half || is_half(node->outputs[i]->fact.type);
        out_facts[i] = nn_fact_unknown();
        out[i] = &out_facts[i];
    }
    nn_node_view view = {.name = node->name,
                         .op = node->op,
                         .attrs = node->attrs_parsed,
                         .opset = node->opset,
                         .in_count = node->in_count,
                         .out_count = node->out_count,
                         .in = in,
                         .out = out};
    if (!has_half || node->op->infer(&view) != NN_OK) return false;
    for (int i = 0; i < node->out_count; i++) {
        if (node->outputs[i] == NULL) continue;
        nn_type type = node->outputs[i]->fact.type;
        if (out_facts[i].type != (is_half(type) ? NNOPT_FLOAT : type)) return false;
    }
    return true;
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
    for (int64_t i = 0; i < count; i++) taken[i] = can_widen(graph->nodes[i]);
    for (int64_t i = 0; i < count && status == NN_OK; i++)
        if (taken[i]) status = widen_node(&w, graph->nodes[i]);
    nn_free(w.twins);
    return status;
}

nn_status nn_lower_halves(nn_lowered *lowered) {
    return nn_lower_edit(lowered, "half types between operators", widen_all);
}
