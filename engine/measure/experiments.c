#include "engine/measure/experiments.h"

#include "base/memory.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>

enum { LARGER_BATCH = 8, STREAM_BYTES = 64 << 20, PAIRS = 6 };

static nn_status finish_experiment(const nn_samples *before, const nn_samples *after,
                                   nn_experiment *out) {
    nn_statistics first, second;
    nn_comparison comparison;
    NN_TRY(nn_samples_statistics(before, &first));
    NN_TRY(nn_samples_statistics(after, &second));
    NN_TRY(nn_samples_compare(before, after, &comparison));
    *out = (nn_experiment){.was_run = true,
                           .before = first.median,
                           .after = second.median,
                           .low = comparison.low,
                           .high = comparison.high};
    return NN_OK;
}

/* ---- two sessions in turn ---- */

static nn_status compare_entries(nn_bench_entry entries[2], double seconds, nn_experiment *out) {
    nn_status status = nn_bench_interleaved(entries, 2, seconds, 0, 0.05 * seconds);
    if (status == NN_OK) status = finish_experiment(&entries[0].samples, &entries[1].samples, out);
    nn_samples_clear(&entries[0].samples);
    nn_samples_clear(&entries[1].samples);
    return status;
}

/* The model under `options` against itself under `changed`; steps of the changed plan when wanted.
 */
static nn_status compare_options(nn_model *model, const nn_session_options *options,
                                 const nn_session_options *changed, nn_dataset *data,
                                 double seconds, int64_t *changed_steps, nn_experiment *out) {
    nn_bench_entry entries[2] = {{.data = data}, {.data = data}};
    nn_feed feed;
    nn_plan *plan = NULL;
    nn_status status = nn_session_open(model, options, &entries[0].session);
    if (status == NN_OK) status = nn_session_open(model, changed, &entries[1].session);
    if (status == NN_OK && changed_steps != NULL) {
        status = data->read(data, 0, &feed);
        if (status == NN_OK)
            status =
                nn_session_plan(entries[1].session, feed.inputs, (size_t)data->input_count, &plan);
        if (status == NN_OK) *changed_steps = nn_plan_step_count(plan);
    }
    if (status == NN_OK) status = compare_entries(entries, seconds, out);
    nnopt_session_destroy(entries[0].session);
    nnopt_session_destroy(entries[1].session);
    return status;
}

static nn_status try_threads(const nn_profile *profile, nn_model *model,
                             const nn_session_options *options, nn_dataset *data, double seconds,
                             nn_experiments *out) {
    nn_session_options changed = *options;
    out->other_threads = profile->threads > 1 ? 1 : nn_cpu_get()->cores;
    if (out->other_threads == profile->threads) {
        out->threads.reason = "this machine has one core";
        return NN_OK;
    }
    changed.threads = out->other_threads;
    return compare_options(model, options, &changed, data, seconds, NULL, &out->threads);
}

static nn_status try_unfused(nn_model *model, const nn_session_options *options, nn_dataset *data,
                             double seconds, nn_experiments *out) {
    nn_session_options changed = *options;
    changed.no_fusion = true;
    return compare_options(model, options, &changed, data, seconds, &out->unfused_steps,
                           &out->unfused);
}

static nn_status try_batch(const nn_profile *profile, nn_model *model,
                           const nn_session_options *options, nn_dataset *data, double seconds,
                           nn_experiments *out) {
    nn_bench_entry entries[2] = {{.data = data}};
    nn_dataset *larger = NULL;
    out->larger_batch = LARGER_BATCH * profile->batch;
    if (data->sample_count < out->larger_batch) {
        out->batch.reason = "the data hold too few samples for a larger batch";
        return NN_OK;
    }
    if (nn_dataset_rebatch(data, out->larger_batch, &larger) != NN_OK) {
        out->batch.reason = "the model fixes its batch size";
        return NN_OK;
    }
    entries[1].data = larger;
    nn_status status = nn_session_open(model, options, &entries[0].session);
    if (status == NN_OK) status = nn_session_open(model, options, &entries[1].session);
    if (status == NN_OK) status = compare_entries(entries, seconds, &out->batch);
    nnopt_session_destroy(entries[0].session);
    nnopt_session_destroy(entries[1].session);
    larger->destroy(larger);
    if (status == NN_BAD_INPUT || status == NN_UNSUPPORTED || status == NN_USAGE) {
        out->batch = (nn_experiment){.reason = "the model does not run at a larger batch"};
        return NN_OK;
    }
    return status;
}

