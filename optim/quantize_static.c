#include "optim/quantize_static.h"

#include "engine/graph/patch.h"
#include "engine/lower/activation_pattern.h"
#include "optim/quantize_weights.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Where the pairs stand, so that other runtimes fuse them too:
 *
 *   x -> Q -> DQ -> Conv(DQ(w), DQ(b)) -> Relu -> Q -> DQ -> ...
 *
 * No pair stands between a node with weights and a Relu or Clip that alone reads it. Nodes that
 * only move data between quantised values get the parameters of their input on both sides. Nodes
 * without weights (Add, pooling) become integer only where everything they read already is. A run
 * of operators that computes a function of each element (x * clip(x + 3, 0, 6) / 6) has pairs in
 * front and behind and none inside: it is one table of 256 entries. A matrix product whose readers
 * are all float gives float. */

typedef enum value_role {
    ROLE_FLOAT,
    ROLE_QUANTISED, /* has a Q/DQ pair of its own parameters */
    ROLE_FOLLOWS,   /* has a pair with the parameters of another value */
} value_role;

typedef struct value_plan {
    value_role role;
    const nn_value *source; /* FOLLOWS: the value whose parameters hold, never itself a follower */
    bool needed;            /* some integer node reads it, or its producer must end in Q */
    nn_quant_range range;
    nn_value *dequantised; /* after insertion */
} value_plan;

/* What a node is to the run of activations it belongs to. */
typedef struct run_part {
    const nn_value *x; /* the last node of a run: what the run reads; else NULL */
    nn_node *last;     /* of the run, or NULL: in none */
} run_part;

typedef struct quantizer {
    nn_model *model;
    nn_graph *graph;
    const nn_static_options *options;
    nn_report *report;
    value_plan *values;            /* by value id */
    bool *integer;                 /* by node position, until the first edit; not those of runs */
    run_part *parts;               /* by node position, until the first edit */
    bool *run_is_integer;          /* by position of the last node, likewise */
    nn_node **nodes;               /* as they stood before the first edit */
    const nn_node **integer_nodes; /* those that become integer, sorted by address */
    const nn_node **run_nodes;     /* those of integer runs, likewise */
    int64_t value_count, node_count, integer_count, run_count;
} quantizer;

static bool is_activation_value(const nn_value *value) {
    return value != NULL && !nn_value_is_constant(value) && value->fact.type == NNOPT_FLOAT;
}

static bool has_weights(const nn_node *node) {
    return nn_weight_channel_axis(node) >= 0;
}

static bool is_clamp(const nn_node *node) {
    return node != NULL && node->domain[0] == '\0' &&
           (strcmp(node->op_type, "Relu") == 0 || strcmp(node->op_type, "Clip") == 0) &&
           is_activation_value(node->inputs[0]);
}

/* The value behind a node with weights and the clamp that alone reads it. */
static nn_value *result_of(const nn_node *node) {
    nn_value *result = node->outputs[0];
    nn_node *reader = nn_value_single_consumer(result);
    return is_clamp(reader) && reader->inputs[0] == result ? reader->outputs[0] : result;
}

const char *nn_static_refusal(const nn_node *node, const nn_static_options *options) {
    for (int64_t i = 0; i < options->keep_float_count; i++)
        if (strcmp(options->keep_float[i], node->name) == 0) return "kept float on request";
    if (node->op == NULL) return "the operator is not known";
    if (node->op->quant == NN_QUANT_FLOAT) return "the operator has no integer form";
    if (node->out_count < 1 || node->outputs[0] == NULL ||
        node->outputs[0]->fact.type != NNOPT_FLOAT)
        return "the result is not float32";
    return NULL;
}

static value_plan *plan_of(quantizer *self, const nn_value *value) {
    return &self->values[value->id];
}

static bool is_quantised(quantizer *self, const nn_value *value) {
    return value != NULL && plan_of(self, value)->role != ROLE_FLOAT;
}

static void mark_own(quantizer *self, nn_value *value) {
    value_plan *plan = plan_of(self, value);
    if (plan->role == ROLE_FLOAT) plan->role = ROLE_QUANTISED;
}

