/* nnopt_compare: options in, models measured in turn, report out. */
#include "engine/compare/compare.h"

#include "base/memory.h"
#include "formats/dataset.h"
#include "optim/inputs.h"

#include <math.h>

NN_OPTION_TABLE(compare)

static const nn_option_spec compare_specs[] = {
    {"duration", NNOPT_OPTION_TIME, "S", "6", NULL, 0.01, INFINITY, false,
     "how long to measure, all models together; judging quality comes on top"},
    {"iterations", NNOPT_OPTION_INT, "N", NULL, NULL, 1, 1e9, false,
     "runs of each model to measure, in place of a duration"},
    {"warmup", NNOPT_OPTION_TIME, "S", NULL, NULL, 0, INFINITY, false,
     "how long to run untimed first (default: a tenth of the duration)"},
    {"seed", NNOPT_OPTION_INT, "N", "0", NULL, 0, 9e15, false, "seed of random inputs"},
};
NN_DEFINE_OPTION_TABLE(compare, compare_specs);

/* Enough runs of random inputs for the larger batch that a diagnosis tries. */
enum { RANDOM_RUNS = 8 };

typedef struct compare_work {
    nn_compared models[NN_MAX_COMPARED];
    int64_t count;
    char *own_names[NN_MAX_COMPARED];            /* where one model runs on several devices */
    nn_session_options options[NN_MAX_COMPARED]; /* by device */
    int device_count;
    nn_dataset *own_data;
    nn_evaluation evaluation;
    nn_compare_settings settings;
} compare_work;

/* Random inputs say how fast a model is, not how good. */
static nn_status choose_evaluation(compare_work *work, const nn_dataset *data,
                                   const nnopt_options *options) {
    if (data == NULL) {
        static const char *const names[] = {"metric", "output", "class-axis"};
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
            if (nn_option_has(options, names[i]))
                return nn_fail(NN_USAGE, "--%s needs --data to judge by", names[i]);
        return NN_OK;
    }
    NN_TRY(nn_evaluation_read(options, data->has_labels, true, &work->evaluation));
    work->settings.evaluation = &work->evaluation;
    return NN_OK;
}

static nn_status read_settings(compare_work *work, const nn_dataset *data,
                               const nnopt_options *options) {
    const nn_option_table *table = &nn_options_compare;
    nn_compare_settings *settings = &work->settings;
    NN_TRY(
        nn_session_options_read_each(options, work->options, NN_MAX_COMPARED, &work->device_count));
    settings->seconds = nn_option_time(options, table, "duration");
    settings->iterations = nn_option_int(options, table, "iterations");
    settings->warmup_seconds = nn_option_has(options, "warmup")
                                   ? nn_option_time(options, table, "warmup")
                                   : 0.1 * settings->seconds;
    settings->reads_files = data != NULL;
    return choose_evaluation(work, data, options);
}

/* One device runs all models, several run one model each, or all the same. */
static nn_status count_models(compare_work *work, int64_t models) {
    work->count = models;
    if (work->device_count > 1 && models == 1) work->count = work->device_count;
    if (work->device_count > 1 && work->count != work->device_count)
        return nn_fail(NN_USAGE, "%d devices are given for %lld models", work->device_count,
                       (long long)models);
    if (work->count < 2)
        return nn_fail(NN_USAGE, "compare takes a model on several devices, or 2 to %d models",
                       NN_MAX_COMPARED);
    return NN_OK;
}

/* "model.onnx on NVIDIA H200". */
static nn_status name_device(compare_work *work, int64_t index, const char *name) {
    nn_compared *compared = &work->models[index];
    nn_device_info info = {.name = "cpu"};
    nn_device *device = compared->options.device;
    if (device != NULL) device->calls->info(device, &info);
    compared->name = work->own_names[index] = nn_format("%s on %s", name, info.name);
    return compared->name != NULL ? NN_OK : nn_fail_memory(strlen(name) + sizeof info.name);
}

static nn_status add_models(compare_work *work, nnopt_model *const *models, int64_t model_count,
                            const char *const *names, nn_dataset *data,
                            const nnopt_options *options) {
    uint64_t seed = (uint64_t)nn_option_int(options, &nn_options_compare, "seed");
    if (data == NULL)
        NN_TRY(nn_random_inputs(models[0], seed, RANDOM_RUNS, options, &work->own_data));
    for (int64_t i = 0; i < work->count; i++) {
        const int64_t m = model_count > 1 ? i : 0;
        NN_TRY(nn_check_same_inputs(models[0], models[m], names[m]));
        work->models[i] = (nn_compared){.name = names[m],
                                        .options = work->options[work->device_count > 1 ? i : 0],
                                        .model = models[m],
                                        .data = data != NULL ? data : work->own_data};
        if (model_count == 1) NN_TRY(name_device(work, i, names[0]));
    }
    return NN_OK;
}

static nn_status make_report(const compare_work *work, nnopt_report **out) {
    nn_report *report = NULL;
    NN_TRY(nn_report_create("compare", &report));
    nn_status status = nn_compare_report(report, work->models, work->count, &work->settings);
    if (status == NN_OK) return nn_report_finish(report, out);
    nnopt_report_destroy(report);
    return status;
}

nnopt_status nnopt_compare(nnopt_model *const *models, const char *const *names, size_t count,
                           nnopt_dataset *data, const nnopt_options *options, nnopt_report **out) {
    const nn_option_table *const tables[] = {&nn_options_compare, &nn_options_eval,
                                             &nn_options_session, &nn_options_dataset};
    if (models == NULL || names == NULL || out == NULL)
        return nn_fail(NN_USAGE, "compare needs models");
    if (count < 1 || count > NN_MAX_COMPARED)
        return nn_fail(NN_USAGE, "compare takes 1 to %d models, not %zu", NN_MAX_COMPARED, count);
    NN_TRY(nn_options_check(options, tables, 4));
    compare_work work = {0};
    nn_status status = read_settings(&work, data, options);
    if (status == NN_OK) status = count_models(&work, (int64_t)count);
    if (status == NN_OK) status = add_models(&work, models, (int64_t)count, names, data, options);
    if (status == NN_OK) status = nn_compare_measure(work.models, work.count, &work.settings);
    if (status == NN_OK) status = make_report(&work, out);
    nn_compared_clear(work.models, work.count);
    for (int i = 0; i < NN_MAX_COMPARED; i++) nn_free(work.own_names[i]);
    nnopt_dataset_destroy(work.own_data);
    return status;
}
