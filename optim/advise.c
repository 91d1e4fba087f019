/* nnopt_profile: where the time goes, what holds it, and what each pass predicts to save. */
#include "base/memory.h"
#include "engine/measure/precision_difference.h"
#include "engine/measure/profile_report.h"
#include "formats/dataset.h"
#include "optim/inputs.h"
#include "optim/pass.h"

#include <math.h>
#include <stdio.h>

NN_OPTION_TABLE(profile)

static const nn_option_spec profile_specs[] = {
    {"duration", NNOPT_OPTION_TIME, "S", "3", NULL, 0.01, INFINITY, false,
     "how long to measure; the experiments take about as long again"},
    {"iterations", NNOPT_OPTION_INT, "N", NULL, NULL, 1, 1e9, false,
     "runs to measure, in place of a duration"},
    {"warmup", NNOPT_OPTION_INT, "N", NULL, NULL, 0, 1e9, false,
     "untimed runs first (default: a tenth of the duration)"},
    {"seed", NNOPT_OPTION_INT, "N", "0", NULL, 0, 9e15, false, "seed of random inputs"},
};
NN_DEFINE_OPTION_TABLE(profile, profile_specs);

/* Enough samples for the larger batch that an experiment tries. */
enum { RANDOM_BATCHES = 8 };

typedef struct profile_work {
    nn_session_options session_options;
    nn_session *session;
    nn_dataset *data, *own_data;
    nn_profile profile;
    nn_diagnosis diagnosis;
} profile_work;

static nn_status open_data(profile_work *work, nn_model *model, nnopt_dataset *data,
                           const nnopt_options *options) {
    work->data = data;
    if (data != NULL) return NN_OK;
    uint64_t seed = (uint64_t)nn_option_int(options, &nn_options_profile, "seed");
    NN_TRY(nn_random_inputs(model, seed, RANDOM_BATCHES, options, &work->own_data));
    work->data = work->own_data;
    return NN_OK;
}

/* ---- advice ---- */

/* The class whose advice a pass belongs to: the largest that work on nodes can change. */
static nn_bottleneck_class addressed_class(const nn_diagnosis *diagnosis) {
    for (int i = 0; i < NN_BOTTLENECK_CLASSES; i++) {
        nn_bottleneck_class class = diagnosis->items[i].class;
        if (class == NN_COMPUTE || class == NN_MEMORY_BANDWIDTH || class == NN_INEFFICIENT_LAYER ||
            class == NN_DISPATCH_OVERHEAD)
            return class;
    }
    return NN_COMPUTE;
}

static void add_prediction(nn_report *report, cJSON *advice, const nn_pass *pass,
                           const nn_predictions *predictions, double saved) {
    cJSON *record = nn_report_object(report, advice, NULL);
    nn_report_set_text(report, record, "technique", pass->name);
    nn_report_set_text(report, record, "summary", pass->summary);
    nn_report_set_number(report, record, "saved_ms", 1e3 * saved);
    cJSON *nodes = nn_report_array(report, record, "nodes");
    for (int64_t i = 0; i < predictions->count; i++) {
        cJSON *node = nn_report_object(report, nodes, NULL);
        nn_report_set_text(report, node, "node", predictions->items[i].node);
        nn_report_set_number(report, node, "saved_ms", 1e3 * predictions->items[i].saved_seconds);
        nn_report_set_text(report, node, "reason", predictions->items[i].reason);
    }
}

static nn_status predict_pass(profile_work *work, const nn_model *model, const nn_pass *pass,
                              nn_predictions *predictions, double *saved) {
    *saved = 0;
    NN_TRY(pass->predict(model, &work->profile, NULL, predictions));
    for (int64_t i = 0; i < predictions->count; i++)
        *saved += fmax(0, predictions->items[i].saved_seconds);
    if (*saved <= 0) return NN_OK;
    char text[256];
    snprintf(text, sizeof text, "%s should save %.3f ms (predicted)", pass->name, 1e3 * *saved);
    return nn_diagnosis_advise(&work->diagnosis, addressed_class(&work->diagnosis),
                               &(nn_advice){pass->name, text, *saved});
}

