#include "engine/measure/profile_parts.h"

#include "base/integers.h"
#include "base/memory.h"

#include <math.h>
#include <sys/resource.h>

static const double turn_seconds = 4e-3; /* of each model, where several take turns */
enum { LEAST_ROUNDS = 5, MOST_PAIRS_A_TURN = 32 };

const char *nn_bound_name(nn_bound bound) {
    return bound == NN_BOUND_COMPUTE ? "compute" : bound == NN_BOUND_MEMORY ? "memory" : "overhead";
}

void nn_step_timer_hook(void *user, const nn_plan *plan, int64_t step, bool begin) {
    (void)plan;
    nn_step_timer *timer = user;
    if (begin) {
        if (timer->threads > 1) timer->load = nn_pool_watched();
        timer->begin = nn_now();
        return;
    }
    const double seconds = nn_now() - timer->begin;
    timer->durations[step] += seconds;
    if (timer->threads <= 1) return;
    const nn_pool_load load = nn_pool_watched();
    const double shared = load.shared - timer->load.shared, busy = load.busy - timer->load.busy;
    /* outside of shared work the caller is busy alone */
    timer->idle[step] += fmax(0, timer->threads * seconds - (seconds - shared) - busy);
}

/* ---- runs ---- */

typedef struct profiler {
    nn_session *session;
    const nn_plan *plan;
    nn_feed feed;
    size_t input_count;
    nn_tensor *outputs;
    nn_step_timer timer;
    nn_samples instrumented, between;
    double least; /* seconds of the fastest run of the warm-up */
    nn_profile *profile;
} profiler;

static nn_status run_plain(profiler *self, double *seconds) {
    double start = nn_now();
    NN_TRY(nnopt_session_run(self->session, self->feed.inputs, self->input_count, self->outputs));
    *seconds = nn_now() - start;
    return NN_OK;
}

static nn_status run_instrumented(profiler *self) {
    nn_profile *profile = self->profile;
    double seconds;
    const size_t timed = sizeof(double) * (size_t)(profile->row_count + 1);
    memset(self->timer.durations, 0, timed);
    memset(self->timer.idle, 0, timed);
    nn_session_set_hook(self->session, nn_step_timer_hook, &self->timer);
    nn_pool_watch(self->timer.threads > 1);
    nn_status status = run_plain(self, &seconds);
    nn_pool_watch(false);
    nn_session_set_hook(self->session, NULL, NULL);
    NN_TRY(status);
    NN_TRY(nn_samples_add(&self->instrumented, seconds));
    double between = seconds;
    for (int64_t i = 0; i < profile->row_count; i++) {
        nn_profile_row *row = &profile->rows[i];
        double step = self->timer.durations[i];
        if (row->on_device) { /* the hook saw how long it took to put it into the queue */
            step = nn_plan_device_seconds(self->plan, i) + profile->timer_seconds;
            row->occupancy = nn_plan_occupancy(self->plan, i);
        }
        NN_TRY(nn_samples_add(&row->samples, step));
        row->timed += self->timer.durations[i];
        row->idle_seconds += self->timer.idle[i];
        between -= step;
    }
    /* The timer takes as long outside of what it measures as inside. */
    between -= (double)profile->row_count * profile->timer_seconds;
    return nn_samples_add(&self->between, fmax(0, between));
}

static nn_status warm_up(profiler *self, double seconds) {
    double run, end = nn_now() + seconds;
    self->least = INFINITY;
    for (int i = 0; i < 2 || nn_now() < end; i++) {
        NN_TRY(run_plain(self, &run));
        self->least = fmin(self->least, run);
        NN_TRY(nn_check_interrupt());
    }
    return NN_OK;
}

static double count_major_faults(void) {
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? (double)usage.ru_majflt : 0;
}

/* Plain and instrumented runs in turn, so that both see the same state of the machine; where
 * several models take turns, a run to load the caches first. */
