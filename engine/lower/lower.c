#include "engine/lower/lower_parts.h"
#include "engine/transform/fold.h"
#include "engine/transform/fold_batch_norm.h"
#include "engine/transform/fold_bias.h"
#include "engine/transform/fold_identity.h"
#include "engine/transform/gradient.h"

#include <stdio.h>

void nn_lowered_destroy(nn_lowered *lowered) {
    if (lowered == NULL) return;
    nn_free(lowered->tap_outputs);
    nn_covers_clear(&lowered->covers);
    nn_graph_destroy(lowered->graph);
    nn_free(lowered);
}

/* A tap is an output like any other, so no transform may take it away. */
static nn_status add_tap(nn_graph *graph, const char *name, int64_t *output) {
    nn_value *value = nn_graph_find(graph, name);
    if (value == NULL) return nn_fail(NN_USAGE, "tap '%s': the model has no such value", name);
    if (!value->is_output) NN_TRY(nn_graph_add_output(graph, value));
    for (*output = 0; graph->outputs[*output] != value;) ++*output;
    return NN_OK;
}

static nn_status add_taps(nn_lowered *lowered, const char *const *taps, int64_t tap_count) {
    if (tap_count == 0) return NN_OK;
    size_t size = (size_t)tap_count * sizeof *lowered->tap_outputs;
    lowered->tap_outputs = nn_alloc(size);
    if (lowered->tap_outputs == NULL) return nn_fail_memory(size);
    for (; lowered->tap_count < tap_count; lowered->tap_count++) {
        int64_t tap = lowered->tap_count;
        NN_TRY(add_tap(lowered->graph, taps[tap], &lowered->tap_outputs[tap]));
    }
    return NN_OK;
}

typedef struct edit_call {
    nn_lowered *lowered;
    nn_lower_edits collect;
} edit_call;

static nn_status call_edits(void *argument, nn_patch *patch, bool *taken) {
    const edit_call *call = argument;
    return call->collect(call->lowered, patch, taken);
}

nn_status nn_lower_edit(nn_lowered *lowered, const char *reason, nn_lower_edits collect) {
    edit_call call = {lowered, collect};
    return nn_patch_edit(lowered->graph, "lower", reason, call_edits, &call);
}

static nn_status merge_covers(void *user, const nn_node *into, const nn_node *node) {
    return nn_covers_merge(user, into, node);
}

/* Until nothing is left: a bias may stand between two scales. */
static nn_status fold_into_weights(nn_lowered *lowered) {
    nn_graph *graph = lowered->graph;
    nn_covers *covers = &lowered->covers;
    int64_t before;
    do {
        before = graph->node_count;
        NN_TRY(nn_graph_fold_batch_norm(graph, "lower", true, merge_covers, covers));
        NN_TRY(nn_graph_fold_scale(graph, "lower", true, merge_covers, covers));
        NN_TRY(nn_graph_fold_bias(graph, "lower", merge_covers, covers));
    } while (graph->node_count < before);
    return NN_OK;
}

/* The order matters: integers are made while their dequantised weights still stand in the graph,
 * and what is left of these is folded before float weights are changed. */
static nn_status fuse(nn_lowered *lowered) {
    nn_graph *graph = lowered->graph;
    if (nn_graph_opset(graph, "com.microsoft") == 0) {
        NN_TRY(nn_graph_set_opset(graph, "com.microsoft", 1));
    }
    NN_TRY(nn_graph_fold_constants(graph, "lower", NN_FOLD_FILLED));
    NN_TRY(nn_graph_remove_identities(graph, "lower"));
    NN_TRY(nn_lower_halves(lowered));
    NN_TRY(nn_graph_fold_constants(graph, "lower", NN_FOLD_FILLED));
    NN_TRY(nn_lower_duplicates(lowered));
    NN_TRY(nn_lower_dynamic_products(lowered));
    NN_TRY(nn_graph_remove_identities(graph, "lower"));
    NN_TRY(nn_lower_padding(lowered));
    NN_TRY(nn_lower_activations(lowered));
    NN_TRY(nn_lower_normalizations(lowered));
    NN_TRY(nn_lower_attention(lowered));
    NN_TRY(nn_lower_tables(lowered));
    NN_TRY(nn_lower_quantized(lowered));
    NN_TRY(nn_graph_prune_unused(graph, "lower"));
    NN_TRY(nn_graph_fold_constants(graph, "lower", NN_FOLD_DEQUANTIZE));
    NN_TRY(fold_into_weights(lowered));
    NN_TRY(nn_lower_linear(lowered));
    return nn_lower_linear_chains(lowered);
}

/* What the file states of values that nodes make may be wrong for some inputs; memory is planned
 * from what is inferred alone. */
static void forget_claims(nn_graph *graph) {
    for (int64_t i = 0; i < graph->value_count; i++) {
        nn_value *value = graph->values[i];
        if (value->producer != NULL && value->producer->op != NULL)
            value->declared = nn_fact_unknown();
    }
}

