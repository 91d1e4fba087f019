#include "engine/compare/compare.h"

#include "base/memory.h"

#include <math.h>

/* Whole runs and instrumented runs get half of the time each; experiments, a tenth a model. */
static const double experiment_share = 0.1;

static nn_status open_model(nn_compared *compared) {
    NN_TRY(nn_session_open(compared->model, &compared->options, &compared->session));
    compared->bench = (nn_bench_entry){.session = compared->session, .data = compared->data};
    return nn_bench_warm(&compared->bench, 1);
}

static nn_status judge_quality(nn_compared *models, int64_t count,
                               const nn_compare_settings *settings) {
    if (settings->evaluation == NULL) return NN_OK;
    bool needs_base = settings->evaluation->metric->needs == NN_METRIC_BASE;
    for (int64_t i = needs_base ? 1 : 0; i < count; i++) {
        nn_status status = nn_evaluate(models[i].session, models[0].session, models[i].data,
                                       settings->evaluation, &models[i].quality);
        if (status != NN_OK) return nn_fail_context(status, "%s", models[i].name);
        models[i].has_quality = true;
    }
    return NN_OK;
}

static nn_status measure_whole(nn_compared *models, int64_t count,
                               const nn_compare_settings *settings) {
    nn_bench_entry entries[NN_MAX_COMPARED];
    for (int64_t i = 0; i < count; i++) entries[i] = models[i].bench;
    nn_status status = nn_bench_interleaved(entries, count, 0.5 * settings->seconds,
                                            settings->iterations, 0.5 * settings->warmup_seconds);
    for (int64_t i = 0; i < count; i++) models[i].bench = entries[i];
    return status;
}

static nn_status measure_rows(nn_compared *models, int64_t count,
                              const nn_compare_settings *settings) {
    nn_profile_entry entries[NN_MAX_COMPARED];
    for (int64_t i = 0; i < count; i++)
        entries[i] = (nn_profile_entry){.session = models[i].session, .data = models[i].data};
    NN_TRY(nn_profile_interleaved(entries, count, 0.5 * settings->seconds, settings->iterations,
                                  0.5 * settings->warmup_seconds));
    for (int64_t i = 0; i < count; i++) models[i].profile = entries[i].profile;
    return NN_OK;
}

nn_status nn_compare_measure(nn_compared *models, int64_t count,
                             const nn_compare_settings *settings) {
    if (count < 2 || count > NN_MAX_COMPARED)
        return nn_fail(NN_USAGE, "compare takes 2 to %d models, not %lld", NN_MAX_COMPARED,
                       (long long)count);
    for (int64_t i = 0; i < count; i++) {
        nn_status status = open_model(&models[i]);
        if (status != NN_OK) return nn_fail_context(status, "%s", models[i].name);
    }
    NN_TRY(judge_quality(models, count, settings));
    NN_TRY(measure_whole(models, count, settings));
    NN_TRY(measure_rows(models, count, settings));
    double seconds = settings->iterations > 0 ? 0.1 : experiment_share * settings->seconds;
    for (int64_t i = 0; i < count; i++)
        NN_TRY(nn_diagnose(&models[i].profile, models[i].model, &models[i].options, models[i].data,
                           settings->reads_files, seconds, &models[i].diagnosis));
    return NN_OK;
}

void nn_compared_clear(nn_compared *models, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        nnopt_session_destroy(models[i].session);
        nn_samples_clear(&models[i].bench.samples);
        nn_profile_clear(&models[i].profile);
        nn_diagnosis_clear(&models[i].diagnosis);
        nn_quality_clear(&models[i].quality);
        models[i] = (nn_compared){0};
    }
}

double nn_mcnemar(int64_t gained, int64_t lost) {
    int64_t trials = gained + lost, fewer = gained < lost ? gained : lost;
    double sum = 0, half = (double)trials * log(0.5);
    for (int64_t i = 0; i <= fewer; i++)
        sum += exp(lgamma((double)trials + 1) - lgamma((double)i + 1) -
                   lgamma((double)(trials - i) + 1) + half);
    return fmin(1, 2 * sum);
}
