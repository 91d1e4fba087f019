#include "engine/transform/fold.h"

#include "engine/graph/graph_parts.h"
#include "engine/graph/patch.h"
#include "engine/plan/prepare.h"

enum {
    ALWAYS_BYTES = 1 << 20, /* results up to this size are folded whatever they are made from */
    GROWTH = 8,             /* larger ones may be so many times as large as the inputs */
    BUDGET_BASE = 64 << 20,
    MOST_FILLED_BYTES = 128 << 20,
    BUDGET_GROWTH = 2, /* all together: this many times the initialisers, and the base */
};
static const double most_flops = 2e9; /* of one node */

typedef struct folding {
    nn_graph *graph;
    unsigned flags;
    nn_blob **blobs;    /* by value id: what folded nodes make; owned */
    uint8_t *is_folded; /* by node position */
    int64_t count;
    int64_t budget; /* bytes that may still be made */
} folding;

/* ---- which nodes ---- */

static nn_blob *blob_of(const folding *fold, const nn_value *value) {
    return value->initializer != NULL ? value->initializer : fold->blobs[value->id];
}

/* Numeric facts of known size; *bytes is their sum. */
static bool outputs_are_concrete(const nn_node *node, int64_t *bytes) {
    *bytes = 0;
    for (int i = 0; i < node->out_count; i++) {
        if (node->outputs[i] == NULL) continue;
        const nn_fact *fact = &node->outputs[i]->fact;
        int64_t size = nn_fact_is_concrete(fact) ? nn_fact_bytes(fact) : -1;
        if (size < 0 || !nn_type_is_plain(fact->type) || !nn_add_size(*bytes, size, bytes))
            return false;
    }
    return true;
}

static bool inputs_are_folded(const folding *fold, const nn_node *node, int64_t *bytes) {
    *bytes = 0;
    for (int i = 0; i < node->in_count; i++) {
        if (node->inputs[i] == NULL) continue;
        const nn_blob *blob = blob_of(fold, node->inputs[i]);
        if (blob == NULL || !nn_type_is_plain(blob->tensor.type)) return false;
        *bytes += nn_tensor_bytes(&blob->tensor);
    }
    return true;
}

static bool outputs_are_known(const nn_node *node) {
    for (int i = 0; i < node->out_count; i++)
        if (node->outputs[i] != NULL && !nn_value_is_constant(node->outputs[i])) return false;
    return true;
}

/* Inference knows all results although some input is no constant. */
static bool is_known_from_shapes(const nn_node *node) {
    bool has_variable_input = false;
    for (int i = 0; i < node->in_count; i++)
        has_variable_input |= node->inputs[i] != NULL && !nn_value_is_constant(node->inputs[i]);
    return has_variable_input && outputs_are_known(node);
}

static const nn_attr *shared_tensor(const nn_node *node) {
    const nn_attr *attr = node->op == &nn_op_constant ? nn_attrs_find(&node->attrs, "value") : NULL;
    return attr != NULL && attr->kind == NN_ATTR_TENSOR ? attr : NULL;
}

static bool may_fold(const folding *fold, const nn_node *node) {
    if (node->op == NULL || node->op->infer == NULL || node->op->is_impure ||
        nn_node_has_body(node) || node->out_count > NN_MAX_OUTPUTS)
        return false;
    return node->op != &nn_op_dequantize_linear || (fold->flags & NN_FOLD_DEQUANTIZE) != 0;
}

static bool is_filled(const folding *fold, const nn_node *node) {
    return node->op == &nn_op_constant_of_shape && (fold->flags & NN_FOLD_FILLED) != 0;
}

static bool is_worth_its_size(const folding *fold, const nn_node *node, int64_t in_bytes,
                              int64_t out_bytes) {
    if (is_filled(fold, node)) return out_bytes <= MOST_FILLED_BYTES;
    if (out_bytes > fold->budget) return false;
    return out_bytes <= ALWAYS_BYTES || out_bytes / GROWTH <= in_bytes;
}

/* ---- their results ---- */