static nn_status take_turn(profiler *self, int64_t pairs, bool warm) {
    double run, faults = count_major_faults();
    if (warm) NN_TRY(run_plain(self, &run));
    for (int64_t i = 0; i < pairs; i++) {
        NN_TRY(run_plain(self, &run));
        NN_TRY(nn_samples_add(&self->profile->plain, run));
        NN_TRY(run_instrumented(self));
    }
    self->profile->major_faults += count_major_faults() - faults;
    return nn_check_interrupt();
}

static nn_status run_rounds(profiler *profilers, int64_t count, double seconds,
                            int64_t iterations) {
    double slowest = 0, start = nn_now();
    for (int64_t i = 0; i < count; i++) slowest = fmax(slowest, profilers[i].least);
    int64_t pairs = count > 1 && slowest > 0 ? (int64_t)(turn_seconds / (2 * slowest)) : 1;
    pairs = pairs < 1 ? 1 : pairs > MOST_PAIRS_A_TURN ? MOST_PAIRS_A_TURN : pairs;
    int64_t done = 0;
    for (int64_t round = 0;; round++) {
        double elapsed = nn_now() - start;
        bool is_time_over = elapsed >= seconds && done >= LEAST_ROUNDS;
        if (iterations > 0 ? done >= iterations : is_time_over) break;
        if (iterations > 0 && pairs > iterations - done) pairs = iterations - done;
        nn_progress("profiling", fmin(elapsed, seconds), seconds, NULL);
        for (int64_t i = 0; i < count; i++)
            NN_TRY(take_turn(&profilers[round % 2 == 0 ? i : count - 1 - i], pairs, count > 1));
        done += pairs;
    }
    for (int64_t i = 0; i < count; i++) profilers[i].profile->major_faults /= (double)(2 * done);
    return NN_OK;
}

/* ---- evaluation ---- */

/* The cheapest step is almost nothing but its fixed cost; what no step accounts for is spread over
 * all. */
static double estimate_dispatch(const nn_profile *profile) {
    double least = INFINITY;
    for (int64_t i = 0; i < profile->row_count; i++) least = fmin(least, profile->rows[i].seconds);
    if (profile->row_count == 0) return 0;
    double spread = profile->between / (double)profile->row_count;
    return fmin(least, 5e-6) + fmin(spread, 5e-6);
}

static nn_bound bound_of(const nn_profile *profile, const nn_profile_row *row) {
    if (row->attainable < profile->dispatch && row->seconds < 5 * profile->dispatch)
        return NN_BOUND_OVERHEAD;
    return row->compute_seconds >= row->memory_seconds ? NN_BOUND_COMPUTE : NN_BOUND_MEMORY;
}

/* Mean of a step over the runs whose total time lies in the middle half. */
static double typical(const nn_samples *step, const nn_samples *runs, double low, double high) {
    double sum = 0;
    int64_t count = 0;
    for (int64_t i = 0; i < step->count; i++) {
        if (runs->values[i] < low || runs->values[i] > high) continue;
        sum += step->values[i];
        count++;
    }
    return sum / (double)count; /* the run with the median time is always among them */
}

static nn_status evaluate_rows(profiler *self) {
    nn_profile *profile = self->profile;
    if (profile->device != NULL) {
        profile->device->calls->sensors(profile->device, &profile->sensors);
        profile->is_recorded = nn_plan_is_recorded(self->plan);
    }
    nn_statistics statistics;
    double sum = 0, low, high;
    NN_TRY(nn_samples_statistics(&profile->plain, &profile->total));
    NN_TRY(nn_samples_statistics(&self->instrumented, &statistics));
    profile->instrumented = statistics.median;
    NN_TRY(nn_samples_quantiles(&self->instrumented, 0.25, 0.75, &low, &high));
    NN_TRY(nn_samples_statistics(&self->between, &statistics));
    profile->between = statistics.median;
    for (int64_t i = 0; i < profile->row_count; i++) {
        nn_profile_row *row = &profile->rows[i];
        NN_TRY(nn_samples_statistics(&row->samples, &statistics));
        row->median = fmax(0, statistics.median - profile->timer_seconds);
        row->seconds = fmax(0, typical(&row->samples, &self->instrumented, low, high) -
                                   profile->timer_seconds);
        row->share = row->seconds / profile->total.median;
        if (self->timer.threads > 1 && !row->on_device && row->timed > 0)
            row->idle = row->idle_seconds / (self->timer.threads * row->timed);
        sum += row->seconds;
    }
    profile->unattributed = profile->total.median - sum;
    profile->dispatch = estimate_dispatch(profile);
    for (int64_t i = 0; i < profile->row_count; i++)
        profile->rows[i].bound = bound_of(profile, &profile->rows[i]);
    return NN_OK;
}

