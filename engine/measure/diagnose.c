#include "engine/measure/diagnose_parts.h"

#include "base/memory.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Below this part of what the roofline allows, a step's time is not explained by the machine. */
static const double efficient_fraction = 0.25;
/* Listed nodes make up this part of a class. */
static const double listed_fraction = 0.9;
enum { LISTED_NODES = 8 };
/* A page that must come back from a disk costs about this much. */
static const double major_fault_seconds = 1e-4;

const char *nn_bottleneck_name(nn_bottleneck_class class) {
    static const char *const names[] = {
        [NN_DATA_LOADING] = "data_loading",
        [NN_COMPUTE] = "compute",
        [NN_MEMORY_BANDWIDTH] = "memory_bandwidth",
        [NN_DISPATCH_OVERHEAD] = "dispatch_overhead",
        [NN_PARALLELISM] = "parallelism",
        [NN_BATCH_SIZE] = "batch_size",
        [NN_MEMORY_CAPACITY] = "memory_capacity",
        [NN_DEVICE_COPIES] = "device_copies",
        [NN_INEFFICIENT_LAYER] = "inefficient_layer",
    };
    return names[class];
}

/* ---- parts of the wall-clock time ---- */

/* Splits the time of a row between its class and what the machine does not explain. */
static void split_row(const nn_diagnosis_work *work, int64_t index) {
    const nn_profile_row *row = &work->profile->rows[index];
    if (row->is_copy) {
        work->parts[NN_DEVICE_COPIES][index] = row->seconds;
        return;
    }
    if (row->bound == NN_BOUND_OVERHEAD) {
        work->parts[NN_DISPATCH_OVERHEAD][index] = row->seconds;
        return;
    }
    double fixed = fmin(work->profile->dispatch, row->seconds), rest = row->seconds - fixed;
    double explained = rest;
    if (row->attainable < efficient_fraction * row->seconds)
        explained = fmin(row->attainable, rest);
    work->parts[NN_DISPATCH_OVERHEAD][index] = fixed;
    work->parts[NN_INEFFICIENT_LAYER][index] = rest - explained;
    work->parts[row->bound == NN_BOUND_COMPUTE ? NN_COMPUTE : NN_MEMORY_BANDWIDTH][index] =
        explained;
}

double nn_diagnosis_sum(const nn_diagnosis_work *work, nn_bottleneck_class class) {
    double sum = 0;
    for (int64_t i = 0; i < work->profile->row_count; i++) sum += work->parts[class][i];
    return sum;
}

const nn_profile_row *nn_diagnosis_worst(const nn_diagnosis_work *work, nn_bottleneck_class class) {
    const nn_profile_row *worst = NULL;
    double largest = 0;
    for (int64_t i = 0; i < work->profile->row_count; i++) {
        if (work->parts[class][i] <= largest) continue;
        largest = work->parts[class][i];
        worst = &work->profile->rows[i];
    }
    return worst;
}

/* The nodes that hold most of a class, largest first, each once. */
void nn_diagnosis_list_nodes(nn_diagnosis_work *work, nn_bottleneck *item, const double *seconds) {
    const nn_profile *profile = work->profile;
    double total = 0, listed = 0;
    for (int64_t i = 0; i < profile->row_count; i++) total += seconds[i];
    item->nodes = nn_arena_alloc(&work->out->arena, LISTED_NODES * sizeof *item->nodes);
    if (item->nodes == NULL) {
        work->out_of_memory = true;
        return;
    }
    bool used[1024] = {false};
    int64_t rows = profile->row_count < 1024 ? profile->row_count : 1024;
    while (item->node_count < LISTED_NODES && listed < listed_fraction * total) {
        int64_t best = -1;
        for (int64_t i = 0; i < rows; i++)
            if (!used[i] && seconds[i] > 0 && (best < 0 || seconds[i] > seconds[best])) best = i;
        if (best < 0) return;
        used[best] = true;
        listed += seconds[best];
        const char *node = profile->rows[best].node;
        bool is_new = true;
        for (int64_t k = 0; k < item->node_count; k++)
            is_new = is_new && strcmp(item->nodes[k], node) != 0;
        if (!is_new) continue;
        item->nodes[item->node_count] = nn_arena_strdup(&work->out->arena, node);
        if (item->nodes[item->node_count] == NULL)
            work->out_of_memory = true;
        else
            item->node_count++;
    }
}