/* True when every float activation the node reads is quantised, and there is one. */
static bool reads_only_quantised(quantizer *self, const nn_node *node) {
    bool any = false;
    for (int i = 0; i < node->in_count; i++) {
        const nn_value *input = node->inputs[i];
        if (!is_activation_value(input)) continue;
        if (!is_quantised(self, input)) return false;
        any = true;
    }
    return any;
}

/* ---- runs of activations ---- */

static bool run_is_free(const quantizer *self, const nn_activation_run *run) {
    if (run->nodes.count == 1) return false;
    for (int i = 0; i < run->nodes.count; i++) {
        const nn_node *node = run->nodes.nodes[i];
        if (self->parts[node->position].last != NULL) return false;
        if (nn_static_refusal(node, self->options) != NULL && node->op->quant != NN_QUANT_FLOAT)
            return false;
    }
    return true;
}

/* Backwards, so that a run is met at its last node. */
static void find_runs(quantizer *self) {
    for (int64_t n = self->node_count - 1; n >= 0; n--) {
        nn_node *node = self->graph->nodes[n];
        nn_activation_run run;
        if (node->out_count != 1 || node->outputs[0] == NULL || self->parts[n].last != NULL)
            continue;
        if (!nn_match_activation_run(node->outputs[0], &run) || !run_is_free(self, &run)) continue;
        for (int i = 0; i < run.nodes.count; i++)
            self->parts[run.nodes.nodes[i]->position].last = node;
        self->parts[n].x = run.x;
    }
}

static bool is_made_by_integers(const quantizer *self, const nn_value *value) {
    const nn_node *producer = value->producer;
    if (producer == NULL) return false;
    if (self->integer[producer->position] || self->run_is_integer[producer->position]) return true;
    return is_clamp(producer) && producer->inputs[0]->producer != NULL &&
           self->integer[producer->inputs[0]->producer->position];
}

/* A run becomes integer with its last node: quantised in front, quantised behind. */
static void decide_run(quantizer *self, const nn_node *node) {
    const run_part *part = &self->parts[node->position];
    if (part->last != node || !is_quantised(self, part->x) || !is_made_by_integers(self, part->x))
        return;
    self->run_is_integer[node->position] = true;
    mark_own(self, node->outputs[0]);
}

/* Integer nodes and quantised values, in topological order. */
static void decide(quantizer *self) {
    for (int64_t n = 0; n < self->node_count; n++) {
        nn_node *node = self->graph->nodes[n];
        if (self->parts[n].last != NULL) {
            decide_run(self, node);
            continue;
        }
        if (nn_static_refusal(node, self->options) != NULL) continue;
        if (has_weights(node)) {
            if (!is_activation_value(node->inputs[0])) continue;
            self->integer[n] = true;
            mark_own(self, node->inputs[0]);
            mark_own(self, result_of(node));
        } else if (node->op->quant == NN_QUANT_MOVES) {
            if (!is_quantised(self, node->inputs[0])) continue;
            self->integer[n] = true;
            value_plan *from = plan_of(self, node->inputs[0]);
            for (int o = 0; o < node->out_count; o++) {
                if (node->outputs[o] == NULL || node->outputs[o]->fact.type != NNOPT_FLOAT)
                    continue;
                value_plan *to = plan_of(self, node->outputs[o]);
                if (to->role != ROLE_FLOAT) continue;
                to->role = ROLE_FOLLOWS;
                to->source = from->role == ROLE_FOLLOWS ? from->source : node->inputs[0];
            }
        } else if (reads_only_quantised(self, node)) {
            self->integer[n] = true;
            mark_own(self, result_of(node));
        }
    }
}

static bool reader_is_integer(quantizer *self, const nn_value *value) {
    for (int64_t u = 0; u < value->use_count; u++) {
        int64_t reader = value->uses[u].node->position;
        const nn_node *last = self->parts[reader].last;
        if (self->integer[reader] || (last != NULL && self->run_is_integer[last->position]))
            return true;
    }
    return false;
}

/* Drops pairs that nothing integer reads: behind data movement that ends in float, and behind
 * matrix products. A convolution keeps its pair, without which other runtimes leave it float. */
