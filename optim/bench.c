/* nnopt_bench: end-to-end latency of one or several models, measured in turn. */
#include "base/memory.h"
#include "engine/measure/precision_difference.h"
#include "engine/measure/profile_report.h"
#include "engine/measure/streams.h"
#include "formats/dataset.h"
#include "optim/inputs.h"

#include <math.h>
#include <sys/resource.h>

NN_OPTION_TABLE(bench)

static const nn_option_spec bench_specs[] = {
    {"duration", NNOPT_OPTION_TIME, "S", "3", NULL, 0.01, INFINITY, false,
     "how long to measure, all models together"},
    {"iterations", NNOPT_OPTION_INT, "N", NULL, NULL, 1, 1e9, false,
     "runs of each model to measure, in place of a duration"},
    {"warmup", NNOPT_OPTION_INT, "N", NULL, NULL, 0, 1e9, false,
     "untimed runs of each model first (default: a tenth of the duration)"},
    {"streams", NNOPT_OPTION_INT, "N", "1", NULL, 1, NN_MAX_STREAMS, false,
     "sessions at work side by side on each device, for throughput"},
    {"seed", NNOPT_OPTION_INT, "N", "0", NULL, 0, 9e15, false, "seed of random inputs"},
};

enum { MAX_DEVICES = 16 };
NN_DEFINE_OPTION_TABLE(bench, bench_specs);

/* What the report says of one model beside its times. */
typedef struct bench_subject {
    nn_dataset *own_data;
    double session_seconds; /* lowering, plan and packing, where shapes are fixed */
    double prepare_seconds; /* the same with the first run */
    nn_streams_result streams;
    int64_t slab_bytes, packed_bytes, constant_bytes;
} bench_subject;

typedef struct bench_work {
    nnopt_model *const *models;
    const char *const *names;
    size_t count;
    nn_session_options session_options;      /* of the first device */
    nn_session_options devices[MAX_DEVICES]; /* one each */
    int device_count, streams;
    nn_bench_entry *entries;
    bench_subject *subjects;
    bool is_interrupted;
} bench_work;

static nn_status prepare_entry(bench_work *work, size_t index, nn_dataset *data,
                               const nnopt_options *options) {
    nn_bench_entry *entry = &work->entries[index];
    bench_subject *subject = &work->subjects[index];
    nn_model *model = work->models[index];
    nn_feed feed;
    nn_plan *plan = NULL;
    if (data == NULL)
        NN_TRY(nn_random_inputs(model, (uint64_t)nn_option_int(options, &nn_options_bench, "seed"),
                                1, options, &subject->own_data));
    else
        NN_TRY(nn_check_same_inputs(work->models[0], model, work->names[index]));
    entry->data = data != NULL ? data : subject->own_data;
    double start = nn_now();
    NN_TRY(nn_session_open(model, &work->session_options, &entry->session));
    subject->session_seconds = nn_now() - start;
    NN_TRY(nn_bench_warm(entry, 1));
    subject->prepare_seconds = nn_now() - start;
    NN_TRY(entry->data->read(entry->data, 0, &feed));
    NN_TRY(nn_session_plan(entry->session, feed.inputs, (size_t)model->graph->input_count, &plan));
    nn_plan_footprint(plan, &subject->constant_bytes);
    subject->slab_bytes = nn_plan_slab_bytes(plan);
    subject->packed_bytes = nn_plan_packed_bytes(plan);
    return NN_OK;
}

static bool has_streams(const bench_work *work) {
    return work->device_count * work->streams > 1;
}

static nn_status measure_streams(bench_work *work, double seconds) {
    for (size_t i = 0; i < work->count && has_streams(work); i++)
        NN_TRY(nn_bench_streams_of(work->models[i], work->devices, work->device_count,
                                   work->streams, work->entries[i].data,
                                   seconds / (double)work->count, &work->subjects[i].streams));
    return NN_OK;
}

static nn_status measure(bench_work *work, nn_dataset *data, const nnopt_options *options) {
    const nn_option_table *table = &nn_options_bench;
    int64_t iterations = nn_option_int(options, table, "iterations");
    bool has_duration = nn_option_has(options, "duration") || iterations == 0;
    double seconds = has_duration ? nn_option_time(options, table, "duration") : INFINITY;
    double warmup_seconds = has_duration ? 0.1 * seconds : 0.1;
    for (size_t i = 0; i < work->count; i++) {
        nn_status status = prepare_entry(work, i, data, options);
        if (status != NN_OK) return status;
    }
    if (nn_option_has(options, "warmup")) {
        warmup_seconds = 0;
        for (size_t i = 0; i < work->count; i++)
            NN_TRY(nn_bench_warm(&work->entries[i], nn_option_int(options, table, "warmup")));
    }
    nn_status status = nn_bench_interleaved(work->entries, (int64_t)work->count, seconds,
                                            iterations, warmup_seconds);
    if (status == NN_OK) return measure_streams(work, has_duration ? seconds : 1);
    if (status != NN_INTERRUPTED) return status;
    for (size_t i = 0; i < work->count; i++)
        if (work->entries[i].samples.count == 0) return status;
    work->is_interrupted = true; /* a shorter measurement is one, too */
    return NN_OK;
}