/* Predictions of every pass: into the diagnosis first, then per node into the report. */
static nn_status make_report(profile_work *work, const nn_model *model, const nn_subject *subject,
                             nn_report **out) {
    enum { MOST_PASSES = 32 };
    nn_predictions predictions[MOST_PASSES] = {0};
    const nn_pass *const *passes = nn_pass_table;
    double saved[MOST_PASSES] = {0};
    nn_report *report = NULL;
    nn_status status = NN_OK;
    for (int i = 0; i < MOST_PASSES && passes[i] != NULL && status == NN_OK; i++)
        if (passes[i]->predict != NULL)
            status = predict_pass(work, model, passes[i], &predictions[i], &saved[i]);
    if (status == NN_OK)
        status = nn_profile_report(&work->profile, &work->diagnosis, subject, &report);
    if (status == NN_OK) {
        status = nn_report_add_precision_difference(report, report->root, work->session,
                                                    &work->session_options, work->data);
        if (status != NN_OK) nnopt_report_destroy(report);
    }
    if (status == NN_OK) {
        cJSON *advice = nn_report_array(report, report->root, "advice");
        for (int i = 0; i < MOST_PASSES && passes[i] != NULL; i++)
            if (predictions[i].count > 0)
                add_prediction(report, advice, passes[i], &predictions[i], saved[i]);
        status = nn_report_finish(report, out);
    }
    for (int i = 0; i < MOST_PASSES; i++) nn_predictions_clear(&predictions[i]);
    return status;
}

/* ---- the function ---- */

static nn_status run_profile(profile_work *work, nn_model *model, nnopt_dataset *data,
                             const nnopt_options *options) {
    const nn_option_table *table = &nn_options_profile;
    double seconds = nn_option_time(options, table, "duration");
    int64_t iterations = nn_option_int(options, table, "iterations");
    double warmup_seconds = nn_option_has(options, "warmup") ? 0 : 0.1 * seconds;
    NN_TRY(nn_session_options_read(options, &work->session_options));
    NN_TRY(open_data(work, model, data, options));
    NN_TRY(nn_session_open(model, &work->session_options, &work->session));
    if (nn_option_has(options, "warmup")) {
        nn_bench_entry entry = {.session = work->session, .data = work->data};
        NN_TRY(nn_bench_warm(&entry, nn_option_int(options, table, "warmup")));
    }
    NN_TRY(nn_profile_run(work->session, work->data, seconds, iterations, warmup_seconds,
                          &work->profile));
    double experiment_seconds =
        iterations > 0 ? fmin(seconds, 5 * (double)iterations * work->profile.total.median)
                       : seconds;
    return nn_diagnose(&work->profile, model, &work->session_options, work->data, data != NULL,
                       experiment_seconds, &work->diagnosis);
}

nnopt_status nnopt_profile(nnopt_model *model, nnopt_dataset *data, const nnopt_options *options,
                           nnopt_report **out) {
    const nn_option_table *const tables[] = {&nn_options_profile, &nn_options_session,
                                             &nn_options_dataset};
    profile_work work = {0};
    if (model == NULL || out == NULL) return nn_fail(NN_USAGE, "profile needs a model");
    NN_TRY(nn_options_check(options, tables, 3));
    nn_status status = run_profile(&work, model, data, options);
    if (status == NN_OK) {
        nn_subject subject = {.model = nn_base_name(model->path),
                              .data = work.data->name,
                              .batch = work.profile.batch,
                              .threads = work.profile.threads,
                              .device = work.session_options.device,
                              .precision = work.session_options.precision};
        status = make_report(&work, model, &subject, out);
    }
    nn_diagnosis_clear(&work.diagnosis);
    nn_profile_clear(&work.profile);
    nnopt_session_destroy(work.session);
    nnopt_dataset_destroy(work.own_data);
    return status;
}