static void drop_unread(quantizer *self) {
    for (int64_t n = self->node_count - 1; n >= 0; n--) {
        nn_node *node = self->graph->nodes[n];
        if (self->run_is_integer[n] && !reader_is_integer(self, node->outputs[0])) {
            self->run_is_integer[n] = false;
            plan_of(self, node->outputs[0])->role = ROLE_FLOAT;
        }
        if (!self->integer[n]) continue;
        if (node->op->quant == NN_QUANT_MOVES) {
            bool read = false;
            for (int o = 0; o < node->out_count; o++)
                read =
                    read || (node->outputs[o] != NULL && reader_is_integer(self, node->outputs[o]));
            if (read) continue;
            self->integer[n] = false;
            for (int o = 0; o < node->out_count; o++)
                if (node->outputs[o] != NULL) plan_of(self, node->outputs[o])->role = ROLE_FLOAT;
        } else if (has_weights(node)) {
            nn_value *result = result_of(node);
            bool is_conv = strcmp(node->op_type, "Conv") == 0;
            if (!reader_is_integer(self, result) && (!is_conv || result->is_output))
                plan_of(self, result)->role = ROLE_FLOAT;
        }
    }
}

static int compare_addresses(const void *a, const void *b) {
    uintptr_t left = (uintptr_t) * (const nn_node *const *)a;
    uintptr_t right = (uintptr_t) * (const nn_node *const *)b;
    return (left > right) - (left < right);
}

/* Positions move with every edit: from here on nodes are known by address. */
static nn_status freeze(quantizer *self) {
    size_t bytes = ((size_t)self->node_count + 1) * sizeof(nn_node *);
    self->nodes = nn_alloc(bytes);
    self->integer_nodes = nn_alloc(bytes);
    self->run_nodes = nn_alloc(bytes);
    if (self->nodes == NULL || self->integer_nodes == NULL || self->run_nodes == NULL)
        return nn_fail_memory(bytes);
    memcpy(self->nodes, self->graph->nodes, (size_t)self->node_count * sizeof(nn_node *));
    for (int64_t n = 0; n < self->node_count; n++) {
        const nn_node *last = self->parts[n].last;
        if (self->integer[n]) self->integer_nodes[self->integer_count++] = self->nodes[n];
        if (last != NULL && self->run_is_integer[last->position])
            self->run_nodes[self->run_count++] = self->nodes[n];
    }
    qsort(self->run_nodes, (size_t)self->run_count, sizeof(nn_node *), compare_addresses);
    qsort(self->integer_nodes, (size_t)self->integer_count, sizeof(nn_node *), compare_addresses);
    return NN_OK;
}

static bool becomes_integer(const quantizer *self, const nn_node *node) {
    return node != NULL && bsearch(&node, self->integer_nodes, (size_t)self->integer_count,
                                   sizeof(nn_node *), compare_addresses) != NULL;
}

static bool is_in_integer_run(const quantizer *self, const nn_node *node) {
    return node != NULL && bsearch(&node, self->run_nodes, (size_t)self->run_count,
                                   sizeof(nn_node *), compare_addresses) != NULL;
}

/* ---- ranges ---- */

static nn_status choose_ranges(quantizer *self, nn_dataset *calib) {
    int64_t count = 0;
    for (int64_t v = 0; v < self->value_count; v++) count += self->values[v].role == ROLE_QUANTISED;
    if (count == 0) return NN_OK;
    nn_value_statistics *statistics = nn_alloc_zero((size_t)count * sizeof *statistics);
    if (statistics == NULL) return nn_fail_memory((size_t)count * sizeof *statistics);
    int64_t index = 0;
    for (int64_t v = 0; v < self->value_count; v++)
        if (self->values[v].role == ROLE_QUANTISED)
            statistics[index++].value = self->graph->values[v]->name;

    nn_status status =
        nn_calibrate_values(self->model, calib, self->options->max_samples, statistics, count);
    index = 0;
    for (int64_t v = 0; status == NN_OK && v < self->value_count; v++) {
        if (self->values[v].role != ROLE_QUANTISED) continue;
        status =
            nn_quant_range_choose(&statistics[index++], self->options->method,
                                  self->options->activation_type, false, &self->values[v].range);
    }
    nn_free(statistics);
    return status;
}

/* ---- edits ---- */

static nn_value *scalar_constant(nn_patch *patch, const char *stem, nn_type type, double value) {
    nn_blob *blob = NULL;
    if (nn_blob_create(type, NULL, 0, &blob) != NN_OK) return NULL;
    nn_tensor_set(&blob->tensor, 0, value);
    nn_value *constant = nn_patch_constant(patch, stem, blob);
    nn_blob_release(blob);
    return constant;
}

