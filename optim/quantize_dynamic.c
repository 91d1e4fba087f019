#include "optim/quantize_dynamic.h"

#include "engine/graph/patch.h"
#include "optim/quantize_weights.h"

#include <stdio.h>

/* Outputs of DynamicQuantizeLinear for one float value, shared by all nodes that read it. */
typedef struct dynamic_input {
    const nn_value *value;
    nn_value *quantised, *scale, *zero;
} dynamic_input;

typedef struct dynamic_state {
    nn_graph *graph;
    dynamic_input *inputs;
    int64_t input_count, input_capacity;
} dynamic_state;

static void note(nn_report *report, const char *list, const nn_node *node, const char *key,
                 const char *text) {
    cJSON *entry = nn_report_object(report, cJSON_GetObjectItem(report->root, list), NULL);
    nn_report_set_text(report, entry, "node", node->origin);
    nn_report_set_text(report, entry, "op", node->op_type);
    nn_report_set_text(report, entry, key, text);
}

/* K x N weights of a product: the constant itself, or its transpose for Gemm with transB. */
static nn_status product_weights(const nn_node *node, nn_tensor *out) {
    const nn_tensor *source = node->inputs[1]->fact.constant;
    int64_t transposed = 0;
    if (strcmp(node->op_type, "Gemm") == 0)
        NN_TRY(nn_attrs_int(&node->attrs, "transB", 0, &transposed));
    int64_t rows = source->dims[transposed ? 1 : 0], columns = source->dims[transposed ? 0 : 1];
    NN_TRY(nn_tensor_init(out, NNOPT_FLOAT, (int64_t[]){rows, columns}, 2));
    const float *from = source->data;
    float *to = out->data;
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < columns; c++)
            to[r * columns + c] = transposed ? from[c * rows + r] : from[r * columns + c];
    return NN_OK;
}

static const char *dynamic_refusal(const nn_node *node, const nn_static_options *options) {
    const char *reason = nn_static_refusal(node, options);
    if (reason != NULL) return reason;
    bool is_gemm = strcmp(node->op_type, "Gemm") == 0;
    if (!is_gemm && strcmp(node->op_type, "MatMul") != 0)
        return "only matrix products gain from dynamic ranges; static int8 needs calibration data";
    if (nn_weight_channel_axis(node) < 0) return "it has no constant float32 weights";
    if (!is_gemm) return NULL;
    float alpha = 1, beta = 1;
    int64_t transposed = 0;
    if (nn_attrs_float(&node->attrs, "alpha", 1, &alpha) != NN_OK ||
        nn_attrs_float(&node->attrs, "beta", 1, &beta) != NN_OK ||
        nn_attrs_int(&node->attrs, "transA", 0, &transposed) != NN_OK)
        return "its attributes are malformed";
    return alpha != 1 || beta != 1 || transposed != 0 ? "it scales or transposes its input" : NULL;
}

static nn_value *new_value(nn_patch *patch, const nn_node *node, const char *suffix) {
    char name[600];
    snprintf(name, sizeof name, "%.500s_%s", node->name, suffix);
    return nn_patch_value(patch, name);
}

static void new_node(nn_patch *patch, const nn_node *origin, const char *op_type,
                     nn_value *const *inputs, int in_count, nn_value *const *outputs, int out_count,
                     const nn_attrs *attrs) {
    char name[600];
    snprintf(name, sizeof name, "%.500s_%s", origin->name, op_type);
    nn_patch_node(patch, op_type, "", name, inputs, in_count, outputs, out_count, attrs, origin);
}

