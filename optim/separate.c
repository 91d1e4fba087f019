/* The pass "separate": a convolution or matrix product as two thinner ones, where that is measured
 * faster and within the error bound. */
#include "engine/graph/patch.h"
#include "engine/measure/measure.h"
#include "ops/family/convolution.h"
#include "optim/factorize.h"
#include "optim/node_costs.h"
#include "optim/pass.h"
#include "optim/predict.h"
#include "optim/regression.h"
#include "optim/simplify.h"

#include <math.h>
#include <stdio.h>

static const nn_option_spec specs[] = {
    {.name = "max-error",
     .kind = NNOPT_OPTION_NUMBER,
     .metavar = "F",
     .fallback = "0.02",
     .minimum = 0,
     .maximum = 1,
     .help = "bound of each layer's relative squared error on the calibration data"},
    {.name = "max-macs",
     .kind = NNOPT_OPTION_NUMBER,
     .metavar = "F",
     .fallback = "0.7",
     .minimum = 0.01,
     .maximum = 1,
     .help = "a rewrite must leave at most this fraction of the layer's MACs to be tried"},
    {.name = "node",
     .kind = NNOPT_OPTION_TEXT,
     .metavar = "NODE",
     .repeatable = true,
     .help = "rewrite only this node (default: all that qualify)"},
    {.name = "no-measure",
     .kind = NNOPT_OPTION_FLAG,
     .help = "accept what is predicted faster without measuring it"},
    {.name = "round-to",
     .kind = NNOPT_OPTION_INT,
     .metavar = "N",
     .fallback = "8",
     .minimum = 1,
     .maximum = 256,
     .help = "ranks are multiples of N"},
    {.name = "calib-samples",
     .kind = NNOPT_OPTION_INT,
     .metavar = "N",
     .fallback = "128",
     .minimum = 0,
     .maximum = 1e9,
     .help = "use the first N calibration samples (0: all)"},
    {.name = "seed",
     .kind = NNOPT_OPTION_INT,
     .metavar = "N",
     .fallback = "0",
     .minimum = 0,
     .maximum = 9e15,
     .help = "seed of everything random"},
};

static const nn_option_table table = {"separate", specs, sizeof specs / sizeof specs[0]};

enum { POSITIONS_PER_COLUMN = 12, MIN_POSITIONS = 20000, MAX_SIDE = 5000 };

/* Seconds that a trial is timed, and how much of the model's time a rewrite must save to be tried.
 */
static const double trial_seconds = 0.6;
static const double least_saving = 0.01;

typedef struct separator {
    nn_model *model; /* simplified, with the rewrites accepted so far; owned */
    nn_dataset *calib;
    const nnopt_options *options;
    nn_report *report;
    cJSON *changes, *refused;
    double model_macs;
    double model_seconds; /* a run of the model as it stands */
} separator;

/* What one layer looks like to the forms. */
typedef struct layer {
    nn_linear_node linear;
    const nn_conv_attrs *conv; /* NULL: a product */
    int spatial;               /* spatial axes of a convolution */
    double macs;
    nn_factor_source source;
} layer;

/* ---- eligibility ---- */

static const char *refusal(const nn_node *node, layer *out) {
    if (!nn_linear_node_init((nn_node *)node, &out->linear)) return "no constant float32 weights";
    const nn_linear_node *linear = &out->linear;
    const nn_tensor *weights = node->inputs[1]->fact.constant;
    out->conv = linear->is_conv ? node->attrs_parsed : NULL;
    out->spatial = linear->is_conv ? weights->rank - 2 : 0;
    if (linear->groups > 1) return "grouped: there is little to separate";
    if (linear->side > MAX_SIDE) return "too many inputs to factor";
    if (out->spatial > 2) return "3-D convolutions are not rewritten";
    if (out->conv != NULL && out->conv->window.auto_pad != NN_AUTO_PAD_NONE)
        return "auto_pad: pads are not explicit";
    out->source.inputs = linear->inputs;
    out->source.outputs = linear->outputs;
    out->source.kernel_height = out->spatial == 2 ? weights->dims[2] : 1;
    out->source.kernel_width = out->spatial >= 1 ? weights->dims[out->spatial + 1] : 1;
    return NULL;
}