static nn_status stem_name(char *buffer, size_t size, const char *name, const char *suffix) {
    int length = snprintf(buffer, size, "%s_%s", name, suffix);
    return length > 0 && (size_t)length < size
               ? NN_OK
               : nn_fail(NN_BAD_INPUT, "the name '%.64s...' is too long", name);
}

/* Puts value -> QuantizeLinear -> DequantizeLinear and gives the readers the result. Readers that
 * stay float keep the float value where its producer is float too. */
static nn_status insert_pair(quantizer *self, nn_value *value) {
    value_plan *plan = plan_of(self, value);
    const nn_quant_range *range =
        plan->role == ROLE_FOLLOWS ? &plan_of(self, plan->source)->range : &plan->range;
    const nn_node *producer = value->producer;
    bool all_readers = becomes_integer(self, producer) || is_in_integer_run(self, producer);
    if (producer != NULL && is_clamp(producer))
        all_readers = all_readers || becomes_integer(self, producer->inputs[0]->producer);

    char stem[512];
    nn_patch *patch;
    NN_TRY(stem_name(stem, sizeof stem, value->name, "quantized"));
    NN_TRY(nn_patch_begin(self->graph, "quantize", "8-bit activation", &patch));

    nn_use *readers = nn_alloc(((size_t)value->use_count + 1) * sizeof *readers);
    if (readers == NULL) {
        nn_patch_abort(patch);
        return nn_fail_memory((size_t)value->use_count * sizeof *readers);
    }
    int64_t reader_count = 0;
    for (int64_t u = 0; u < value->use_count; u++)
        if (value->uses[u].input != NN_USE_CAPTURE &&
            (all_readers || becomes_integer(self, value->uses[u].node) ||
             is_in_integer_run(self, value->uses[u].node)))
            readers[reader_count++] = value->uses[u];

    char name[600];
    snprintf(name, sizeof name, "%s_scale", value->name);
    nn_value *scale = scalar_constant(patch, name, NNOPT_FLOAT, range->scale);
    snprintf(name, sizeof name, "%s_zero_point", value->name);
    nn_value *zero =
        scalar_constant(patch, name, self->options->activation_type, range->zero_point);
    nn_value *quantised = nn_patch_value(patch, stem);
    snprintf(name, sizeof name, "%s_dequantized", value->name);
    plan->dequantised = nn_patch_value(patch, name);
    snprintf(name, sizeof name, "%s_QuantizeLinear", value->name);
    nn_patch_node(patch, "QuantizeLinear", "", name, (nn_value *[]){value, scale, zero}, 3,
                  &quantised, 1, NULL, producer);
    snprintf(name, sizeof name, "%s_DequantizeLinear", value->name);
    nn_patch_node(patch, "DequantizeLinear", "", name, (nn_value *[]){quantised, scale, zero}, 3,
                  &plan->dequantised, 1, NULL, producer);
    for (int64_t r = 0; r < reader_count; r++)
        nn_patch_set_input(patch, readers[r].node, readers[r].input, plan->dequantised);
    nn_free(readers);
    return nn_patch_apply(patch);
}

/* A constant through DequantizeLinear: values, scales, zero points (NULL: none). */
static nn_value *dequantised_constant(nn_patch *patch, const char *name, nn_blob *values,
                                      nn_blob *scales, nn_blob *zeros, int axis, nn_node *origin) {
    char text[600];
    snprintf(text, sizeof text, "%s_quantized", name);
    nn_value *inputs[3] = {nn_patch_constant(patch, text, values), NULL, NULL};
    snprintf(text, sizeof text, "%s_scale", name);
    inputs[1] = nn_patch_constant(patch, text, scales);
    if (zeros != NULL) {
        snprintf(text, sizeof text, "%s_zero_point", name);
        inputs[2] = nn_patch_constant(patch, text, zeros);
    }
    snprintf(text, sizeof text, "%s_dequantized", name);
    nn_value *result = nn_patch_value(patch, text);
    nn_attr axis_attr = {.name = "axis", .kind = NN_ATTR_INT, .i = axis};
    snprintf(text, sizeof text, "%s_DequantizeLinear", name);
    nn_patch_node(patch, "DequantizeLinear", "", text, inputs, zeros != NULL ? 3 : 2, &result, 1,
                  &(nn_attrs){&axis_attr, 1}, origin);
    return result;
}