/* ---- on a device ---- */

static nn_status try_cpu(nn_model *model, const nn_session_options *options, nn_dataset *data,
                         double seconds, nn_experiments *out) {
    nn_session_options changed = *options;
    changed.device = NULL;
    changed.precision = NN_PRECISION_FP32;
    changed.threads = 0;
    return compare_options(model, options, &changed, data, seconds, NULL, &out->cpu);
}

static nn_status try_fp16(nn_model *model, const nn_session_options *options, nn_dataset *data,
                          double seconds, nn_experiments *out) {
    nn_session_options changed = *options;
    if (options->precision == NN_PRECISION_FP16) {
        out->precision.reason = "the profiled run is in fp16";
        return NN_OK;
    }
    changed.precision = NN_PRECISION_FP16;
    nn_status status =
        compare_options(model, options, &changed, data, seconds, NULL, &out->precision);
    if (status != NN_UNSUPPORTED) return status;
    out->precision = (nn_experiment){.reason = "the model does not run in fp16"};
    return NN_OK;
}

/* ---- reading inputs ---- */

static nn_status run_feed(nn_session *session, const nn_feed *feed, size_t input_count,
                          nn_tensor *outputs, double *seconds) {
    double start = nn_now();
    NN_TRY(nnopt_session_run(session, feed->inputs, input_count, outputs));
    *seconds = nn_now() - start;
    return NN_OK;
}

static nn_status time_reading(nn_session *session, nn_dataset *data, nn_tensor *outputs,
                              double seconds, nn_samples *preloaded, nn_samples *read) {
    double end = nn_now() + seconds;
    size_t inputs = (size_t)data->input_count;
    for (int64_t i = 0; i < PAIRS || nn_now() < end; i++) {
        nn_feed feed;
        double run, start = nn_now();
        NN_TRY(data->read(data, i % data->feed_count, &feed));
        double reading = nn_now() - start;
        NN_TRY(run_feed(session, &feed, inputs, outputs, &run));
        if (i == 0) continue; /* plans */
        NN_TRY(nn_samples_add(preloaded, run));
        NN_TRY(nn_samples_add(read, reading + run));
        NN_TRY(nn_check_interrupt());
    }
    return NN_OK;
}

static nn_status try_reading(nn_model *model, const nn_session_options *options, nn_dataset *data,
                             double seconds, nn_experiment *out) {
    nn_session *session = NULL;
    nn_samples preloaded = {0}, read = {0};
    size_t size = sizeof(nn_tensor) * ((size_t)model->graph->output_count + 1);
    nn_tensor *outputs = nn_alloc_zero(size);
    if (outputs == NULL) return nn_fail_memory(size);
    nn_status status = nn_session_open(model, options, &session);
    if (status == NN_OK) status = time_reading(session, data, outputs, seconds, &preloaded, &read);
    if (status == NN_OK) status = finish_experiment(&preloaded, &read, out);
    nn_samples_clear(&preloaded);
    nn_samples_clear(&read);
    nnopt_session_destroy(session);
    nn_free(outputs);
    return status;
}

/* ---- beside a busy core ---- */

typedef enum neighbour_mode {
    NEIGHBOUR_COMPUTES,
    NEIGHBOUR_STREAMS,
    NEIGHBOUR_ENDS
} neighbour_mode;

typedef struct neighbour {
    _Atomic int mode;
    _Atomic uint64_t sink;
    const uint64_t *memory;
} neighbour;

static uint64_t compute_a_while(uint64_t seed) {
    for (int i = 0; i < 20000; i++) seed = seed * 6364136223846793005u + 1442695040888963407u;
    return seed;
}