static nn_status find_input(dynamic_state *self, nn_patch *patch, const nn_node *node,
                            dynamic_input *out) {
    for (int64_t i = 0; i < self->input_count; i++)
        if (self->inputs[i].value == node->inputs[0]) {
            *out = self->inputs[i];
            return NN_OK;
        }
    if (!NN_GROW(self->inputs, self->input_count, self->input_capacity))
        return nn_fail_memory(sizeof *out);
    *out = (dynamic_input){node->inputs[0], new_value(patch, node, "input_quantized"),
                           new_value(patch, node, "input_scale"),
                           new_value(patch, node, "input_zero_point")};
    new_node(patch, node, "DynamicQuantizeLinear", &node->inputs[0], 1,
             (nn_value *[]){out->quantised, out->scale, out->zero}, 3, NULL);
    self->inputs[self->input_count++] = *out;
    return NN_OK;
}

static nn_status make_dynamic(dynamic_state *self, nn_node *node, bool per_channel,
                              double *noise_db) {
    nn_tensor product = {0};
    nn_quantized_weights weights = {0};
    nn_patch *patch = NULL;
    dynamic_input input;
    nn_status status = product_weights(node, &product);
    if (status == NN_OK) status = nn_quantize_weights(&product, 1, per_channel, &weights);
    if (status == NN_OK)
        status =
            nn_patch_begin(self->graph, "quantize", "8-bit matrix product, range per run", &patch);
    if (status == NN_OK) status = find_input(self, patch, node, &input);
    if (status == NN_OK) {
        char name[600];
        snprintf(name, sizeof name, "%.500s_quantized", node->inputs[1]->name);
        nn_value *values = nn_patch_constant(patch, name, weights.values);
        snprintf(name, sizeof name, "%.500s_zero_point", node->inputs[1]->name);
        nn_value *zeros = nn_patch_constant(patch, name, weights.zeros);
        snprintf(name, sizeof name, "%.500s_scale", node->inputs[1]->name);
        nn_value *scales = nn_patch_constant(patch, name, weights.scales);

        nn_value *sum = new_value(patch, node, "integer"), *real = new_value(patch, node, "real");
        nn_value *step = new_value(patch, node, "step"), *result = new_value(patch, node, "scaled");
        new_node(patch, node, "MatMulInteger",
                 (nn_value *[]){input.quantised, values, input.zero, zeros}, 4, &sum, 1, NULL);
        nn_attr to = {.name = "to", .kind = NN_ATTR_INT, .i = NNOPT_FLOAT};
        new_node(patch, node, "Cast", &sum, 1, &real, 1, &(nn_attrs){&to, 1});
        new_node(patch, node, "Mul", (nn_value *[]){input.scale, scales}, 2, &step, 1, NULL);
        new_node(patch, node, "Mul", (nn_value *[]){real, step}, 2, &result, 1, NULL);
        if (node->in_count > 2 && node->inputs[2] != NULL) {
            nn_value *biased = new_value(patch, node, "biased");
            new_node(patch, node, "Add", (nn_value *[]){result, node->inputs[2]}, 2, &biased, 1,
                     NULL);
            result = biased;
        }
        nn_patch_replace_uses(patch, node->outputs[0], result);
        nn_patch_remove_node(patch, node);
        status = nn_patch_apply(patch);
        patch = NULL;
        *noise_db = weights.noise_db;
    }
    if (patch != NULL) nn_patch_abort(patch);
    nn_quantized_weights_clear(&weights);
    nn_tensor_clear(&product);
    return status;
}

/* The nodes as they stand now: edits move them. */
static nn_status copy_nodes(const nn_graph *graph, nn_node ***out) {
    size_t bytes = ((size_t)graph->node_count + 1) * sizeof(nn_node *);
    *out = nn_alloc(bytes);
    if (*out == NULL) return nn_fail_memory(bytes);
    memcpy(*out, graph->nodes, (size_t)graph->node_count * sizeof(nn_node *));
    return NN_OK;
}

