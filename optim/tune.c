/* nnopt_tune: batch size and threads, and on a device streams and precision, for latency or
 * throughput, with the measured curve. */
#include "base/options.h"
#include "engine/measure/measure.h"
#include "engine/measure/profile.h"
#include "engine/measure/streams.h"
#include "engine/report.h"
#include "formats/dataset.h"

#include <stdio.h>

static const nn_option_spec specs[] = {
    {.name = "goal",
     .kind = NNOPT_OPTION_CHOICE,
     .metavar = "GOAL",
     .fallback = "throughput",
     .choices = "latency|throughput",
     .help = "what to tune for"},
    {.name = "max-batch",
     .kind = NNOPT_OPTION_INT,
     .metavar = "N",
     .fallback = "64",
     .minimum = 1,
     .maximum = 65536,
     .help = "largest batch size to try"},
    {.name = "duration",
     .kind = NNOPT_OPTION_TIME,
     .metavar = "TIME",
     .fallback = "0.5",
     .minimum = 0.01,
     .maximum = 3600,
     .help = "time for each point of the curve"},
    {.name = "seed",
     .kind = NNOPT_OPTION_INT,
     .metavar = "N",
     .fallback = "0",
     .minimum = 0,
     .maximum = 9e15,
     .help = "seed of random inputs"},
};

NN_OPTION_TABLE(tune)
NN_DEFINE_OPTION_TABLE(tune, specs);

enum { MAX_POINTS = 128, MAX_CONDITIONS = 32 };

/* A batch twice as large must give this much more, or the curve is flat. */
static const double least_gain = 1.02;
/* The knee: the smallest batch that reaches this part of the best throughput. */
static const double knee_part = 0.95;
/* A point is tried only when it would leave this part of the free memory. */
static const double memory_reserve = 0.2;

/* What is held while the batch grows. */
typedef struct condition {
    int threads, streams;
    nn_precision precision;
} condition;

typedef struct point {
    int64_t batch;
    condition at;
    nn_statistics run; /* seconds of a run */
    double throughput; /* samples per second */
    int64_t memory;    /* bytes of a plan */
    bool is_knee;
} point;

typedef struct tuner {
    nn_model *model;
    nn_dataset *data; /* NULL: random inputs */
    const nnopt_options *options;
    nn_session_options session;
    point points[MAX_POINTS];
    int count;
    bool is_interrupted;
    const char *stopped; /* why larger batches were not tried; NULL: they were */
    char stopped_text[200];
} tuner;

/* Memory that this process could still take. */
static int64_t available_host_memory(void) {
    FILE *file = fopen("/proc/meminfo", "r");
    long long kilobytes = -1;
    char line[200];
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "MemAvailable: %lld kB", &kilobytes) == 1) break;
    if (file != NULL) fclose(file);
    return kilobytes >= 0 ? kilobytes * 1024 : -1;
}

static int64_t available_memory(const tuner *self) {
    nn_device *device = self->session.device;
    nn_device_info info;
    if (device == NULL) return available_host_memory();
    device->calls->info(device, &info);
    return info.free_bytes;
}

static nn_status open_data(tuner *self, int64_t batch, nn_dataset **out) {
    if (self->data != NULL) return nn_dataset_rebatch(self->data, batch, out);
    char text[32];
    nnopt_options *options = NULL;
    NN_TRY(nnopt_options_create(&options));
    snprintf(text, sizeof text, "%lld", (long long)batch);
    nn_status status = nnopt_options_set(options, "batch", text);
    if (status == NN_OK)
        status = nnopt_dataset_random(
            self->model, (uint64_t)nn_option_int(self->options, &nn_options_tune, "seed"), batch,
            options, out);
    nnopt_options_destroy(options);
    return status;
}

static void announce(const point *at) {
    char line[160];
    snprintf(line, sizeof line, "batch %lld, %d threads, %d streams, %s: %.4g ms, %.4g samples/s",
             (long long)at->batch, at->at.threads, at->at.streams,
             nn_precision_name(at->at.precision), 1e3 * at->run.median, at->throughput);
    nn_progress("tuning", 0, 0, line);
}

static nn_status measure_alone(tuner *self, const nn_session_options *options, nn_dataset *data,
                               double seconds, point *at) {
    nn_bench_entry entry = {.data = data};
    nn_plan *plan = NULL;
    nn_feed feed;
    nn_status status = nn_session_open(self->model, options, &entry.session);
    if (status == NN_OK) status = data->read(data, 0, &feed);
    if (status == NN_OK)
        status = nn_session_plan(entry.session, feed.inputs, (size_t)data->input_count, &plan);
    if (status == NN_OK) {
        int64_t constants;
        at->memory = options->device != NULL
                         ? nn_plan_device_slab_bytes(plan) + nn_plan_packed_bytes(plan)
                         : nn_plan_footprint(plan, &constants);
        if (at->at.streams == 1) status = nn_bench_interleaved(&entry, 1, seconds, 0, seconds / 8);
    }
    if (status == NN_OK && at->at.streams == 1)
        status = nn_samples_statistics(&entry.samples, &at->run);
    if (status == NN_OK && at->at.streams == 1) at->throughput = (double)at->batch / at->run.median;
    nn_samples_clear(&entry.samples);
    nnopt_session_destroy(entry.session);
    return status;
}

