#include "engine/measure/diagnose_parts.h"

#include "base/memory.h"

#include <math.h>
#include <stdio.h>

/* Below this part of its free memory a device may have to move data away. */
static const double nearly_full = 0.9;

static double percent(double part, double whole) {
    return whole > 0 ? 100 * part / whole : 0;
}

/* Seconds of the rows on the device that are no copies. */
static double kernel_seconds(const nn_profile *profile) {
    double sum = 0;
    for (int64_t i = 0; i < profile->row_count; i++)
        if (profile->rows[i].on_device && !profile->rows[i].is_copy)
            sum += profile->rows[i].seconds;
    return sum;
}

static int64_t count_kernels(const nn_profile *profile) {
    int64_t count = 0;
    for (int64_t i = 0; i < profile->row_count; i++) count += profile->rows[i].on_device;
    return count;
}

/* ---- arithmetic, and tensor cores that stand idle ---- */

static double seconds_without_tensor_cores(const nn_profile *profile, const char *reason) {
    double sum = 0;
    for (int64_t i = 0; i < profile->row_count; i++) {
        const char *why = profile->rows[i].without_tensor_cores;
        if (why != NULL && (reason == NULL || strcmp(why, reason) == 0))
            sum += profile->rows[i].seconds;
    }
    return sum;
}

static double roof_fraction(const nn_diagnosis_work *work, nn_bottleneck_class class) {
    double allowed = 0, taken = 0;
    for (int64_t i = 0; i < work->profile->row_count; i++) {
        if (work->parts[class][i] <= 0) continue;
        allowed += work->profile->rows[i].attainable;
        taken += work->profile->rows[i].seconds;
    }
    return taken > 0 ? allowed / taken : 0;
}

static void diagnose_compute(nn_diagnosis_work *work) {
    const nn_profile *profile = work->profile;
    const nn_experiment *run = &work->experiments.precision;
    nn_bottleneck *item = nn_diagnosis_begin(work, NN_COMPUTE, nn_diagnosis_sum(work, NN_COMPUTE));
    const double idle = seconds_without_tensor_cores(profile, NULL);
    const double by_type = seconds_without_tensor_cores(profile, "type");
    const double by_alignment = seconds_without_tensor_cores(profile, "alignment");
    const double fraction = roof_fraction(work, NN_COMPUTE);
    nn_diagnosis_list_nodes(work, item, work->parts[NN_COMPUTE]);
    nn_diagnosis_add(&item->evidence, "peak_fraction", fraction);
    nn_diagnosis_add(&item->evidence, "without_tensor_cores_ms", 1e3 * idle);
    nn_diagnosis_add(&item->evidence, "by_type_ms", 1e3 * by_type);
    nn_diagnosis_add(&item->evidence, "by_alignment_ms", 1e3 * by_alignment);
    nn_diagnosis_say(
        work, &item->evidence,
        "%.0f %% of the time is arithmetic, at %.0f %% of the peak of its type; %.0f %% "
        "goes by the tensor cores%s",
        100 * item->share, 100 * fraction, percent(idle, work->wall),
        idle <= 0                 ? ""
        : by_type > idle / 2      ? ", for fp32 is none of their types"
        : by_alignment > idle / 2 ? ", for channels do not divide into 16 bytes"
                                  : ", for kernels that do not use them");
    nn_diagnosis_say_experiment(work, item, run, run->high < 0.95);
    if (!item->was_run) return;
    nn_diagnosis_add(&item->experiment, "ratio", nn_experiment_ratio(run));
    nn_diagnosis_say(work, &item->experiment, "in fp16 a run takes %.2fx the time",
                     nn_experiment_ratio(run));
}

static void diagnose_memory(nn_diagnosis_work *work) {
    const nn_profile *profile = work->profile;
    nn_bottleneck *item =
        nn_diagnosis_begin(work, NN_MEMORY_BANDWIDTH, nn_diagnosis_sum(work, NN_MEMORY_BANDWIDTH));
    const nn_experiment *run = &work->experiments.unfused;
    const double fraction = roof_fraction(work, NN_MEMORY_BANDWIDTH);
    nn_diagnosis_list_nodes(work, item, work->parts[NN_MEMORY_BANDWIDTH]);
    nn_diagnosis_add(&item->evidence, "bandwidth_fraction", fraction);
    nn_diagnosis_add(&item->evidence, "gbps", 1e-9 * profile->bytes / profile->total.median);
    nn_diagnosis_say(work, &item->evidence,
                     "%.0f %% of the time moves data, at %.0f %% of the bandwidth measured on this "
                     "device",
                     100 * item->share, 100 * fraction);
    nn_diagnosis_say_experiment(work, item, run, run->low > 1.05 && item->share > 0.05);
    if (!item->was_run) return;
    nn_diagnosis_add(&item->experiment, "ratio", nn_experiment_ratio(run));
    nn_diagnosis_say(work, &item->experiment,
                     "without fusion, where values go through memory once more, a run takes %.2fx "
                     "the time",
                     nn_experiment_ratio(run));
}