nn_status nn_quantize_dynamic(nn_model *model, const nn_static_options *options,
                              nn_report *report) {
    dynamic_state self = {.graph = model->graph};
    int64_t node_count = model->graph->node_count;
    nn_node **nodes = NULL;
    NN_TRY(copy_nodes(model->graph, &nodes));
    nn_report_array(report, report->root, "changes");
    nn_report_array(report, report->root, "refused");
    nn_status status = NN_OK;
    for (int64_t n = 0; status == NN_OK && n < node_count; n++) {
        const char *reason = dynamic_refusal(nodes[n], options);
        if (reason != NULL) {
            if (nodes[n]->op == NULL || nodes[n]->op->quant != NN_QUANT_MOVES)
                note(report, "refused", nodes[n], "reason", reason);
            continue;
        }
        double noise_db = 0;
        note(report, "changes", nodes[n], "change", "int8, range per run");
        cJSON *changes = cJSON_GetObjectItem(report->root, "changes");
        status = make_dynamic(&self, nodes[n], options->per_channel, &noise_db);
        nn_report_set_number(report, cJSON_GetArrayItem(changes, cJSON_GetArraySize(changes) - 1),
                             "weight_snr_db", noise_db);
    }
    nn_free(nodes);
    nn_free(self.inputs);
    return status;
}

static nn_status store_as_int8(nn_graph *graph, nn_node *node, bool per_channel, double *noise_db) {
    nn_quantized_weights weights;
    const nn_value *source = node->inputs[1];
    NN_TRY(nn_quantize_weights(source->fact.constant, nn_weight_channel_axis(node), per_channel,
                               &weights));
    nn_patch *patch;
    nn_status status = nn_patch_begin(graph, "quantize", "weights stored as int8", &patch);
    if (status == NN_OK) {
        char name[600];
        nn_value *inputs[3];
        snprintf(name, sizeof name, "%.500s_quantized", source->name);
        inputs[0] = nn_patch_constant(patch, name, weights.values);
        snprintf(name, sizeof name, "%.500s_scale", source->name);
        inputs[1] = nn_patch_constant(patch, name, weights.scales);
        snprintf(name, sizeof name, "%.500s_zero_point", source->name);
        inputs[2] = nn_patch_constant(patch, name, weights.zeros);
        snprintf(name, sizeof name, "%.500s_dequantized", source->name);
        nn_value *result = nn_patch_value(patch, name);
        nn_attr axis = {.name = "axis", .kind = NN_ATTR_INT, .i = weights.axis};
        new_node(patch, node, "DequantizeLinear", inputs, 3, &result, 1, &(nn_attrs){&axis, 1});
        nn_patch_set_input(patch, node, 1, result);
        status = nn_patch_apply(patch);
        *noise_db = weights.noise_db;
    }
    nn_quantized_weights_clear(&weights);
    return status;
}

nn_status nn_quantize_weights_only(nn_model *model, const nn_static_options *options,
                                   nn_report *report) {
    int64_t node_count = model->graph->node_count;
    nn_node **nodes = NULL;
    NN_TRY(copy_nodes(model->graph, &nodes));
    nn_report_array(report, report->root, "changes");
    nn_report_array(report, report->root, "refused");
    nn_status status = NN_OK;
    for (int64_t n = 0; status == NN_OK && n < node_count; n++) {
        if (nn_weight_channel_axis(nodes[n]) < 0) continue;
        const char *reason = NULL;
        for (int64_t i = 0; i < options->keep_float_count; i++)
            if (strcmp(options->keep_float[i], nodes[n]->name) == 0)
                reason = "kept float on request";
        if (reason != NULL) {
            note(report, "refused", nodes[n], "reason", reason);
            continue;
        }
        double noise_db = 0;
        status = store_as_int8(model->graph, nodes[n], options->per_channel, &noise_db);
        note(report, "changes", nodes[n], "change", "weights stored as int8");
        cJSON *changes = cJSON_GetObjectItem(report->root, "changes");
        nn_report_set_number(report, cJSON_GetArrayItem(changes, cJSON_GetArraySize(changes) - 1),
                             "weight_snr_db", noise_db);
    }
    nn_free(nodes);
    return status;
}