/* Measures one point; adds it to the list. */
static nn_status measure_point(tuner *self, int64_t batch, const condition *held) {
    nn_dataset *data = NULL;
    nn_session_options options = self->session;
    nn_streams_result together;
    point *at = &self->points[self->count];
    *at = (point){.batch = batch, .at = *held};
    options.threads = held->threads;
    options.precision = held->precision;
    double seconds = nn_option_time(self->options, &nn_options_tune, "duration");
    NN_TRY(nn_check_interrupt());
    NN_TRY(open_data(self, batch, &data));
    nn_status status = measure_alone(self, &options, data, seconds, at);
    if (status == NN_OK && held->streams > 1) {
        status =
            nn_bench_streams_of(self->model, &options, 1, held->streams, data, seconds, &together);
        at->run = together.run;
        at->throughput = together.throughput;
        at->memory *= held->streams;
    }
    if (status == NN_OK) {
        self->count++;
        announce(at);
    }
    nnopt_dataset_destroy(data);
    return status;
}

static bool has_symbolic_batch(const nn_model *model) {
    for (int64_t i = 0; i < model->graph->input_count; i++) {
        const nn_fact *fact = &model->graph->inputs[i]->fact;
        if (fact->rank > 0 && !nn_dim_is_known(fact->dims[0])) return true;
    }
    return false;
}

/* Doubles the batch until it no longer pays, the data end, or the next point would not fit in
 * memory. */
static nn_status measure_curve(tuner *self, const condition *held, int64_t max_batch) {
    double best = 0;
    int64_t last_memory = 0;
    for (int64_t batch = 1, flat = 0; batch <= max_batch && flat < 2; batch *= 2) {
        int64_t available = available_memory(self);
        if (available >= 0 &&
            last_memory * 2 > (int64_t)((1 - memory_reserve) * (double)available)) {
            snprintf(self->stopped_text, sizeof self->stopped_text,
                     "batch %lld needs about %.0f MB, %.0f MB are free", (long long)batch,
                     2e-6 * (double)last_memory, 1e-6 * (double)available);
            self->stopped = self->stopped_text;
            return NN_OK;
        }
        if (self->count == MAX_POINTS) return NN_OK;
        nn_progress("tuning", (double)batch, (double)max_batch, NULL);
        nn_status status = measure_point(self, batch, held);
        if (status == NN_NO_MEMORY && batch > 1) {
            snprintf(self->stopped_text, sizeof self->stopped_text, "batch %lld: %s",
                     (long long)batch, nnopt_last_error());
            self->stopped = self->stopped_text;
            return NN_OK;
        }
        NN_TRY(status);
        const point *at = &self->points[self->count - 1];
        last_memory = at->memory;
        flat = at->throughput < best * least_gain ? flat + 1 : 0;
        if (flat == 2) self->stopped = "larger batches no longer gain";
        if (at->throughput > best) best = at->throughput;
    }
    return NN_OK;
}

static int list_threads(int cores, condition *out, nn_precision precision) {
    int count = 0;
    for (int t = 1; t < cores && count + 1 < MAX_CONDITIONS; t *= 2)
        out[count++] = (condition){t, 1, precision};
    out[count++] = (condition){cores, 1, precision};
    return count;
}

/* On a device the CPU's threads do next to nothing; streams fill what one run leaves idle. */
static int list_streams(const tuner *self, bool latency, condition *out) {
    static const nn_precision precisions[] = {NN_PRECISION_FP32, NN_PRECISION_TF32,
                                              NN_PRECISION_FP16};
    const bool is_given = nn_option_has(self->options, "precision");
    int count = 0;
    for (int p = 0; p < (is_given ? 1 : 3); p++)
        for (int streams = 1; streams <= (latency ? 1 : 4); streams *= 2)
            out[count++] = (condition){self->session.threads, streams,
                                       is_given ? self->session.precision : precisions[p]};
    return count;
}

static int list_conditions(const tuner *self, bool latency, condition *out) {
    if (self->session.device != NULL) return list_streams(self, latency, out);
    if (self->session.threads == 0)
        return list_threads(nn_cpu_get()->cores, out, self->session.precision);
    out[0] = (condition){self->session.threads, 1, self->session.precision};
    return 1;
}

static bool is_same(const condition *a, const condition *b) {
    return a->threads == b->threads && a->streams == b->streams && a->precision == b->precision;
}