static void add_streams(nn_report *report, cJSON *parent, const bench_work *work,
                        const nn_streams_result *result) {
    cJSON *record = nn_report_object(report, parent, "side_by_side");
    nn_report_set_number(report, record, "devices", work->device_count);
    nn_report_set_number(report, record, "streams", work->streams);
    nn_report_set_number(report, record, "throughput", result->throughput);
    nn_report_add_latency(report, record, &result->run);
}

static nn_status add_result(nn_report *report, cJSON *results, const bench_work *work,
                            size_t index) {
    const nn_bench_entry *entry = &work->entries[index];
    const bench_subject *subject = &work->subjects[index];
    const nn_model *model = work->models[index];
    nn_statistics seconds;
    nn_comparison comparison;
    NN_TRY(nn_samples_statistics(&entry->samples, &seconds));
    cJSON *record = nn_report_object(report, results, NULL);
    nn_report_add_subject(report, record,
                          &(nn_subject){.model = work->names[index],
                                        .data = entry->data->name,
                                        .batch = entry->batch,
                                        .threads = nn_session_threads(entry->session),
                                        .device = work->session_options.device,
                                        .precision = work->session_options.precision});
    nn_report_add_latency(report, record, &seconds);
    nn_report_set_number(report, record, "throughput", (double)entry->batch / seconds.median);
    nn_report_set_number(
        report, record, "peak_memory_bytes",
        (double)(subject->slab_bytes + subject->packed_bytes + subject->constant_bytes));
    nn_report_set_number(report, record, "slab_bytes", (double)subject->slab_bytes);
    nn_report_set_number(report, record, "packed_bytes", (double)subject->packed_bytes);
    nn_report_set_number(report, record, "constant_bytes", (double)subject->constant_bytes);
    nn_report_set_number(report, record, "file_bytes", (double)model->file_bytes);
    nn_report_set_number(report, record, "load_ms", 1e3 * model->load_seconds);
    nn_report_set_number(report, record, "session_ms", 1e3 * subject->session_seconds);
    nn_report_set_number(report, record, "prepare_ms", 1e3 * subject->prepare_seconds);
    NN_TRY(nn_report_add_precision_difference(report, record, entry->session,
                                              &work->session_options, entry->data));
    if (has_streams(work)) add_streams(report, record, work, &subject->streams);
    if (index == 0) return NN_OK;
    NN_TRY(nn_samples_compare(&work->entries[0].samples, &entry->samples, &comparison));
    cJSON *versus = nn_report_object(report, record, "versus_first");
    nn_report_set_number(report, versus, "ratio", comparison.ratio);
    nn_report_set_number(report, versus, "low", comparison.low);
    nn_report_set_number(report, versus, "high", comparison.high);
    nn_report_set_text(report, versus, "verdict", nn_verdict_name(comparison.verdict));
    return NN_OK;
}

/* The most memory that the process has had in use, whatever for. */
static double process_peak_bytes(void) {
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? 1024.0 * (double)usage.ru_maxrss : 0;
}

static nn_status make_report(const bench_work *work, nn_report **out) {
    nn_report *report = NULL;
    NN_TRY(nn_report_create("bench", &report));
    nn_report_set_bool(report, report->root, "interrupted", work->is_interrupted);
    nn_report_set_number(report, report->root, "process_peak_bytes", process_peak_bytes());
    cJSON *results = nn_report_array(report, report->root, "results");
    for (size_t i = 0; i < work->count; i++) {
        nn_status status = add_result(report, results, work, i);
        if (status != NN_OK) {
            nnopt_report_destroy(report);
            return status;
        }
    }
    return nn_report_finish(report, out);
}

nnopt_status nnopt_bench(nnopt_model *const *models, const char *const *names, size_t count,
                         nnopt_dataset *data, const nnopt_options *options, nnopt_report **out) {
    const nn_option_table *const tables[] = {&nn_options_bench, &nn_options_session,
                                             &nn_options_dataset};
    bench_work work = {.models = models, .names = names, .count = count};
    if (models == NULL || names == NULL || count == 0 || out == NULL)
        return nn_fail(NN_USAGE, "bench needs a model");
    *out = NULL;
    NN_TRY(nn_options_check(options, tables, 3));
    NN_TRY(nn_session_options_read_each(options, work.devices, MAX_DEVICES, &work.device_count));
    work.session_options = work.devices[0];
    work.streams = (int)nn_option_int(options, &nn_options_bench, "streams");
    work.entries = nn_alloc_zero(count * sizeof *work.entries);
    work.subjects = nn_alloc_zero(count * sizeof *work.subjects);
    nn_status status = work.entries != NULL && work.subjects != NULL
                           ? measure(&work, data, options)
                           : nn_fail_memory(count * sizeof *work.entries);
    if (status == NN_OK) status = make_report(&work, out);
    if (status == NN_OK && work.is_interrupted)
        status = nn_fail(NN_INTERRUPTED, "interrupted after %lld runs of each model",
                         (long long)work.entries[0].samples.count);
    for (size_t i = 0; i < count && work.entries != NULL && work.subjects != NULL; i++) {
        nn_samples_clear(&work.entries[i].samples);
        nnopt_session_destroy(work.entries[i].session);
        nnopt_dataset_destroy(work.subjects[i].own_data);
    }
    nn_free(work.entries);
    nn_free(work.subjects);
    return status;
}