/* ---- words ---- */

void nn_diagnosis_say(nn_diagnosis_work *work, nn_finding *finding, const char *format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    finding->text = nn_arena_strdup(&work->out->arena, text);
    if (finding->text == NULL) work->out_of_memory = true;
}

void nn_diagnosis_add(nn_finding *finding, const char *key, double value) {
    if (finding->number_count < NN_MAX_EVIDENCE)
        finding->numbers[finding->number_count++] = (nn_number){key, value};
}

double nn_experiment_ratio(const nn_experiment *experiment) {
    return experiment->was_run ? experiment->after / experiment->before : NAN;
}

void nn_diagnosis_say_experiment(nn_diagnosis_work *work, nn_bottleneck *item,
                                 const nn_experiment *run, bool confirmed) {
    item->was_run = run->was_run;
    item->confirmed = run->was_run && confirmed;
    if (!run->was_run) {
        nn_diagnosis_say(work, &item->experiment, "not run: %s", run->reason);
        return;
    }
    nn_diagnosis_add(&item->experiment, "before_ms", 1e3 * run->before);
    nn_diagnosis_add(&item->experiment, "after_ms", 1e3 * run->after);
    nn_diagnosis_add(&item->experiment, "ratio_low", run->low);
    nn_diagnosis_add(&item->experiment, "ratio_high", run->high);
}

/* ---- the classes ---- */

nn_bottleneck *nn_diagnosis_begin(nn_diagnosis_work *work, nn_bottleneck_class class,
                                  double seconds) {
    nn_bottleneck *item = &work->out->items[class];
    *item = (nn_bottleneck){.class = class, .share = fmax(0, seconds / work->wall)};
    return item;
}

/* Speed-up of the run with more threads over the one with fewer, and how many more there are. */
static double thread_speedup(const nn_diagnosis_work *work) {
    const nn_experiment *run = &work->experiments.threads;
    return work->profile->threads > 1 ? nn_experiment_ratio(run) : 1 / nn_experiment_ratio(run);
}

static int most_threads(const nn_diagnosis_work *work) {
    int other = work->experiments.other_threads, own = work->profile->threads;
    return other > own ? other : own;
}

double nn_diagnosis_batch_gain(const nn_diagnosis_work *work) {
    const nn_experiments *e = &work->experiments;
    double times = (double)e->larger_batch / (double)work->profile->batch;
    return e->batch.was_run ? times * e->batch.before / e->batch.after : NAN;
}

/* Time-weighted mean fraction of the roofline, of rows that belong to the class. */
static double mean_fraction(const nn_diagnosis_work *work, nn_bottleneck_class class,
                            bool compute) {
    double weight = 0, sum = 0;
    for (int64_t i = 0; i < work->profile->row_count; i++) {
        const nn_profile_row *row = &work->profile->rows[i];
        if (work->parts[class][i] <= 0) continue;
        weight += row->seconds;
        sum += compute ? row->compute_seconds : row->memory_seconds;
    }
    return weight > 0 ? sum / weight : 0;
}

static void describe_thread_run(nn_diagnosis_work *work, nn_bottleneck *item, bool confirmed) {
    nn_diagnosis_say_experiment(work, item, &work->experiments.threads, confirmed);
    if (!item->was_run) return;
    nn_diagnosis_add(&item->experiment, "speedup", thread_speedup(work));
    nn_diagnosis_say(work, &item->experiment, "%d threads run %.2fx as fast as 1",
                     most_threads(work), thread_speedup(work));
}

static void diagnose_compute(nn_diagnosis_work *work) {
    nn_bottleneck *item = nn_diagnosis_begin(work, NN_COMPUTE, nn_diagnosis_sum(work, NN_COMPUTE));
    double compute = mean_fraction(work, NN_COMPUTE, true);
    double memory = mean_fraction(work, NN_COMPUTE, false), speedup = thread_speedup(work);
    nn_diagnosis_list_nodes(work, item, work->parts[NN_COMPUTE]);
    nn_diagnosis_add(&item->evidence, "peak_fraction", compute);
    nn_diagnosis_add(&item->evidence, "bandwidth_fraction", memory);
    nn_diagnosis_say(
        work, &item->evidence,
        "%.0f %% of the time is arithmetic, at %.0f %% of the peak of the cores in use and %.0f %% "
        "of their bandwidth",
        100 * item->share, 100 * compute, 100 * memory);
    describe_thread_run(work, item,
                        speedup > 1 + 0.6 * (most_threads(work) - 1) && item->share > 0.05);
}