static void *run_neighbour(void *argument) {
    neighbour *self = argument;
    const int64_t words = STREAM_BYTES / (int64_t)sizeof *self->memory, step = words / 256;
    int64_t at = 0;
    uint64_t sum = 1;
    for (int mode; (mode = atomic_load(&self->mode)) != NEIGHBOUR_ENDS;) {
        if (mode == NEIGHBOUR_COMPUTES) {
            sum = compute_a_while(sum);
        } else {
            for (int64_t i = 0; i < step; i++) sum += self->memory[at + i];
            at = (at + step) % words;
        }
        atomic_store_explicit(&self->sink, sum, memory_order_relaxed);
    }
    return NULL;
}

static nn_status time_beside(neighbour *busy, nn_bench_entry entries[2], double seconds) {
    for (int pair = 0; pair < PAIRS; pair++) {
        for (int mode = NEIGHBOUR_COMPUTES; mode <= NEIGHBOUR_STREAMS; mode++) {
            atomic_store(&busy->mode, mode);
            NN_TRY(nn_bench_interleaved(&entries[mode], 1, seconds / (2 * PAIRS), 0, 0));
        }
    }
    return NN_OK;
}

static nn_status try_streaming(nn_model *model, const nn_session_options *options, nn_dataset *data,
                               double seconds, nn_experiment *out) {
    nn_session_options alone = *options;
    nn_bench_entry entries[2] = {{.data = data}, {.data = data}};
    neighbour busy = {.mode = NEIGHBOUR_COMPUTES};
    pthread_t thread;
    if (nn_cpu_get()->cores < 2) {
        out->reason = "this machine has one core";
        return NN_OK;
    }
    alone.threads = 1;
    uint64_t *memory = nn_alloc(STREAM_BYTES);
    if (memory == NULL) return nn_fail_memory(STREAM_BYTES);
    memset(memory, 1, STREAM_BYTES);
    busy.memory = memory;
    nn_status status = nn_session_open(model, &alone, &entries[0].session);
    entries[1].session = entries[0].session;
    if (status == NN_OK) {
        if (pthread_create(&thread, NULL, run_neighbour, &busy) != 0) {
            out->reason = "no thread could be started";
        } else {
            status = time_beside(&busy, entries, seconds);
            atomic_store(&busy.mode, NEIGHBOUR_ENDS);
            pthread_join(thread, NULL);
            if (status == NN_OK)
                status = finish_experiment(&entries[0].samples, &entries[1].samples, out);
        }
    }
    nn_samples_clear(&entries[0].samples);
    nn_samples_clear(&entries[1].samples);
    nnopt_session_destroy(entries[0].session);
    nn_free(memory);
    return status;
}

nn_status nn_experiments_run(const nn_profile *profile, nn_model *model,
                             const nn_session_options *options, nn_dataset *data, bool reads_files,
                             double seconds, nn_experiments *out) {
    nn_experiments result = {0};
    nn_session_options known = *options;
    double each = seconds / 5;
    /* The profiled session has measured what there is to measure. */
    if (known.selection != NN_SELECT_ESTIMATE) known.selection = NN_SELECT_WISDOM;
    options = &known;
    if (options->device != NULL) {
        result.threads.reason = result.streaming.reason = "the model runs on a device";
        NN_TRY(try_cpu(model, options, data, each, &result));
        NN_TRY(try_fp16(model, options, data, each, &result));
    } else {
        result.cpu.reason = result.precision.reason = "the model runs on the CPU";
        NN_TRY(try_threads(profile, model, options, data, each, &result));
        NN_TRY(try_streaming(model, options, data, each, &result.streaming));
    }
    NN_TRY(try_batch(profile, model, options, data, each, &result));
    NN_TRY(try_unfused(model, options, data, each, &result));
    if (reads_files)
        NN_TRY(try_reading(model, options, data, each, &result.reading));
    else
        result.reading.reason = "the inputs are made in memory; nothing is read";
    *out = result;
    return NN_OK;
}