static const point *choose(tuner *self, bool latency) {
    const point *best = &self->points[0];
    for (int i = 1; i < self->count; i++) {
        const point *at = &self->points[i];
        bool better =
            latency ? at->run.median < best->run.median : at->throughput > best->throughput;
        if (better) best = at;
    }
    if (latency) return best;
    /* the smallest batch under the same conditions that is nearly as good, for less latency and
     * memory */
    for (int i = 0; i < self->count; i++) {
        point *at = &self->points[i];
        if (is_same(&at->at, &best->at) && at->throughput >= knee_part * best->throughput) {
            at->is_knee = true;
            return at;
        }
    }
    return best;
}

static void write_point(nn_report *report, cJSON *object, const point *at) {
    nn_report_set_number(report, object, "batch", (double)at->batch);
    nn_report_set_number(report, object, "threads", at->at.threads);
    nn_report_set_number(report, object, "streams", at->at.streams);
    nn_report_set_text(report, object, "precision", nn_precision_name(at->at.precision));
    cJSON *latency = nn_report_object(report, object, "latency_ms");
    nn_report_set_number(report, latency, "min", 1e3 * at->run.minimum);
    nn_report_set_number(report, latency, "median", 1e3 * at->run.median);
    nn_report_set_number(report, latency, "p90", 1e3 * at->run.p90);
    nn_report_set_number(report, latency, "p99", 1e3 * at->run.p99);
    nn_report_set_number(report, object, "throughput", at->throughput);
    nn_report_set_number(report, object, "memory_bytes", (double)at->memory);
}

static nn_status write_report(tuner *self, const point *best, const char *goal, nn_report *report) {
    const char *path = self->model->path[0] != '\0' ? self->model->path : "model.onnx";
    nn_report_set_text(report, report->root, "model", path);
    nn_report_set_text(report, report->root, "goal", goal);
    nn_report_set_text(report, report->root, "stopped", self->stopped);
    nn_report_set_bool(report, report->root, "interrupted", self->is_interrupted);
    cJSON *points = nn_report_array(report, report->root, "points");
    for (int i = 0; i < self->count; i++) {
        cJSON *entry = nn_report_object(report, points, NULL);
        write_point(report, entry, &self->points[i]);
        nn_report_set_bool(report, entry, "is_knee", self->points[i].is_knee);
    }
    cJSON *chosen = nn_report_object(report, report->root, "best");
    write_point(report, chosen, best);
    char *command =
        self->session.device != NULL
            ? nn_format("nnopt bench %s --device %s --batch %lld --streams %d --precision %s", path,
                        nn_option_text(self->options, &nn_options_session, "device"),
                        (long long)best->batch, best->at.streams,
                        nn_precision_name(best->at.precision))
            : nn_format("nnopt bench %s --batch %lld --threads %d", path, (long long)best->batch,
                        best->at.threads);
    if (command == NULL) return nn_fail_memory(strlen(path));
    nn_report_set_text(report, chosen, "command", command);
    nn_free(command);
    return NN_OK;
}

static nn_status tune(tuner *self, nn_report *report) {
    const char *goal = nn_option_text(self->options, &nn_options_tune, "goal");
    bool latency = strcmp(goal, "latency") == 0, batches = has_symbolic_batch(self->model);
    int64_t max_batch = nn_option_int(self->options, &nn_options_tune, "max-batch");
    if (latency || !batches) max_batch = 1;
    if (self->data != NULL && max_batch > self->data->sample_count)
        max_batch = self->data->sample_count;
    if (!batches) self->stopped = "the model fixes its batch size";
    condition conditions[MAX_CONDITIONS];
    int condition_count = list_conditions(self, latency, conditions);
    for (int c = 0; c < condition_count && !self->is_interrupted; c++) {
        nn_status status = measure_curve(self, &conditions[c], max_batch);
        self->is_interrupted = status == NN_INTERRUPTED && self->count > 0;
        if (self->is_interrupted)
            self->stopped = "interrupted";
        else
            NN_TRY(status);
    }
    return write_report(self, choose(self, latency), goal, report);
}

nnopt_status nnopt_tune(nnopt_model *model, nnopt_dataset *data, const nnopt_options *options,
                        nnopt_report **report) {
    const nn_option_table *tables[] = {&nn_options_tune, &nn_options_session};
    nn_session_options session;
    *report = NULL;
    NN_TRY(nn_options_check(options, tables, 2));
    NN_TRY(nn_session_options_read(options, &session));
    nn_report *record = NULL;
    tuner *self = nn_alloc_zero(sizeof *self);
    if (self == NULL) return nn_fail_memory(sizeof *self);
    self->model = model;
    self->data = data;
    self->options = options;
    self->session = session;
    nn_status status = nn_report_create("tune", &record);
    if (status == NN_OK) status = tune(self, record);
    if (status == NN_OK) {
        status = nn_report_finish(record, report);
        record = NULL;
    }
    if (status == NN_OK && self->is_interrupted)
        status = nn_fail(NN_INTERRUPTED, "interrupted after %d points", self->count);
    nnopt_report_destroy(record);
    nn_free(self);
    return status;
}