typedef struct operand_list {
    nn_fact *facts; /* of inputs, with their constants */
    const nn_fact **views;
    const nn_tensor **tensors;
} operand_list;

static void clear_operands(const folding *fold, const nn_node *node, const operand_list *operands) {
    for (int i = 0; operands->tensors != NULL && i < node->in_count; i++)
        if (operands->tensors[i] != NULL) nn_blob_unpin(blob_of(fold, node->inputs[i]));
    nn_free(operands->facts);
    nn_free(operands->views);
    nn_free(operands->tensors);
}

static nn_status pin_operands(const folding *fold, const nn_node *node, operand_list *out) {
    size_t count = (size_t)node->in_count + 1;
    out->facts = nn_alloc(count * sizeof *out->facts);
    out->views = nn_alloc_zero(count * sizeof *out->views);
    out->tensors = nn_alloc_zero(count * sizeof *out->tensors);
    if (out->facts == NULL || out->views == NULL || out->tensors == NULL)
        return nn_fail_memory(count * sizeof *out->facts);
    for (int i = 0; i < node->in_count; i++) {
        if (node->inputs[i] == NULL) continue;
        NN_TRY(nn_blob_pin(blob_of(fold, node->inputs[i]), &out->tensors[i]));
        out->facts[i] = nn_fact_of_tensor(out->tensors[i], true);
        out->views[i] = &out->facts[i];
    }
    return NN_OK;
}

static nn_status make_outputs(folding *fold, const nn_node *node, nn_tensor **out) {
    for (int i = 0; i < node->out_count; i++) {
        const nn_value *value = node->outputs[i];
        out[i] = NULL;
        if (value == NULL) continue;
        nn_blob **blob = &fold->blobs[value->id];
        NN_TRY(nn_blob_create(value->fact.type, value->fact.dims, value->fact.rank, blob));
        out[i] = &(*blob)->tensor;
    }
    return NN_OK;
}

static void drop_outputs(folding *fold, const nn_node *node) {
    for (int i = 0; i < node->out_count; i++) {
        if (node->outputs[i] == NULL) continue;
        nn_blob_release(fold->blobs[node->outputs[i]->id]);
        fold->blobs[node->outputs[i]->id] = NULL;
    }
}

static nn_status compute_with(folding *fold, const nn_node *node, const operand_list *with,
                              bool *done) {
    static const nn_target target = {.isa = NN_ISA_PORTABLE, .threads = 1};
    nn_view_storage storage;
    nn_node_view view;
    nn_tensor *out[NN_MAX_OUTPUTS];
    nn_cost cost;
    NN_TRY(nn_node_view_init(node, &storage, &view));
    nn_status status = NN_OK;
    view.in = with->views;
    nn_op_cost(&view, &cost);
    const nn_kernel *kernel =
        cost.flops <= most_flops ? nn_kernel_select_standard(&view, &target) : NULL;
    *done = kernel != NULL;
    if (kernel != NULL) status = make_outputs(fold, node, out);
    if (kernel != NULL && status == NN_OK)
        status = nn_run_node(&view, kernel, &target, NULL, with->tensors, out);
    nn_node_view_clear(&storage);
    if (status != NN_OK || !*done) drop_outputs(fold, node);
    return status;
}

/* Runs the node; *done is false when no kernel takes it or it has too much to do. */
static nn_status compute(folding *fold, const nn_node *node, bool *done) {
    operand_list operands = {0};
    nn_status status = pin_operands(fold, node, &operands);
    if (status == NN_OK) status = compute_with(fold, node, &operands, done);
    clear_operands(fold, node, &operands);
    if (status != NN_UNSUPPORTED) return status;
    *done = false;
    return NN_OK;
}

static nn_status copy_known(folding *fold, const nn_node *node) {
    nn_tensor *out[NN_MAX_OUTPUTS];
    nn_status status = make_outputs(fold, node, out);
    if (status != NN_OK) {
        drop_outputs(fold, node);
        return status;
    }
    for (int i = 0; i < node->out_count; i++) {
        if (out[i] == NULL || out[i]->data == NULL) continue;
        const nn_tensor *known = node->outputs[i]->fact.constant;
        memcpy(out[i]->data, known->data, (size_t)nn_tensor_bytes(known));
    }
    return NN_OK;
}