static bool form_applies(const layer *self, nn_factor_form form) {
    int64_t kh = self->source.kernel_height, kw = self->source.kernel_width;
    switch (form) {
    case NN_FORM_CHANNEL:
        return kh * kw > 1;
    case NN_FORM_DEPTHWISE:
        return kh * kw > 1;
    case NN_FORM_SPATIAL:
        return kh > 1 && kw > 1;
    case NN_FORM_LOW_RANK:
        return kh * kw == 1;
    case NN_FORM_COUNT:
        break;
    }
    return false;
}

/* Of all forms and ranks within the error bound, the one with the fewest MACs, at most max_macs of
 * the original's. Ranks are tried upwards until the error fits. */
static nn_status best_factorization(const layer *self, double max_error, double max_macs,
                                    int64_t round_to, nn_factorization *best, double *least_error) {
    double original = (double)(self->source.inputs * self->source.kernel_height *
                               self->source.kernel_width * self->source.outputs);
    double limit = max_macs * original;
    memset(best, 0, sizeof *best);
    *least_error = INFINITY;
    for (int form = 0; form < NN_FORM_COUNT; form++) {
        if (!form_applies(self, (nn_factor_form)form)) continue;
        int64_t step = form == NN_FORM_DEPTHWISE ? 1 : round_to;
        int64_t full = nn_factor_full_rank(&self->source, (nn_factor_form)form);
        for (int64_t rank = step; rank <= full; rank += step) {
            nn_factorization trial;
            NN_TRY(nn_check_interrupt());
            NN_TRY(nn_factorize(&self->source, (nn_factor_form)form, rank, &trial));
            bool affordable = trial.macs <= limit, good = trial.error <= max_error;
            if (affordable && trial.error < *least_error) *least_error = trial.error;
            if (affordable && good) {
                limit = trial.macs;
                nn_factorization_clear(best);
                *best = trial;
                break;
            }
            nn_factorization_clear(&trial);
            if (!affordable) break;
        }
    }
    return NN_OK;
}

/* ---- the rewrite ---- */

static nn_value *weights_constant(nn_patch *patch, const char *node, const char *suffix,
                                  const double *values, const int64_t *dims, int rank) {
    char stem[600];
    snprintf(stem, sizeof stem, "%.500s_%s", node, suffix);
    nn_blob *blob = NULL;
    if (nn_blob_create(NNOPT_FLOAT, dims, rank, &blob) != NN_OK) return NULL;
    float *to = blob->tensor.data;
    for (int64_t i = 0; i < nn_tensor_count(&blob->tensor); i++) to[i] = (float)values[i];
    nn_value *value = nn_patch_constant(patch, stem, blob);
    nn_blob_release(blob);
    return value;
}

/* Attributes of one of the two convolutions: along each spatial axis either the original's window
 * or a single tap. */
typedef struct conv_window {
    int64_t kernel[2], strides[2], dilations[2], pads[4];
    nn_attr attrs[5];
} conv_window;

