/* The pass "quantize": int8 in the form that fits the data at hand. */
#include "engine/graph/patch.h"
#include "engine/transform/raise_opset.h"
#include "optim/pass.h"
#include "optim/predict.h"
#include "optim/quantize_dynamic.h"
#include "optim/quantize_static.h"
#include "optim/simplify.h"

static const nn_option_spec specs[] = {
    {.name = "mode",
     .kind = NNOPT_OPTION_CHOICE,
     .metavar = "MODE",
     .choices = "static|dynamic|weights",
     .help = "static int8 needs --calib; dynamic finds ranges per run; weights stores int8 only "
             "(default: static with --calib, else dynamic)"},
    {.name = "range",
     .kind = NNOPT_OPTION_CHOICE,
     .metavar = "METHOD",
     .fallback = "mse",
     .choices = "mse|minmax|percentile|kl",
     .help = "how activation ranges follow from the calibration data"},
    {.name = "activations",
     .kind = NNOPT_OPTION_CHOICE,
     .metavar = "TYPE",
     .fallback = "int8",
     .choices = "int8|uint8",
     .help = "type of 8-bit activations"},
    {.name = "per-tensor",
     .kind = NNOPT_OPTION_FLAG,
     .help = "one weight scale a tensor, not a channel"},
    {.name = "keep-float",
     .kind = NNOPT_OPTION_TEXT,
     .metavar = "NODE",
     .repeatable = true,
     .help = "a node that stays float"},
    {.name = "calib-samples",
     .kind = NNOPT_OPTION_INT,
     .metavar = "N",
     .fallback = "512",
     .minimum = 0,
     .maximum = 1e9,
     .help = "calibrate on the first N samples (0: all)"},
};

static const nn_option_table table = {"quantize", specs, sizeof specs / sizeof specs[0]};

static nn_range_method range_method(const char *name) {
    if (strcmp(name, "minmax") == 0) return NN_RANGE_MINMAX;
    if (strcmp(name, "percentile") == 0) return NN_RANGE_PERCENTILE;
    return strcmp(name, "kl") == 0 ? NN_RANGE_KL : NN_RANGE_MSE;
}

static nn_status read_options(const nn_model *model, const nnopt_options *options,
                              nn_static_options *out) {
    out->method = range_method(nn_option_text(options, &table, "range"));
    out->activation_type = strcmp(nn_option_text(options, &table, "activations"), "uint8") == 0
                               ? NNOPT_UINT8
                               : NNOPT_INT8;
    out->per_channel = !nn_option_flag(options, "per-tensor");
    out->max_samples = nn_option_int(options, &table, "calib-samples");
    int64_t count = 0;
    while (nn_option_at(options, "keep-float", (size_t)count) != NULL) count++;
    const char **names = nn_alloc(((size_t)count + 1) * sizeof *names);
    if (names == NULL) return nn_fail_memory((size_t)count * sizeof *names);
    out->keep_float = names;
    out->keep_float_count = count;
    for (int64_t i = 0; i < count; i++) {
        names[i] = nn_option_at(options, "keep-float", (size_t)i);
        if (nn_graph_find_node(model->graph, names[i]) == NULL)
            return nn_fail(NN_USAGE, "--keep-float: the model has no node '%s'", names[i]);
    }
    return NN_OK;
}

static nn_status run(nn_model *model, nn_dataset *calib, const nnopt_options *options,
                     nn_report *report, nn_model **out) {
    const char *mode = nn_option_text(options, &table, "mode");
    if (mode == NULL) {
        mode = calib != NULL ? "static" : "dynamic";
        if (calib == NULL)
            nn_log(NNOPT_LOG_WARNING,
                   "quantize: no calibration data, so ranges are found at each run; "
                   "--calib would make convolutions int8 too and save that work");
    }
    if (strcmp(mode, "static") == 0 && calib == NULL)
        return nn_fail(NN_USAGE,
                       "--mode static needs --calib (or --random, to try the speed alone)");

    nn_static_options settings = {0};
    nn_model *result = NULL;
    nn_status status = read_options(model, options, &settings);
    if (status == NN_OK) status = nn_simplify_model(model, "quantize", &result);
    if (status == NN_OK) status = nn_raise_opset(result->graph, "quantize");
    if (status == NN_OK) {
        if (strcmp(mode, "static") == 0)
            status = nn_quantize_static(result, calib, &settings, report);
        else if (strcmp(mode, "dynamic") == 0)
            status = nn_quantize_dynamic(result, &settings, report);
        else
            status = nn_quantize_weights_only(result, &settings, report);
    }
    if (status == NN_OK) status = nn_graph_prune_unused(result->graph, "quantize");
    if (status == NN_OK) {
        nn_report_set_text(report, report->root, "mode", mode);
        nn_report_set_text(report, report->root, "calibration", calib != NULL ? calib->name : NULL);
        if (cJSON_GetArraySize(cJSON_GetObjectItem(report->root, "changes")) == 0)
            status = nn_fail(NN_CHECK, "quantize: no node of the model can become int8 in mode %s",
                             mode);
    }
    nn_free((void *)settings.keep_float);
    if (status != NN_OK) {
        nnopt_model_destroy(result);
        return status;
    }
    *out = result;
    return NN_OK;
}

const nn_pass nn_pass_quantize = {
    .name = "quantize",
    .summary = "int8 weights and activations, placed so that other runtimes fuse them",
    .options = {"quantize", specs, sizeof specs / sizeof specs[0]},
    .predict = nn_predict_quantize,
    .run = run,
};

nnopt_status nnopt_quantize(nnopt_model *model, nnopt_dataset *calib, const nnopt_options *options,
                            nnopt_model **out, nnopt_report **report) {
    return nn_pass_run(&nn_pass_quantize, model, calib, options, out, report);
}