/* Makes the node's results when it can be folded. */
static nn_status fold_node(folding *fold, nn_node *node) {
    int64_t in_bytes, out_bytes;
    bool done = true;
    if (!may_fold(fold, node) || !outputs_are_concrete(node, &out_bytes)) return NN_OK;
    const nn_attr *tensor = shared_tensor(node);
    if (tensor != NULL) {
        fold->blobs[node->outputs[0]->id] = nn_blob_retain(tensor->tensor);
        out_bytes = 0;
    } else if (nn_op_makes_outputs(node->op)) {
        if (!outputs_are_known(node)) return NN_OK;
        NN_TRY(copy_known(fold, node));
    } else if (inputs_are_folded(fold, node, &in_bytes)) {
        if (!is_worth_its_size(fold, node, in_bytes, out_bytes)) return NN_OK;
        NN_TRY(compute(fold, node, &done));
    } else if (is_known_from_shapes(node)) {
        NN_TRY(copy_known(fold, node));
    } else {
        return NN_OK;
    }
    if (!done) return NN_OK;
    if (!is_filled(fold, node)) fold->budget -= out_bytes;
    fold->is_folded[node->position] = 1;
    fold->count++;
    return NN_OK;
}

/* ---- the patch ---- */

/* Does anything read the value that is not folded itself? */
static bool is_needed(const folding *fold, const nn_value *value) {
    for (int64_t i = 0; i < value->use_count; i++)
        if (!fold->is_folded[value->uses[i].node->position]) return true;
    return value->is_output;
}

static nn_status replace_folded(const folding *fold, const char *pass) {
    nn_patch *patch;
    NN_TRY(nn_patch_begin(fold->graph, pass, "the result is constant", &patch));
    for (int64_t i = 0; i < fold->graph->node_count; i++) {
        nn_node *node = fold->graph->nodes[i];
        if (!fold->is_folded[i]) continue;
        nn_patch_remove_node(patch, node);
        for (int k = 0; k < node->out_count; k++)
            if (node->outputs[k] != NULL && is_needed(fold, node->outputs[k]))
                nn_patch_set_initializer(patch, node->outputs[k],
                                         fold->blobs[node->outputs[k]->id]);
    }
    for (int64_t i = 0; i < fold->graph->value_count; i++) {
        nn_value *value = fold->graph->values[i];
        if (value->initializer != NULL && value->use_count > 0 && !is_needed(fold, value))
            nn_patch_remove_initializer(patch, value);
    }
    return nn_patch_apply(patch);
}

static int64_t initializer_bytes(const nn_graph *graph) {
    int64_t sum = 0;
    for (int64_t i = 0; i < graph->value_count; i++)
        if (graph->values[i]->initializer != NULL)
            sum += nn_tensor_bytes(&graph->values[i]->initializer->tensor);
    return sum;
}

nn_status nn_graph_fold_constants(nn_graph *graph, const char *pass, unsigned flags) {
    folding fold = {.graph = graph,
                    .flags = flags,
                    .budget = BUDGET_BASE + BUDGET_GROWTH * initializer_bytes(graph)};
    size_t values = (size_t)graph->value_count + 1;
    nn_status status = NN_OK;
    fold.blobs = nn_alloc_zero(values * sizeof *fold.blobs);
    fold.is_folded = nn_alloc_zero((size_t)graph->node_count + 1);
    if (fold.blobs == NULL || fold.is_folded == NULL)
        status = nn_fail_memory(values * sizeof *fold.blobs);
    for (int64_t i = 0; i < graph->node_count && status == NN_OK; i++)
        status = fold_node(&fold, graph->nodes[i]);
    if (status == NN_OK && fold.count > 0) status = replace_folded(&fold, pass);
    for (int64_t i = 0; fold.blobs != NULL && i < graph->value_count; i++)
        nn_blob_release(fold.blobs[i]);
    nn_free(fold.blobs);
    nn_free(fold.is_folded);
    return status;
}