/* ---- starting work ---- */

static void diagnose_launches(nn_diagnosis_work *work) {
    const nn_profile *profile = work->profile;
    const nn_experiments *e = &work->experiments;
    const int64_t kernels = count_kernels(profile);
    double copies = nn_diagnosis_sum(work, NN_DEVICE_COPIES), on_cpu = 0;
    for (int64_t i = 0; i < profile->row_count; i++)
        if (!profile->rows[i].on_device) on_cpu += profile->rows[i].seconds;
    const double idle = fmax(0, profile->total.median - kernel_seconds(profile) - copies - on_cpu);
    nn_bottleneck *item = nn_diagnosis_begin(work, NN_DISPATCH_OVERHEAD,
                                             nn_diagnosis_sum(work, NN_DISPATCH_OVERHEAD) + idle);
    nn_diagnosis_list_nodes(work, item, work->parts[NN_DISPATCH_OVERHEAD]);
    nn_diagnosis_add(&item->evidence, "steps", (double)kernels);
    nn_diagnosis_add(&item->evidence, "idle_ms", 1e3 * idle);
    nn_diagnosis_add(&item->evidence, "recorded_ms", 1e3 * profile->total.median);
    nn_diagnosis_add(&item->evidence, "launched_ms", 1e3 * profile->instrumented);
    nn_diagnosis_say(work, &item->evidence,
                     "%lld steps run on the device, which stands idle between them for %.3f ms; "
                     "started one by one they take %.3f ms, recorded %.3f ms",
                     (long long)kernels, 1e3 * idle, 1e3 * profile->instrumented,
                     1e3 * profile->total.median);
    nn_diagnosis_say_experiment(work, item, &e->unfused, e->unfused.low > 1 && item->share > 0.05);
    if (!item->was_run) return;
    nn_diagnosis_add(&item->experiment, "unfused_steps", (double)e->unfused_steps);
    nn_diagnosis_say(work, &item->experiment,
                     "without fusion %lld steps take %.2fx the time of %lld",
                     (long long)e->unfused_steps, nn_experiment_ratio(&e->unfused),
                     (long long)profile->row_count);
}

/* ---- a device that is too large for the work ---- */

static void diagnose_parallelism(nn_diagnosis_work *work) {
    const nn_profile *profile = work->profile;
    const nn_experiment *run = &work->experiments.cpu;
    double weighted = 0, seconds = 0, unfilled = 0;
    for (int64_t i = 0; i < profile->row_count; i++) {
        const nn_profile_row *row = &profile->rows[i];
        if (row->occupancy <= 0) continue;
        weighted += row->occupancy * row->seconds;
        unfilled += (1 - row->occupancy) * row->seconds;
        seconds += row->seconds;
    }
    nn_bottleneck *item = nn_diagnosis_begin(work, NN_PARALLELISM, unfilled);
    const double occupancy = seconds > 0 ? weighted / seconds : 0;
    nn_diagnosis_add(&item->evidence, "occupancy", occupancy);
    nn_diagnosis_say(work, &item->evidence,
                     "own kernels fill %.0f %% of the threads that the device holds, weighted by "
                     "their time",
                     100 * occupancy);
    nn_diagnosis_say_experiment(work, item, run, run->high < 1);
    if (!item->was_run) return;
    nn_diagnosis_add(&item->experiment, "cpu_ratio", nn_experiment_ratio(run));
    nn_diagnosis_say(work, &item->experiment, "on the CPU a run takes %.2fx the time of the device",
                     nn_experiment_ratio(run));
}

/* ---- copies and memory ---- */