static nn_attrs window_attrs(const layer *self, const bool *keeps, int64_t group,
                             conv_window *out) {
    const nn_window_attrs *window = &self->conv->window;
    int spatial = self->spatial;
    for (int i = 0; i < spatial; i++) {
        const nn_tensor *weights = self->linear.node->inputs[1]->fact.constant;
        out->kernel[i] = keeps[i] ? weights->dims[2 + i] : 1;
        bool listed = i < window->rank;
        out->strides[i] = keeps[i] && listed ? window->stride[i] : 1;
        out->dilations[i] = keeps[i] && listed ? window->dilation[i] : 1;
        out->pads[i] = keeps[i] && listed ? window->pad_begin[i] : 0;
        out->pads[spatial + i] = keeps[i] && listed ? window->pad_end[i] : 0;
    }
    nn_attr *attrs = out->attrs;
    attrs[0] = (nn_attr){.name = "kernel_shape", .kind = NN_ATTR_INTS, .count = spatial};
    attrs[0].ints = out->kernel;
    attrs[1] = (nn_attr){.name = "strides", .kind = NN_ATTR_INTS, .count = spatial};
    attrs[1].ints = out->strides;
    attrs[2] = (nn_attr){.name = "dilations", .kind = NN_ATTR_INTS, .count = spatial};
    attrs[2].ints = out->dilations;
    attrs[3] = (nn_attr){.name = "pads", .kind = NN_ATTR_INTS, .count = 2 * spatial};
    attrs[3].ints = out->pads;
    attrs[4] = (nn_attr){.name = "group", .kind = NN_ATTR_INT, .i = group};
    return (nn_attrs){attrs, 5};
}

/* Which spatial axes the first and the second convolution slide over. */
static void split_axes(const layer *self, nn_factor_form form, bool *first, bool *second) {
    for (int i = 0; i < self->spatial; i++) {
        first[i] = form != NN_FORM_SPATIAL || i == 0;
        second[i] = !first[i];
    }
    /* a 1 x 1 convolution keeps its stride in the first of its two parts */
}

static void patch_convolutions(nn_patch *patch, const layer *self,
                               const nn_factorization *factors) {
    nn_node *node = self->linear.node;
    int spatial = self->spatial, rank = spatial + 2;
    bool first_axes[2] = {false}, second_axes[2] = {false};
    split_axes(self, factors->form, first_axes, second_axes);
    int64_t group = factors->form == NN_FORM_DEPTHWISE ? self->source.inputs : 1;
    int64_t middle =
        factors->form == NN_FORM_DEPTHWISE ? self->source.inputs * factors->rank : factors->rank;
    conv_window first_window, second_window;
    nn_attrs first_attrs = window_attrs(self, first_axes, group, &first_window);
    nn_attrs second_attrs = window_attrs(self, second_axes, 1, &second_window);
    int64_t first_dims[4] = {middle, self->source.inputs / group};
    int64_t second_dims[4] = {self->source.outputs, middle};
    for (int i = 0; i < spatial; i++) {
        first_dims[2 + i] = first_window.kernel[i];
        second_dims[2 + i] = second_window.kernel[i];
    }
    char name[600];
    snprintf(name, sizeof name, "%.500s_first", node->name);
    nn_value *between = nn_patch_value(patch, name);
    nn_value *weights =
        weights_constant(patch, node->name, "first_weight", factors->first, first_dims, rank);
    nn_patch_node(patch, "Conv", "", name, (nn_value *[]){node->inputs[0], weights}, 2, &between, 1,
                  &first_attrs, node);
    snprintf(name, sizeof name, "%.500s_second", node->name);
    nn_value *inputs[3] = {between, NULL, NULL}, *result = nn_patch_value(patch, name);
    inputs[1] =
        weights_constant(patch, node->name, "second_weight", factors->second, second_dims, rank);
    inputs[2] =
        weights_constant(patch, node->name, "second_bias", factors->bias, &self->source.outputs, 1);
    nn_patch_node(patch, "Conv", "", name, inputs, 3, &result, 1, &second_attrs, node);
    nn_patch_replace_uses(patch, node->outputs[0], result);
    nn_patch_remove_node(patch, node);
}

/* Gemm with transB for both, so that the factors are written as they are; MatMul gets them
 * transposed. */