static void diagnose_memory(nn_diagnosis_work *work) {
    nn_bottleneck *item =
        nn_diagnosis_begin(work, NN_MEMORY_BANDWIDTH, nn_diagnosis_sum(work, NN_MEMORY_BANDWIDTH));
    const nn_experiment *run = &work->experiments.streaming;
    double memory = mean_fraction(work, NN_MEMORY_BANDWIDTH, false),
           slowdown = nn_experiment_ratio(run);
    nn_diagnosis_list_nodes(work, item, work->parts[NN_MEMORY_BANDWIDTH]);
    nn_diagnosis_add(&item->evidence, "bandwidth_fraction", memory);
    nn_diagnosis_add(&item->evidence, "gbps",
                     1e-9 * work->profile->bytes / work->profile->total.median);
    nn_diagnosis_say(
        work, &item->evidence,
        "%.0f %% of the time moves data, at %.0f %% of the bandwidth measured on this machine",
        100 * item->share, 100 * memory);
    nn_diagnosis_say_experiment(work, item, run, run->low > 1.05);
    if (!item->was_run) return;
    nn_diagnosis_add(&item->experiment, "slowdown", slowdown);
    nn_diagnosis_say(
        work, &item->experiment,
        "beside a core that streams memory one thread takes %.2fx as long as beside one that "
        "computes",
        slowdown);
}

static void diagnose_dispatch(nn_diagnosis_work *work) {
    const nn_profile *profile = work->profile;
    const nn_experiments *e = &work->experiments;
    double seconds = nn_diagnosis_sum(work, NN_DISPATCH_OVERHEAD) + profile->between;
    nn_bottleneck *item = nn_diagnosis_begin(work, NN_DISPATCH_OVERHEAD, seconds);
    double more = (double)(e->unfused_steps - profile->row_count);
    double each = more > 0 ? (e->unfused.after - e->unfused.before) / more : NAN;
    nn_diagnosis_list_nodes(work, item, work->parts[NN_DISPATCH_OVERHEAD]);
    nn_diagnosis_add(&item->evidence, "steps", (double)profile->row_count);
    nn_diagnosis_add(&item->evidence, "step_us", 1e6 * profile->dispatch);
    nn_diagnosis_add(&item->evidence, "between_ms", 1e3 * profile->between);
    nn_diagnosis_say(
        work, &item->evidence,
        "%lld steps cost about %.2f us each before they do any work; %.1f %% of the time is "
        "between steps",
        (long long)profile->row_count, 1e6 * profile->dispatch,
        100 * profile->between / work->wall);
    nn_diagnosis_say_experiment(work, item, &e->unfused, e->unfused.low > 1 && item->share > 0.05);
    if (!item->was_run) return;
    nn_diagnosis_add(&item->experiment, "unfused_steps", (double)e->unfused_steps);
    if (more > 0) {
        nn_diagnosis_add(&item->experiment, "us_per_step", 1e6 * each);
        nn_diagnosis_say(work, &item->experiment,
                         "without fusion %.0f more steps cost %.2f us each", more, 1e6 * each);
    } else {
        nn_diagnosis_say(work, &item->experiment,
                         "without fusion there are as many steps, at %.2fx the time",
                         nn_experiment_ratio(&e->unfused));
    }
}

/* How much faster more threads could be, by the roofline of each step. */
static double ideal_speedup(const nn_diagnosis_work *work) {
    const nn_profile *profile = work->profile;
    double one = 0, all = 0;
    for (int64_t i = 0; i < profile->row_count; i++) {
        const nn_profile_row *row = &profile->rows[i];
        double bytes = row->cost.bytes_read + row->cost.bytes_written;
        one += nn_roofline_seconds(&profile->roofline, row->cost.flops, row->arithmetic, bytes,
                                   bytes, 1);
        all += nn_roofline_seconds(&profile->roofline, row->cost.flops, row->arithmetic, bytes,
                                   bytes, most_threads(work));
    }
    return all > 0 ? one / all : 1;
}