static void diagnose_copies(nn_diagnosis_work *work) {
    const nn_profile *profile = work->profile;
    nn_bottleneck *item =
        nn_diagnosis_begin(work, NN_DEVICE_COPIES, nn_diagnosis_sum(work, NN_DEVICE_COPIES));
    double bytes = 0;
    int64_t copies = 0, on_cpu = 0;
    for (int64_t i = 0; i < profile->row_count; i++) {
        const nn_profile_row *row = &profile->rows[i];
        copies += row->is_copy;
        on_cpu += !row->on_device && !row->is_conversion;
        if (row->is_copy) bytes += row->cost.bytes_read;
    }
    nn_diagnosis_list_nodes(work, item, work->parts[NN_DEVICE_COPIES]);
    nn_diagnosis_add(&item->evidence, "copies", (double)copies);
    nn_diagnosis_add(&item->evidence, "bytes", bytes);
    nn_diagnosis_add(&item->evidence, "steps_on_cpu", (double)on_cpu);
    nn_diagnosis_say(work, &item->evidence,
                     "%lld copies move %.3f MB between host and device; %lld steps run on the CPU, "
                     "for the device has no kernel that takes them",
                     (long long)copies, 1e-6 * bytes, (long long)on_cpu);
    nn_diagnosis_say_experiment(work, item, &work->experiments.cpu, work->experiments.cpu.high < 1);
    if (!item->was_run) return;
    nn_diagnosis_say(work, &item->experiment,
                     "on the CPU, without copies, a run takes %.2fx the time",
                     nn_experiment_ratio(&work->experiments.cpu));
}

static void diagnose_capacity(nn_diagnosis_work *work) {
    const nn_profile *profile = work->profile;
    const double needed = (double)(profile->device_bytes + profile->packed_bytes);
    const double available = (double)profile->device_roofline.info.free_bytes;
    const bool is_full = needed > nearly_full * (needed + available);
    nn_bottleneck *item = nn_diagnosis_begin(work, NN_MEMORY_CAPACITY, 0);
    nn_diagnosis_add(&item->evidence, "needed_bytes", needed);
    nn_diagnosis_add(&item->evidence, "free_bytes", available);
    nn_diagnosis_say(work, &item->evidence,
                     "a run needs %.1f MB of the device's memory; %.0f MB are free%s",
                     1e-6 * needed, 1e-6 * available,
                     is_full ? ": nearly full, so that another process would make it fail" : "");
    nn_diagnosis_say(work, &item->experiment,
                     "not run: nothing is moved away by itself, what does not fit fails");
}

static void diagnose_inefficient(nn_diagnosis_work *work) {
    nn_bottleneck *item = nn_diagnosis_begin(work, NN_INEFFICIENT_LAYER,
                                             nn_diagnosis_sum(work, NN_INEFFICIENT_LAYER));
    const nn_profile_row *worst = nn_diagnosis_worst(work, NN_INEFFICIENT_LAYER);
    nn_diagnosis_list_nodes(work, item, work->parts[NN_INEFFICIENT_LAYER]);
    if (worst == NULL) {
        nn_diagnosis_say(work, &item->evidence, "no step takes far longer than the device allows");
    } else {
        nn_diagnosis_add(&item->evidence, "worst_ms", 1e3 * worst->seconds);
        nn_diagnosis_add(&item->evidence, "attainable_ms", 1e3 * worst->attainable);
        nn_diagnosis_say(work, &item->evidence,
                         "'%s' (%s) takes %.4f ms where the device allows %.4f ms", worst->node,
                         worst->kernel, 1e3 * worst->seconds, 1e3 * worst->attainable);
    }
    nn_diagnosis_say_experiment(work, item, &work->experiments.batch,
                                worst != NULL && nn_diagnosis_batch_gain(work) > 1.5);
    if (!item->was_run) return;
    nn_diagnosis_say(
        work, &item->experiment,
        "batch %lld gives %.2fx as many samples a second: layers are too small to fill "
        "the device where that is much",
        (long long)work->experiments.larger_batch, nn_diagnosis_batch_gain(work));
}

void nn_diagnose_device(nn_diagnosis_work *work) {
    diagnose_compute(work);
    diagnose_memory(work);
    diagnose_launches(work);
    diagnose_parallelism(work);
    diagnose_copies(work);
    diagnose_capacity(work);
    diagnose_inefficient(work);
}

nn_status nn_advise_device(nn_diagnosis_work *work) {
    const nn_experiments *e = &work->experiments;
    const double total = work->profile->total.median;
    char text[256];
    if (e->cpu.was_run && e->cpu.high < 1) {
        const double saved = total * (1 - nn_experiment_ratio(&e->cpu));
        snprintf(text, sizeof text, "--device cpu saves %.3f ms (measured)", 1e3 * saved);
        NN_TRY(nn_diagnosis_advise(work->out, NN_PARALLELISM, &(nn_advice){"device", text, saved}));
    }
    if (e->precision.was_run && e->precision.high < 1) {
        const double saved = total * (1 - nn_experiment_ratio(&e->precision));
        snprintf(text, sizeof text, "--precision fp16 saves %.3f ms (measured)", 1e3 * saved);
        NN_TRY(nn_diagnosis_advise(work->out, NN_COMPUTE, &(nn_advice){"precision", text, saved}));
    }
    return NN_OK;
}