static nn_status patch_products(nn_patch *patch, const layer *self,
                                const nn_factorization *factors) {
    nn_node *node = self->linear.node;
    bool is_gemm = self->linear.has_bias;
    int64_t k = self->source.inputs, r = factors->rank, n = self->source.outputs;
    double *turned = NULL;
    const double *first = factors->first, *second = factors->second;
    if (!is_gemm) {
        turned = nn_alloc((size_t)(r * (k + n)) * sizeof *turned);
        if (turned == NULL) return nn_fail_memory((size_t)(r * (k + n)) * sizeof *turned);
        for (int64_t i = 0; i < r; i++)
            for (int64_t j = 0; j < k; j++) turned[j * r + i] = factors->first[i * k + j];
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0; j < r; j++) turned[k * r + j * n + i] = factors->second[i * r + j];
        first = turned;
        second = turned + k * r;
    }
    nn_attr trans_b = {.name = "transB", .kind = NN_ATTR_INT, .i = 1};
    nn_attrs attrs = {&trans_b, is_gemm ? 1 : 0};
    const char *op_type = is_gemm ? "Gemm" : "MatMul";
    int64_t first_dims[2] = {is_gemm ? r : k, is_gemm ? k : r};
    int64_t second_dims[2] = {is_gemm ? n : r, is_gemm ? r : n};
    char name[600];
    snprintf(name, sizeof name, "%.500s_first", node->name);
    nn_value *between = nn_patch_value(patch, name);
    nn_value *weights = weights_constant(patch, node->name, "first_weight", first, first_dims, 2);
    nn_patch_node(patch, op_type, "", name, (nn_value *[]){node->inputs[0], weights}, 2, &between,
                  1, &attrs, node);
    snprintf(name, sizeof name, "%.500s_second", node->name);
    nn_value *inputs[3] = {between, NULL, NULL}, *result = nn_patch_value(patch, name);
    inputs[1] = weights_constant(patch, node->name, "second_weight", second, second_dims, 2);
    if (is_gemm)
        inputs[2] = weights_constant(patch, node->name, "second_bias", factors->bias, &n, 1);
    nn_patch_node(patch, op_type, "", name, inputs, is_gemm ? 3 : 2, &result, 1, &attrs, node);
    nn_patch_replace_uses(patch, node->outputs[0], result);
    nn_patch_remove_node(patch, node);
    nn_free(turned);
    return NN_OK;
}

static nn_status rewrite(nn_model *model, const layer *self, const nn_factorization *factors) {
    char reason[200];
    snprintf(reason, sizeof reason, "%s form of rank %lld, relative error %.4f",
             nn_factor_form_name(factors->form), (long long)factors->rank, factors->error);
    nn_patch *patch;
    NN_TRY(nn_patch_begin(model->graph, "separate", reason, &patch));
    nn_status status = NN_OK;
    if (self->conv != NULL)
        patch_convolutions(patch, self, factors);
    else
        status = patch_products(patch, self, factors);
    if (status != NN_OK) {
        nn_patch_abort(patch);
        return status;
    }
    return nn_patch_apply(patch);
}

/* ---- measuring ---- */

/* Times models on the calibration data, one thread; `after` NULL: `before` alone. */
static nn_status measure(nn_model *before, nn_model *after, nn_dataset *data, nn_bench_pair *out) {
    nn_session *sessions[2] = {NULL, NULL};
    nn_session_options options = {.threads = 1};
    nn_status status = nn_session_open(before, &options, &sessions[0]);
    if (status == NN_OK && after != NULL) status = nn_session_open(after, &options, &sessions[1]);
    if (status == NN_OK)
        status = after != NULL
                     ? nn_bench_compare(sessions[0], sessions[1], data, trial_seconds, out)
                     : nn_bench_median(sessions[0], data, trial_seconds, &out->before);
    for (int i = 0; i < 2; i++) nnopt_session_destroy(sessions[i]);
    return status;
}

/* ---- one layer ---- */

static void refuse(separator *self, const nn_node *node, const char *reason) {
    cJSON *entry = nn_report_object(self->report, self->refused, NULL);
    nn_report_set_text(self->report, entry, "node", node->origin);
    nn_report_set_text(self->report, entry, "op", node->op_type);
    nn_report_set_text(self->report, entry, "reason", reason);
}