static void diagnose_inefficient(nn_diagnosis_work *work) {
    const nn_profile *profile = work->profile;
    nn_bottleneck *item = nn_diagnosis_begin(work, NN_INEFFICIENT_LAYER,
                                             nn_diagnosis_sum(work, NN_INEFFICIENT_LAYER));
    const nn_profile_row *worst = nn_diagnosis_worst(work, NN_INEFFICIENT_LAYER);
    const double speedup = thread_speedup(work);
    nn_diagnosis_list_nodes(work, item, work->parts[NN_INEFFICIENT_LAYER]);
    if (worst == NULL) {
        nn_diagnosis_say(work, &item->evidence,
                         "every step that matters reaches %.0f %% of what the machine allows",
                         100 * efficient_fraction);
    } else {
        nn_diagnosis_add(&item->evidence, "worst_fraction", worst->attainable / worst->seconds);
        nn_diagnosis_add(&item->evidence, "worst_ms", 1e3 * worst->seconds);
        nn_diagnosis_add(&item->evidence, "attainable_ms", 1e3 * worst->attainable);
        nn_diagnosis_say(work, &item->evidence,
                         "'%s' (%s) takes %.3f ms where the machine allows %.3f ms (%.0f %%)",
                         worst->node, worst->kernel, 1e3 * worst->seconds, 1e3 * worst->attainable,
                         100 * worst->attainable / worst->seconds);
    }
    describe_thread_run(work, item, worst != NULL && speedup > 0);
    if (!item->was_run || worst == NULL) return;
    /* Bad scaling alone would explain a low fraction of all cores, so judge as one thread does. */
    double alone = worst->attainable / worst->seconds * ideal_speedup(work) / speedup;
    if (profile->threads == 1) alone = worst->attainable / worst->seconds;
    nn_diagnosis_add(&item->experiment, "fraction_on_one_thread", alone);
    item->confirmed = alone < efficient_fraction;
    nn_diagnosis_say(
        work, &item->experiment,
        "%d threads run %.2fx as fast as 1: at that scaling one thread reaches %.0f %% of its peak",
        most_threads(work), speedup, 100 * alone);
}

static void diagnose_parallelism(nn_diagnosis_work *work) {
    double speedup = thread_speedup(work), ideal = ideal_speedup(work), lost = 0;
    const nn_profile *profile = work->profile;
    if (!isnan(speedup)) {
        lost = profile->threads > 1 ? 1 - speedup / ideal : 1 - 1 / speedup;
        lost *= profile->total.median;
    }
    nn_bottleneck *item = nn_diagnosis_begin(work, NN_PARALLELISM, lost);
    nn_diagnosis_add(&item->evidence, "threads", profile->threads);
    nn_diagnosis_add(&item->evidence, "cores", profile->roofline.cores);
    nn_diagnosis_add(&item->evidence, "ideal_speedup", ideal);
    if (profile->threads > 1)
        nn_diagnosis_say(
            work, &item->evidence,
            "%d threads of %d cores are used; ideally they would run %.2fx as fast as one",
            profile->threads, profile->roofline.cores, ideal);
    else
        nn_diagnosis_say(work, &item->evidence, "1 thread of %d core%s is used",
                         profile->roofline.cores, profile->roofline.cores == 1 ? "" : "s");
    describe_thread_run(work, item, item->share > 0.1);
}

static void diagnose_batch(nn_diagnosis_work *work) {
    double gain = nn_diagnosis_batch_gain(work);
    const nn_experiments *e = &work->experiments;
    double saved = isnan(gain) ? 0 : (1 - 1 / gain) * work->profile->total.median;
    nn_bottleneck *item = nn_diagnosis_begin(work, NN_BATCH_SIZE, saved);
    nn_diagnosis_add(&item->evidence, "batch", (double)work->profile->batch);
    nn_diagnosis_add(&item->evidence, "sample_ms",
                     1e3 * work->profile->total.median / (double)work->profile->batch);
    nn_diagnosis_say(work, &item->evidence, "a run holds %lld sample%s of %.3f ms",
                     (long long)work->profile->batch, work->profile->batch == 1 ? "" : "s",
                     1e3 * work->profile->total.median / (double)work->profile->batch);
    nn_diagnosis_say_experiment(work, item, &e->batch, gain > 1.1);
    if (!item->was_run) return;
    nn_diagnosis_add(&item->experiment, "larger_batch", (double)e->larger_batch);
    nn_diagnosis_add(&item->experiment, "gain", gain);
    nn_diagnosis_say(work, &item->experiment,
                     "batch %lld gives %.2fx as many samples a second as batch %lld",
                     (long long)e->larger_batch, gain, (long long)work->profile->batch);
}