static nn_status describe_plan(nn_profile *profile, const nn_plan *plan) {
    profile->row_count = nn_plan_step_count(plan);
    profile->slab_bytes = nn_plan_slab_bytes(plan);
    profile->device_bytes = nn_plan_device_slab_bytes(plan);
    profile->packed_bytes = nn_plan_packed_bytes(plan);
    nn_plan_footprint(plan, &profile->constant_bytes);
    size_t size = sizeof *profile->rows * (size_t)(profile->row_count + 1);
    profile->rows = nn_arena_alloc(&profile->arena, size);
    if (profile->rows == NULL) return nn_fail_memory(size);
    for (int64_t i = 0; i < profile->row_count; i++) {
        nn_step_info step;
        nn_plan_step(plan, i, &step);
        NN_TRY(nn_profile_describe_row(profile, &step, &profile->rows[i]));
        profile->macs += step.cost.macs;
        profile->flops += step.cost.flops;
        profile->bytes += step.cost.bytes_read + step.cost.bytes_written;
    }
    int64_t absent = nn_plan_absent_count(plan);
    size = sizeof *profile->absent_nodes * (size_t)(absent + 1);
    profile->absent_nodes = nn_arena_alloc(&profile->arena, size);
    profile->absent_reasons = nn_arena_alloc(&profile->arena, size);
    if (profile->absent_nodes == NULL || profile->absent_reasons == NULL)
        return nn_fail_memory(size);
    for (int64_t i = 0; i < absent; i++) {
        const char *reason = "";
        const char *node = nn_plan_absent(plan, i, &reason);
        profile->absent_nodes[i] = nn_arena_strdup(&profile->arena, node);
        profile->absent_reasons[i] = nn_arena_strdup(&profile->arena, reason);
        if (profile->absent_nodes[i] == NULL || profile->absent_reasons[i] == NULL)
            return nn_fail_memory(strlen(node) + strlen(reason));
    }
    profile->absent_count = absent;
    return NN_OK;
}

static nn_status prepare(profiler *self, nn_dataset *data) {
    const nn_graph *graph = nn_session_model(self->session)->graph;
    nn_profile *profile = self->profile;
    nn_plan *plan = NULL;
    if (data->feed_count < 1)
        return nn_fail(NN_BAD_INPUT, "data '%s' holds no sample to profile", data->name);
    self->input_count = (size_t)graph->input_count;
    self->outputs = nn_alloc_zero(sizeof(nn_tensor) * ((size_t)graph->output_count + 1));
    if (self->outputs == NULL) return nn_fail_memory(sizeof(nn_tensor));
    NN_TRY(nn_roofline_get(false, &profile->roofline));
    NN_TRY(data->read(data, 0, &self->feed));
    profile->batch = self->feed.sample_count;
    profile->threads = nn_session_threads(self->session);
    profile->device = nn_session_device(self->session);
    profile->precision = nn_session_precision(self->session);
    if (profile->device != NULL)
        NN_TRY(nn_device_roofline_get(profile->device, false, &profile->device_roofline));
    NN_TRY(nn_session_plan(self->session, self->feed.inputs, self->input_count, &plan));
    self->plan = plan;
    /* once, so that shapes found in a run are there to be described */
    NN_TRY(nnopt_session_run(self->session, self->feed.inputs, self->input_count, self->outputs));
    NN_TRY(describe_plan(profile, plan));
    const int64_t groups = nn_plan_group_count(plan);
    /* which the one thread that is timed runs, the cost of timing each time */
    const int64_t visits = nn_divide_up(groups, groups > 1 ? profile->threads : 1);
    profile->timer_seconds = (double)visits * nn_profile_timer_seconds();
    const size_t count = (size_t)profile->row_count + 1, size = 2 * count * sizeof(double);
    self->timer.durations = nn_alloc_zero(size);
    if (self->timer.durations == NULL) return nn_fail_memory(size);
    self->timer.idle = self->timer.durations + count;
    /* threads that run groups of their own know of no others in a step */
    self->timer.threads = groups > 1 ? 1 : profile->threads;
    return NN_OK;
}

