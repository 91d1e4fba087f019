#include "engine/graph/graph_parts.h"
#include "engine/plan/prepare.h"

/* Bounds of what is computed while shapes are inferred: shapes, axes, scales, indices; never
 * weights. */
enum { EVALUATED_BYTES = NN_SMALL_CONSTANT };
static const double evaluated_flops = 1e7;

static bool is_small_constant(const nn_fact *fact) {
    return fact->constant != NULL && nn_tensor_bytes(fact->constant) <= EVALUATED_BYTES &&
           nn_type_is_plain(fact->constant->type);
}

static bool is_small(const nn_fact *fact) {
    if (!nn_fact_is_concrete(fact) || !nn_type_is_plain(fact->type)) return false;
    int64_t bytes = nn_fact_bytes(fact);
    return bytes >= 0 && bytes <= EVALUATED_BYTES;
}

/* May this node be computed now? */
static bool can_evaluate(const nn_node *node, const nn_node_view *view) {
    if (node->op->is_impure || nn_node_has_body(node) || view->out_count > NN_MAX_OUTPUTS)
        return false;
    for (int i = 0; i < view->in_count; i++)
        if (view->in[i] != NULL && !is_small_constant(view->in[i])) return false;
    if (nn_op_makes_outputs(node->op)) return true;
    for (int i = 0; i < view->out_count; i++)
        if (view->out[i] != NULL && !is_small(view->out[i])) return false;
    nn_cost cost;
    nn_op_cost(view, &cost);
    return cost.flops <= evaluated_flops && cost.macs <= evaluated_flops;
}

/* The tensor in the graph's arena; the one that the value already had when that is equal. */
static nn_status keep_constant(nn_graph *graph, const nn_tensor *tensor, const nn_value *value,
                               const nn_tensor **out) {
    size_t bytes = (size_t)nn_tensor_bytes(tensor);
    const nn_tensor *old = value->fact.constant;
    if (old != NULL && old->type == tensor->type &&
        nn_dims_equal(old->dims, old->rank, tensor->dims, tensor->rank) &&
        (bytes == 0 || memcmp(old->data, tensor->data, bytes) == 0)) {
        *out = old;
        return NN_OK;
    }
    nn_tensor *copy = nn_arena_copy(&graph->arena, tensor, sizeof *tensor);
    void *data = bytes > 0 ? nn_arena_copy(&graph->arena, tensor->data, bytes) : NULL;
    if (copy == NULL || (bytes > 0 && data == NULL)) return nn_fail_memory(bytes + sizeof *copy);
    copy->data = data;
    *out = copy;
    return NN_OK;
}

static nn_status run_reference(const nn_node_view *view, nn_tensor *outputs) {
    static const nn_target target = {.isa = NN_ISA_PORTABLE, .threads = 1};
    const nn_kernel *kernel = nn_kernel_select_standard(view, &target);
    if (kernel == NULL) return NN_UNSUPPORTED;
    size_t count = (size_t)view->in_count + 1;
    const nn_tensor **in = nn_alloc_zero(count * sizeof *in);
    if (in == NULL) return nn_fail_memory(count * sizeof *in);
    nn_tensor *out[NN_MAX_OUTPUTS];
    nn_status status = NN_OK;
    for (int i = 0; i < view->in_count; i++)
        if (view->in[i] != NULL) in[i] = view->in[i]->constant;
    for (int i = 0; i < view->out_count; i++) {
        out[i] = NULL;
        if (view->out[i] == NULL) continue;
        out[i] = &outputs[i];
        if (kernel->makes_outputs) continue;
        NN_TRY_DONE(
            nn_tensor_init(out[i], view->out[i]->type, view->out[i]->dims, view->out[i]->rank));
    }
    status = nn_run_node(view, kernel, &target, NULL, in, out);
done:
    nn_free(in);
    return status;
}

/* Computes the node and puts its results in the facts. Without a kernel nothing happens. */
static nn_status evaluate(nn_graph *graph, const nn_node *node, const nn_node_view *view) {
    nn_tensor outputs[NN_MAX_OUTPUTS] = {0};
    nn_status status = run_reference(view, outputs);
    for (int i = 0; i < view->out_count && status == NN_OK; i++) {
        if (view->out[i] == NULL || !nn_type_is_plain(outputs[i].type)) continue;
        if (nn_op_makes_outputs(node->op)) *view->out[i] = nn_fact_of_tensor(&outputs[i], false);
        status = keep_constant(graph, &outputs[i], node->outputs[i], &view->out[i]->constant);
    }
    for (int i = 0; i < view->out_count; i++) nn_tensor_clear(&outputs[i]);
    return status == NN_UNSUPPORTED ? NN_OK : status;
}

/* An integer vector whose elements are all known is a constant: the shape of a concrete value. */
static nn_status constant_of_elements(nn_graph *graph, const nn_value *value, nn_fact *fact) {
    if (fact->constant != NULL || fact->element_count < 0 || !nn_fact_is_concrete(fact) ||
        fact->rank > 1 || nn_fact_count(fact) != fact->element_count ||
        !nn_type_is_integer(fact->type))
        return NN_OK;
    for (int i = 0; i < fact->element_count; i++)
        if (!nn_dim_is_known(fact->elements[i])) return NN_OK;
    nn_tensor tensor;
    NN_TRY(nn_tensor_init(&tensor, fact->type, fact->dims, fact->rank));
    for (int i = 0; i < fact->element_count; i++) {
        if (fact->type == NNOPT_INT64)
            ((int64_t *)tensor.data)[i] = fact->elements[i];
        else
            nn_tensor_set(&tensor, i, (double)fact->elements[i]);
    }
    nn_status status = keep_constant(graph, &tensor, value, &fact->constant);
    nn_tensor_clear(&tensor);
    return status;
}