static void diagnose_capacity(nn_diagnosis_work *work) {
    const nn_profile *profile = work->profile;
    double faults = profile->major_faults;
    nn_bottleneck *item = nn_diagnosis_begin(
        work, NN_MEMORY_CAPACITY, fmin(faults * major_fault_seconds, profile->total.median));
    double needed = (double)(profile->slab_bytes + profile->packed_bytes + profile->constant_bytes);
    double available = (double)sysconf(_SC_AVPHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    nn_diagnosis_add(&item->evidence, "needed_bytes", needed);
    nn_diagnosis_add(&item->evidence, "free_bytes", available);
    nn_diagnosis_say(work, &item->evidence, "a run needs %.1f MB; %.0f MB are free", 1e-6 * needed,
                     1e-6 * available);
    item->was_run = true;
    item->confirmed = faults > 0;
    nn_diagnosis_add(&item->experiment, "major_faults_per_run", faults);
    nn_diagnosis_say(work, &item->experiment, "counted %.2f pages read back from disk per run",
                     faults);
}

static void diagnose_loading(nn_diagnosis_work *work) {
    const nn_experiment *run = &work->experiments.reading;
    double reading = run->was_run ? fmax(0, run->after - run->before) : 0;
    nn_bottleneck *item = nn_diagnosis_begin(work, NN_DATA_LOADING, reading);
    nn_diagnosis_add(&item->evidence, "read_ms", 1e3 * reading);
    nn_diagnosis_say(work, &item->evidence, "reading the inputs of a run takes %.3f ms of %.3f ms",
                     1e3 * reading, 1e3 * work->wall);
    nn_diagnosis_say_experiment(work, item, run, run->low > 1 && item->share > 0.05);
    if (!item->was_run) return;
    nn_diagnosis_say(work, &item->experiment,
                     "with inputs read from their files a run takes %.2fx as long as "
                     "with inputs in memory",
                     nn_experiment_ratio(run));
}

static void diagnose_no_copies(nn_diagnosis_work *work) {
    nn_bottleneck *item = nn_diagnosis_begin(work, NN_DEVICE_COPIES, 0);
    nn_diagnosis_say(work, &item->evidence, "the model runs on the CPU: nothing is copied");
    nn_diagnosis_say(work, &item->experiment, "not run: there is nothing to compare");
}

/* ---- advice ---- */

nn_status nn_diagnosis_advise(nn_diagnosis *diagnosis, nn_bottleneck_class class,
                              const nn_advice *advice) {
    nn_bottleneck *item = NULL;
    for (int i = 0; i < NN_BOTTLENECK_CLASSES; i++)
        if (diagnosis->items[i].class == class) item = &diagnosis->items[i];
    nn_advice copy = {nn_arena_strdup(&diagnosis->arena, advice->technique),
                      nn_arena_strdup(&diagnosis->arena, advice->text), advice->saved_seconds};
    if (copy.technique == NULL || copy.text == NULL ||
        !NN_GROW(item->advice, item->advice_count, item->advice_capacity))
        return nn_fail_memory(sizeof copy);
    int64_t at = item->advice_count++;
    for (; at > 0 && item->advice[at - 1].saved_seconds < copy.saved_seconds; at--)
        item->advice[at] = item->advice[at - 1];
    item->advice[at] = copy;
    return NN_OK;
}

/* What the experiments themselves have shown to help. */
static nn_status advise_options(nn_diagnosis_work *work) {
    const nn_profile *profile = work->profile;
    const nn_experiments *e = &work->experiments;
    char text[256];
    double gain = nn_diagnosis_batch_gain(work), speedup = thread_speedup(work);
    if (e->threads.was_run && profile->threads == 1 && e->threads.high < 1) {
        double saved = profile->total.median * (1 - 1 / speedup);
        snprintf(text, sizeof text, "--threads %d saves %.3f ms (measured)", most_threads(work),
                 1e3 * saved);
        NN_TRY(
            nn_diagnosis_advise(work->out, NN_PARALLELISM, &(nn_advice){"threads", text, saved}));
    }
    if (e->threads.was_run && profile->threads > 1 && e->threads.high < 1) {
        double saved = profile->total.median * (1 - speedup);
        snprintf(text, sizeof text, "--threads 1 saves %.3f ms (measured)", 1e3 * saved);
        NN_TRY(
            nn_diagnosis_advise(work->out, NN_PARALLELISM, &(nn_advice){"threads", text, saved}));
    }
    if (e->batch.was_run && gain > 1.05) {
        double saved = profile->total.median * (1 - 1 / gain);
        snprintf(text, sizeof text, "batch %lld saves %.3f ms a sample (measured)",
                 (long long)e->larger_batch, 1e3 * saved / (double)profile->batch);
        NN_TRY(nn_diagnosis_advise(work->out, NN_BATCH_SIZE, &(nn_advice){"batch", text, saved}));
    }
    return NN_OK;
}

/* ---- all together ---- */

static int compare_shares(const void *a, const void *b) {
    const nn_bottleneck *x = a, *y = b;
    if (x->share != y->share) return x->share < y->share ? 1 : -1;
    return (int)x->class - (int)y->class;
}

static nn_status allocate_parts(nn_diagnosis_work *work) {
    static const nn_bottleneck_class classes[] = {NN_COMPUTE, NN_MEMORY_BANDWIDTH,
                                                  NN_DISPATCH_OVERHEAD, NN_INEFFICIENT_LAYER,
                                                  NN_DEVICE_COPIES};
    size_t size = sizeof(double) * (size_t)(work->profile->row_count + 1);
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        work->parts[classes[i]] = nn_arena_alloc(&work->out->arena, size);
        if (work->parts[classes[i]] == NULL) return nn_fail_memory(size);
    }
    return NN_OK;
}