static nn_status find_factorization(separator *self, layer *of, nn_factorization *best,
                                    double *least_error) {
    int64_t positions = of->linear.side * POSITIONS_PER_COLUMN;
    nn_regression regression = {
        .model = self->model,
        .linear = &of->linear,
        .target_model = self->model,
        .target = of->linear.node->outputs[0]->name,
        .max_samples = nn_option_int(self->options, &table, "calib-samples"),
        .max_positions = positions > MIN_POSITIONS ? positions : MIN_POSITIONS,
        .seed = (uint64_t)nn_option_int(self->options, &table, "seed")};
    nn_moments moments;
    NN_TRY(nn_regress(&regression, self->calib, &moments));
    double *weights = nn_alloc((size_t)(of->linear.outputs * of->linear.side) * sizeof *weights);
    nn_status status = weights != NULL ? NN_OK : nn_fail_memory((size_t)of->linear.side);
    if (status == NN_OK) {
        nn_linear_get(&of->linear, 0, weights);
        of->source.weights = weights;
        of->source.moments = &moments;
        status =
            best_factorization(of, nn_option_number(self->options, &table, "max-error"),
                               nn_option_number(self->options, &table, "max-macs"),
                               nn_option_int(self->options, &table, "round-to"), best, least_error);
    }
    nn_moments_clear(&moments);
    nn_free(weights);
    return status;
}

static void accept(separator *self, const char *origin, const char *op_type,
                   const nn_factorization *factors, double predicted, double measured) {
    cJSON *change = nn_report_object(self->report, self->changes, NULL);
    nn_report_set_text(self->report, change, "node", origin);
    nn_report_set_text(self->report, change, "op", op_type);
    nn_report_set_text(self->report, change, "change", nn_factor_form_name(factors->form));
    nn_report_set_number(self->report, change, "rank", (double)factors->rank);
    nn_report_set_number(self->report, change, "error", factors->error);
    nn_report_set_number(self->report, change, "predicted_ms", 1e3 * predicted);
    nn_report_set_number(self->report, change, "measured_ms", 1e3 * measured);
}

/* A copy of the model with the rewrite in it. A model that has been run is never edited: its
 * sessions share what they made of it. */
static nn_status make_trial(const separator *self, const char *name,
                            const nn_factorization *factors, nn_model **out) {
    layer of = {0};
    NN_TRY(nn_model_derive(self->model, out));
    nn_status status = nn_graph_infer((*out)->graph);
    if (status == NN_OK) status = nn_graph_pin_constants((*out)->graph);
    nn_node *node = nn_graph_find_node((*out)->graph, name);
    if (status == NN_OK && (node == NULL || refusal(node, &of) != NULL))
        status = nn_fail(NN_INTERNAL, "node '%s': its copy cannot be separated", name);
    return status == NN_OK ? rewrite(*out, &of, factors) : status;
}

static nn_status judge_trial(separator *self, nn_node *node, const nn_factorization *factors,
                             double predicted) {
    char text[200];
    nn_bench_pair times = {.comparison = {.verdict = NN_FASTER}}; /* of what is not measured */
    nn_model *trial = NULL;
    nn_status status = make_trial(self, node->name, factors, &trial);
    if (status == NN_OK && !nn_option_flag(self->options, "no-measure"))
        status = measure(self->model, trial, self->calib, &times);
    if (status == NN_OK && times.comparison.verdict == NN_FASTER) {
        accept(self, node->origin, node->op_type, factors, predicted, times.before - times.after);
        nnopt_model_destroy(self->model);
        self->model = trial;
        return NN_OK;
    }
    nnopt_model_destroy(trial);
    NN_TRY(status);
    snprintf(text, sizeof text, "%s form of rank %lld: predicted %.3f ms less, measured %s",
             nn_factor_form_name(factors->form), (long long)factors->rank, 1e3 * predicted,
             nn_verdict_name(times.comparison.verdict));
    refuse(self, node, text);
    return NN_OK;
}