/* A feed ends when the next one is read from the same data. */
static nn_status read_feeds(profiler *profilers, const nn_profile_entry *entries, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        int64_t same = 0;
        while (entries[same].data != entries[i].data) same++;
        if (same < i)
            profilers[i].feed = profilers[same].feed;
        else
            NN_TRY(entries[i].data->read(entries[i].data, 0, &profilers[i].feed));
    }
    return NN_OK;
}

static void profiler_clear(profiler *self) {
    nn_free(self->outputs);
    nn_free(self->timer.durations);
    nn_samples_clear(&self->instrumented);
    nn_samples_clear(&self->between);
}

nn_status nn_profile_interleaved(nn_profile_entry *entries, int64_t count, double seconds,
                                 int64_t iterations, double warmup_seconds) {
    profiler *profilers = nn_alloc_zero((size_t)count * sizeof *profilers);
    if (profilers == NULL) return nn_fail_memory((size_t)count * sizeof *profilers);
    nn_status status = NN_OK;
    for (int64_t i = 0; i < count && status == NN_OK; i++) {
        entries[i].profile = (nn_profile){0};
        profilers[i] = (profiler){.session = entries[i].session, .profile = &entries[i].profile};
        status = prepare(&profilers[i], entries[i].data);
        if (status == NN_OK) status = warm_up(&profilers[i], warmup_seconds / (double)count);
    }
    if (status == NN_OK) status = read_feeds(profilers, entries, count);
    if (status == NN_OK) status = run_rounds(profilers, count, seconds, iterations);
    for (int64_t i = 0; i < count && status == NN_OK; i++) status = evaluate_rows(&profilers[i]);
    for (int64_t i = 0; i < count; i++) {
        profiler_clear(&profilers[i]);
        if (status != NN_OK) nn_profile_clear(&entries[i].profile);
    }
    nn_free(profilers);
    return status;
}

nn_status nn_profile_run(nn_session *session, nn_dataset *data, double seconds, int64_t iterations,
                         double warmup_seconds, nn_profile *out) {
    nn_profile_entry entry = {.session = session, .data = data};
    NN_TRY(nn_profile_interleaved(&entry, 1, seconds, iterations, warmup_seconds));
    *out = entry.profile;
    return NN_OK;
}

void nn_profile_clear(nn_profile *profile) {
    for (int64_t i = 0; i < profile->row_count && profile->rows != NULL; i++)
        nn_samples_clear(&profile->rows[i].samples);
    nn_samples_clear(&profile->plain);
    nn_arena_clear(&profile->arena);
    *profile = (nn_profile){0};
}

const nn_profile_row *nn_profile_find(const nn_profile *profile, const char *node) {
    const nn_profile_row *found = NULL;
    for (int64_t i = 0; i < profile->row_count; i++) {
        const nn_profile_row *row = &profile->rows[i];
        if (strcmp(row->node, node) == 0 && (found == NULL || row->seconds > found->seconds))
            found = row;
    }
    return found;
}