nn_status nn_diagnose(const nn_profile *profile, nn_model *model,
                      const nn_session_options *session_options, nn_dataset *data, bool reads_files,
                      double seconds, nn_diagnosis *out) {
    nn_diagnosis diagnosis = {0};
    nn_diagnosis_work work = {.profile = profile, .out = &diagnosis};
    nn_status status = allocate_parts(&work);
    if (status == NN_OK)
        status = nn_experiments_run(profile, model, session_options, data, reads_files, seconds,
                                    &work.experiments);
    if (status == NN_OK) {
        const nn_experiment *reading = &work.experiments.reading;
        double read = reading->was_run ? fmax(0, reading->after - reading->before) : 0;
        /* Steps that are timed one by one may take longer than runs as a whole: they are parts of
         * their sum then. */
        const double missing = profile->between - profile->unattributed;
        work.wall = profile->total.median + fmax(missing, 0) + read;
        for (int64_t i = 0; i < profile->row_count; i++) split_row(&work, i);
        diagnose_loading(&work);
        diagnose_batch(&work);
        if (profile->device != NULL) {
            nn_diagnose_device(&work);
        } else {
            diagnose_compute(&work);
            diagnose_memory(&work);
            diagnose_dispatch(&work);
            diagnose_parallelism(&work);
            diagnose_capacity(&work);
            diagnose_inefficient(&work);
            diagnose_no_copies(&work);
        }
        status = work.out_of_memory ? nn_fail_memory(1024) : advise_options(&work);
        if (status == NN_OK && profile->device != NULL) status = nn_advise_device(&work);
    }
    if (status != NN_OK) {
        nn_diagnosis_clear(&diagnosis);
        return status;
    }
    qsort(diagnosis.items, NN_BOTTLENECK_CLASSES, sizeof *diagnosis.items, compare_shares);
    *out = diagnosis;
    return NN_OK;
}

void nn_diagnosis_clear(nn_diagnosis *diagnosis) {
    for (int i = 0; i < NN_BOTTLENECK_CLASSES; i++) nn_free(diagnosis->items[i].advice);
    nn_arena_clear(&diagnosis->arena);
    *diagnosis = (nn_diagnosis){0};
}