/* A bias may go to int32 in the steps of the accumulator only where it is one value a channel. */
static bool bias_fits(const nn_node *node, int64_t channels) {
    if (node->in_count < 3 || !nn_value_is_constant(node->inputs[2])) return false;
    const nn_tensor *bias = node->inputs[2]->fact.constant;
    if (bias->type != NNOPT_FLOAT || bias->rank != 1 || bias->dims[0] != channels) return false;
    float alpha = 1, beta = 1;
    return nn_attrs_float(&node->attrs, "alpha", 1, &alpha) == NN_OK &&
           nn_attrs_float(&node->attrs, "beta", 1, &beta) == NN_OK && alpha == 1 && beta == 1;
}

static nn_status quantise_parameters(quantizer *self, nn_node *node, cJSON *change) {
    nn_quantized_weights weights;
    nn_value *source = node->inputs[1];
    NN_TRY(nn_quantize_weights(source->fact.constant, nn_weight_channel_axis(node),
                               self->options->per_channel, &weights));
    nn_blob *bias = NULL, *bias_scales = NULL;
    nn_patch *patch = NULL;
    nn_status status =
        nn_patch_begin(self->graph, "quantize", "8-bit weights per output channel", &patch);
    if (status != NN_OK) goto done;

    nn_patch_set_input(patch, node, 1,
                       dequantised_constant(patch, source->name, weights.values, weights.scales,
                                            weights.zeros, weights.axis, node));
    if (bias_fits(node, weights.channels)) {
        const value_plan *input = NULL;
        for (int64_t v = 0; v < self->value_count; v++)
            if (self->values[v].dequantised == node->inputs[0]) input = &self->values[v];
        if (input != NULL && input->role == ROLE_FOLLOWS) input = plan_of(self, input->source);
        if (input != NULL) {
            status = nn_quantize_bias(node->inputs[2]->fact.constant, input->range.scale,
                                      &weights.scales->tensor, &bias, &bias_scales);
            if (status != NN_OK) goto done;
            nn_patch_set_input(patch, node, 2,
                               dequantised_constant(patch, node->inputs[2]->name, bias, bias_scales,
                                                    NULL, 0, node));
        }
    }
    status = nn_patch_apply(patch);
    patch = NULL;
    nn_report_set_number(self->report, change, "weight_snr_db", weights.noise_db);
done:
    if (patch != NULL) nn_patch_abort(patch);
    nn_quantized_weights_clear(&weights);
    nn_blob_release(bias);
    nn_blob_release(bias_scales);
    return status;
}

/* Constant operands of nodes without weights (Add, Mul): one scale for all. */
static nn_status quantise_operand(quantizer *self, nn_node *node, int index) {
    const nn_tensor *constant = node->inputs[index]->fact.constant;
    nn_value_statistics *statistics = nn_alloc_zero(sizeof *statistics);
    if (statistics == NULL) return nn_fail_memory(sizeof *statistics);
    statistics->value = node->inputs[index]->name;
    nn_quant_range range;
    nn_status status =
        nn_value_statistics_add(statistics, constant->data, nn_tensor_count(constant));
    if (status == NN_OK)
        status = nn_quant_range_choose(statistics, NN_RANGE_MINMAX, self->options->activation_type,
                                       false, &range);
    nn_free(statistics);
    NN_TRY(status);

    nn_blob *values = NULL, *scale = NULL, *zero = NULL;
    nn_patch *patch = NULL;
    status =
        nn_blob_create(self->options->activation_type, constant->dims, constant->rank, &values);
    if (status == NN_OK) status = nn_blob_create(NNOPT_FLOAT, NULL, 0, &scale);
    if (status == NN_OK) status = nn_blob_create(self->options->activation_type, NULL, 0, &zero);
    if (status == NN_OK)
        status = nn_patch_begin(self->graph, "quantize", "8-bit constant operand", &patch);
    if (status == NN_OK) {
        for (int64_t i = 0; i < nn_tensor_count(constant); i++) {
            double q = nn_tensor_get(constant, i) / range.scale;
            nn_tensor_set(&values->tensor, i, nearbyint(q) + range.zero_point);
        }
        nn_tensor_set(&scale->tensor, 0, range.scale);
        nn_tensor_set(&zero->tensor, 0, range.zero_point);
        nn_patch_set_input(
            patch, node, index,
            dequantised_constant(patch, node->inputs[index]->name, values, scale, zero, 0, node));
        status = nn_patch_apply(patch);
    }
    nn_blob_release(values);
    nn_blob_release(scale);
    nn_blob_release(zero);
    return status;
}