/* ---- what the file states ---- */

static bool contradicts(const nn_fact *declared, const nn_fact *inferred) {
    if (declared->type != NNOPT_TYPE_NONE && inferred->type != NNOPT_TYPE_NONE &&
        declared->type != inferred->type)
        return true;
    if (declared->rank < 0 || inferred->rank < 0) return false;
    if (declared->rank != inferred->rank) return true;
    for (int i = 0; i < declared->rank; i++)
        if (nn_dim_is_known(declared->dims[i]) && nn_dim_is_known(inferred->dims[i]) &&
            declared->dims[i] != inferred->dims[i])
            return true;
    return false;
}

bool nn_fact_add_declared(nn_fact *fact, const nn_fact *declared) {
    if (contradicts(declared, fact)) return false;
    if (fact->type == NNOPT_TYPE_NONE) fact->type = declared->type;
    if (declared->rank < 0) return true;
    if (fact->rank < 0) {
        fact->rank = declared->rank;
        for (int i = 0; i < fact->rank; i++) fact->dims[i] = declared->dims[i];
    }
    for (int i = 0; i < fact->rank; i++)
        if (fact->dims[i] == NN_DIM_UNKNOWN) fact->dims[i] = declared->dims[i];
    return true;
}

static void warn_contradiction(const nn_value *value) {
    char stated[256], inferred[256];
    nn_log(NNOPT_LOG_WARNING, "value '%s' is declared as %s, but is %s", value->name,
           nn_fact_text(&value->declared, stated, sizeof stated),
           nn_fact_text(&value->fact, inferred, sizeof inferred));
}

/* ---- nodes and graphs ---- */

bool nn_fact_equal(const nn_fact *a, const nn_fact *b) {
    if (a->type != b->type || a->rank != b->rank || a->constant != b->constant ||
        a->element_count != b->element_count)
        return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dims[i] != b->dims[i]) return false;
    for (int i = 0; i < a->element_count; i++)
        if (a->elements[i] != b->elements[i]) return false;
    return true;
}

static nn_status infer_view(nn_graph *graph, const nn_node *node, const nn_node_view *view) {
    nn_status status = node->op->infer(view);
    if (status == NN_UNSUPPORTED) {
        nn_log(NNOPT_LOG_INFO, "%s", nnopt_last_error());
        for (int i = 0; i < view->out_count; i++)
            if (view->out[i] != NULL) *view->out[i] = nn_fact_unknown();
        return NN_OK;
    }
    NN_TRY(status);
    if (can_evaluate(node, view)) NN_TRY(evaluate(graph, node, view));
    for (int i = 0; i < view->out_count; i++)
        if (view->out[i] != NULL)
            NN_TRY(constant_of_elements(graph, node->outputs[i], view->out[i]));
    return NN_OK;
}

nn_status nn_node_infer(nn_graph *graph, const nn_node *node, nn_fact *facts) {
    for (int i = 0; i < node->out_count; i++) facts[i] = nn_fact_unknown();
    if (node->op == NULL || node->op->infer == NULL) return NN_OK;
    NN_TRY(nn_node_check_arity(node)); /* descriptors rely on it */
    nn_view_storage storage;
    nn_node_view view;
    NN_TRY(nn_node_view_init(node, &storage, &view));
    nn_fact **outputs = storage.out_heap != NULL ? storage.out_heap : storage.out;
    for (int i = 0; i < node->out_count; i++)
        if (outputs[i] != NULL) outputs[i] = &facts[i];
    nn_status status = infer_view(graph, node, &view);
    nn_node_view_clear(&storage);
    return status;
}

/* The facts of the node's outputs, in `facts`, become the values'. */
static void store_facts(const nn_node *node, const nn_fact *facts) {
    for (int i = 0; i < node->out_count; i++) {
        nn_value *value = node->outputs[i];
        if (value == NULL) continue;
        value->fact = facts[i];
        if (!nn_fact_add_declared(&value->fact, &value->declared)) warn_contradiction(value);
    }
}

nn_status nn_graph_infer(nn_graph *graph) {
    int64_t widest = 1;
    for (int64_t i = 0; i < graph->node_count; i++)
        if (graph->nodes[i]->out_count > widest) widest = graph->nodes[i]->out_count;
    for (int64_t i = 0; i < graph->value_count; i++) {
        nn_value *value = graph->values[i];
        if (value->is_captured)
            value->fact = value->outer->fact;
        else if (value->is_input)
            value->fact = value->declared;
        else if (value->initializer != NULL && contradicts(&value->declared, &value->fact))
            warn_contradiction(value);
    }
    nn_fact *facts = nn_alloc((size_t)widest * sizeof *facts);
    if (facts == NULL) return nn_fail_memory((size_t)widest * sizeof *facts);
    nn_status status = NN_OK;
    for (int64_t i = 0; i < graph->node_count && status == NN_OK; i++) {
        status = nn_node_infer(graph, graph->nodes[i], facts);
        if (status == NN_OK) store_facts(graph->nodes[i], facts);
    }
    nn_free(facts);
    return status;
}