static nn_status try_layer(separator *self, nn_node *node, double macs) {
    layer of = {.macs = macs};
    const char *reason = refusal(node, &of);
    if (reason != NULL) {
        if (of.linear.node != NULL && of.linear.side > 0) refuse(self, node, reason);
        return NN_OK;
    }
    /* What a rewrite could save at most, at the rate of the whole model. */
    double seconds = macs / self->model_macs * self->model_seconds;
    if (seconds < least_saving * self->model_seconds) {
        refuse(self, node, "it takes too little of the time to matter");
        return NN_OK;
    }
    nn_factorization best;
    double least_error;
    NN_TRY(find_factorization(self, &of, &best, &least_error));
    if (best.first == NULL) {
        char text[200];
        snprintf(text, sizeof text,
                 "no form with fewer MACs is within the error bound (least error %.3f)",
                 least_error);
        refuse(self, node, text);
        return NN_OK;
    }
    double original = (double)(of.source.inputs * of.source.kernel_height * of.source.kernel_width *
                               of.source.outputs);
    nn_status status = judge_trial(self, node, &best, seconds * (1 - best.macs / original));
    nn_factorization_clear(&best);
    return status;
}

static bool is_wanted(const nnopt_options *options, const char *name) {
    if (nn_option_at(options, "node", 0) == NULL) return true;
    for (size_t i = 0; nn_option_at(options, "node", i) != NULL; i++)
        if (strcmp(nn_option_at(options, "node", i), name) == 0) return true;
    return false;
}

static nn_status check_nodes(const nn_model *model, const nnopt_options *options) {
    for (size_t i = 0; nn_option_at(options, "node", i) != NULL; i++) {
        const char *name = nn_option_at(options, "node", i);
        if (nn_graph_find_node(model->graph, name) == NULL)
            return nn_fail(NN_USAGE, "--node: the model has no node '%s'", name);
    }
    return NN_OK;
}

static nn_status try_layers(separator *self, const nn_graph *original) {
    double *macs = NULL;
    nn_bench_pair times = {0};
    NN_TRY(nn_node_macs(original, &macs));
    for (int64_t n = 0; n < original->node_count; n++) self->model_macs += macs[n];
    nn_status status = measure(self->model, NULL, self->calib, &times);
    self->model_seconds = times.before;
    for (int64_t n = 0; status == NN_OK && n < original->node_count; n++) {
        const char *name = original->nodes[n]->name;
        nn_node *node = nn_graph_find_node(self->model->graph, name);
        if (node == NULL || !is_wanted(self->options, name) || macs[n] <= 0) continue;
        nn_progress("separating", (double)n, (double)original->node_count, NULL);
        status = try_layer(self, node, macs[n]);
    }
    nn_free(macs);
    return status;
}

static nn_status run(nn_model *model, nn_dataset *calib, const nnopt_options *options,
                     nn_report *report, nn_model **out) {
    if (calib == NULL)
        return nn_fail(NN_USAGE,
                       "separate needs --calib: the error of a rewrite is judged on data");
    NN_TRY(check_nodes(model, options));
    nn_model *simple = NULL;
    NN_TRY(nn_simplify_model(model, "separate", &simple));
    separator self = {.model = nn_model_retain(simple),
                      .calib = calib,
                      .options = options,
                      .report = report,
                      .changes = nn_report_array(report, report->root, "changes"),
                      .refused = nn_report_array(report, report->root, "refused")};
    nn_status status = try_layers(&self, simple->graph);
    nnopt_model_destroy(simple);
    if (status == NN_OK) status = nn_graph_prune_unused(self.model->graph, "separate");
    if (status != NN_OK) {
        nnopt_model_destroy(self.model);
        return status;
    }
    *out = self.model;
    return NN_OK;
}

const nn_pass nn_pass_separate = {
    .name = "separate",
    .summary = "convolutions and products as two thinner ones, where that is faster",
    .options = {"separate", specs, sizeof specs / sizeof specs[0]},
    .predict = nn_predict_separate,
    .run = run,
};

nnopt_status nnopt_separate(nnopt_model *model, nnopt_dataset *calib, const nnopt_options *options,
                            nnopt_model **out, nnopt_report **report) {
    return nn_pass_run(&nn_pass_separate, model, calib, options, out, report);
}