static nn_status edit_node(quantizer *self, nn_node *node, cJSON *changes) {
    cJSON *change = nn_report_object(self->report, changes, NULL);
    nn_report_set_text(self->report, change, "node", node->origin);
    nn_report_set_text(self->report, change, "op", node->op_type);
    nn_report_set_text(self->report, change, "change", "int8");
    if (has_weights(node)) return quantise_parameters(self, node, change);
    for (int i = 0; i < node->in_count; i++)
        if (nn_value_is_constant(node->inputs[i]) && node->op->quant == NN_QUANT_COMPUTES &&
            node->inputs[i]->fact.constant->type == NNOPT_FLOAT)
            NN_TRY(quantise_operand(self, node, i));
    return NN_OK;
}

/* A clamp behind an integer node: its bounds are in the range of the pair behind it. */
static bool is_absorbed(const quantizer *self, const nn_node *node) {
    return is_clamp(node) && node->inputs[0]->producer != NULL &&
           strcmp(node->inputs[0]->producer->op_type, "DequantizeLinear") != 0 &&
           becomes_integer(self, node->inputs[0]->producer);
}

static nn_status edit(quantizer *self) {
    cJSON *changes = nn_report_array(self->report, self->report->root, "changes");
    cJSON *refused = nn_report_array(self->report, self->report->root, "refused");

    nn_status status = freeze(self);
    for (int64_t v = 0; status == NN_OK && v < self->value_count; v++)
        if (self->values[v].role != ROLE_FLOAT) status = insert_pair(self, self->graph->values[v]);
    for (int64_t n = 0; status == NN_OK && n < self->node_count; n++) {
        nn_node *node = self->nodes[n];
        if (becomes_integer(self, node)) {
            status = edit_node(self, node, changes);
        } else if (!is_absorbed(self, node) && !is_in_integer_run(self, node) &&
                   (node->op == NULL || node->op->quant != NN_QUANT_MOVES)) {
            const char *reason = nn_static_refusal(node, self->options);
            cJSON *entry = nn_report_object(self->report, refused, NULL);
            nn_report_set_text(self->report, entry, "node", node->origin);
            nn_report_set_text(self->report, entry, "op", node->op_type);
            nn_report_set_text(self->report, entry, "reason",
                               reason != NULL ? reason : "its inputs are not all quantised");
        }
    }
    return status;
}

nn_status nn_quantize_static(nn_model *model, nn_dataset *calib, const nn_static_options *options,
                             nn_report *report) {
    nn_graph *graph = model->graph;
    quantizer self = {.model = model,
                      .graph = graph,
                      .options = options,
                      .report = report,
                      .value_count = graph->value_count,
                      .node_count = graph->node_count};
    self.values = nn_alloc_zero(((size_t)graph->value_count + 1) * sizeof *self.values);
    self.integer = nn_alloc_zero((size_t)graph->node_count + 1);
    self.run_is_integer = nn_alloc_zero((size_t)graph->node_count + 1);
    self.parts = nn_alloc_zero(((size_t)graph->node_count + 1) * sizeof *self.parts);
    nn_status status = NN_OK;
    if (self.values == NULL || self.integer == NULL || self.run_is_integer == NULL ||
        self.parts == NULL) {
        status = nn_fail_memory((size_t)graph->value_count * sizeof *self.values);
        goto done;
    }
    find_runs(&self);
    decide(&self);
    drop_unread(&self);
    NN_TRY_DONE(choose_ranges(&self, calib));
    status = edit(&self);
done:
    nn_free(self.values);
    nn_free(self.integer);
    nn_free(self.run_is_integer);
    nn_free(self.parts);
    nn_free(self.run_nodes);
    nn_free(self.nodes);
    nn_free(self.integer_nodes);
    return status;
}