static nn_status lower(nn_lowered *lowered, const nn_graph *model, nn_lowered_kind kind,
                       const char *const *taps, int64_t tap_count) {
    NN_TRY(nn_graph_clone(model, &lowered->graph));
    NN_TRY(add_taps(lowered, taps, tap_count));
    forget_claims(lowered->graph);
    NN_TRY(nn_graph_infer(lowered->graph));
    NN_TRY(nn_lower_expansions(lowered));
    NN_TRY(nn_graph_expand_gradients(lowered->graph, "lower"));
    if (kind == NN_LOWERED_PLAIN) {
        NN_TRY(nn_graph_fold_constants(lowered->graph, "lower", NN_FOLD_DEQUANTIZE));
    } else {
        NN_TRY(fuse(lowered));
    }
    return nn_graph_prune_unused(lowered->graph, "lower");
}

nn_status nn_lower(const nn_graph *model, nn_lowered_kind kind, const char *const *taps,
                   int64_t tap_count, nn_lowered **out) {
    nn_lowered *lowered = nn_alloc_zero(sizeof *lowered);
    if (lowered == NULL) return nn_fail_memory(sizeof *lowered);
    nn_status status = lower(lowered, model, kind, taps, tap_count);
    if (status != NN_OK) {
        nn_lowered_destroy(lowered);
        return status;
    }
    *out = lowered;
    return NN_OK;
}

/* ---- operators that cannot run ---- */

typedef struct refusals {
    const nn_node **nodes; /* without an operator or a kernel, bodies included */
    int64_t count, capacity;
} refusals;

static bool is_supported(const nn_node *node) {
    if (node->op == NULL || nn_libraries[node->op->library].absent != NULL) return false;
    return node->op->is_view || (node->op->kernels != NULL && node->op->kernels[0] != NULL);
}

static nn_status collect_refusals(const nn_graph *graph, refusals *out) {
    for (int64_t i = 0; i < graph->node_count; i++) {
        const nn_node *node = graph->nodes[i];
        for (int64_t k = 0; k < node->attrs.count; k++)
            if (node->attrs.items[k].kind == NN_ATTR_GRAPH)
                NN_TRY(collect_refusals(node->attrs.items[k].graph, out));
        if (is_supported(node)) continue;
        if (!NN_GROW(out->nodes, out->count, out->capacity))
            return nn_fail_memory(sizeof *out->nodes);
        out->nodes[out->count++] = node;
    }
    return NN_OK;
}

static bool is_same_operator(const nn_node *a, const nn_node *b) {
    return strcmp(a->op_type, b->op_type) == 0 && strcmp(a->domain, b->domain) == 0;
}

/* How many nodes have the operator of nodes[index]; 0 when an earlier one stands for them. */
static int64_t count_operator(const refusals *found, int64_t index) {
    int64_t count = 0;
    for (int64_t i = 0; i < found->count; i++) {
        if (!is_same_operator(found->nodes[i], found->nodes[index])) continue;
        if (i < index) return 0;
        count++;
    }
    return count;
}

/* "needs PCRE2, which was not found when nnopt was built", or NULL. */
static const char *missing_library(const nn_node *node) {
    if (node->op == NULL || nn_library_check(node->op->library) == NN_OK) return NULL;
    return nnopt_last_error();
}

static nn_status fail_unsupported(const nn_graph *graph, const refusals *found) {
    char list[1792] = "";
    size_t used = 0;
    for (int64_t i = 0; i < found->count && used < sizeof list; i++) {
        const nn_node *node = found->nodes[i];
        int64_t count = count_operator(found, i);
        if (count == 0) continue;
        const char *domain = node->domain[0] != '\0' ? node->domain : "ai.onnx";
        used += (size_t)snprintf(list + used, sizeof list - used,
                                 "%s'%s' (domain '%s', opset %d) at node '%s'",
                                 used > 0 ? ", " : "", node->op_type, domain,
                                 nn_graph_opset(graph, node->domain), node->name);
        const char *reason = missing_library(node);
        if (reason != NULL && used < sizeof list)
            used += (size_t)snprintf(list + used, sizeof list - used, ", which %s", reason);
        if (count > 1 && used < sizeof list) {
            used += (size_t)snprintf(list + used, sizeof list - used, " and %lld more",
                                     (long long)count - 1);
        }
    }
    return nn_fail(NN_UNSUPPORTED, "unsupported operators: %s", list);
}

nn_status nn_lowered_check_supported(const nn_lowered *lowered) {
    refusals found = {0};
    nn_status status = collect_refusals(lowered->graph, &found);
    if (status == NN_OK && found.count > 0) status = fail_unsupported(lowered->graph, &found);
    nn_free(found.nodes);
    return status;
}
