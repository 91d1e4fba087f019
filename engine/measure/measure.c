#include "engine/measure/measure.h"

#include "base/memory.h"

#include <math.h>

static const double turn_seconds = 4e-3;
/* Of measurements that a pass makes on its way. */
static const double short_warmup_seconds = 0.05;
enum { LEAST_ROUNDS = 5, MOST_RUNS_A_TURN = 64 };

/* What one entry feeds its session with: whole feeds of equal sample count, one after the other. */
typedef struct bench_lane {
    nn_bench_entry *entry;
    nn_tensor *outputs;
    size_t input_count;
    int64_t feed_count, next_feed;
    nn_feed feed; /* the one read last */
} bench_lane;

static nn_status lane_init(bench_lane *lane, nn_bench_entry *entry) {
    const nn_graph *graph = nn_session_model(entry->session)->graph;
    *lane = (bench_lane){.entry = entry,
                         .input_count = (size_t)graph->input_count,
                         .feed_count = entry->data->feed_count};
    if (lane->feed_count < 1)
        return nn_fail(NN_BAD_INPUT, "data '%s' holds no sample to measure", entry->data->name);
    size_t size = sizeof *lane->outputs * ((size_t)graph->output_count + 1);
    lane->outputs = nn_alloc_zero(size);
    if (lane->outputs == NULL) return nn_fail_memory(size);
    NN_TRY(entry->data->read(entry->data, 0, &lane->feed));
    entry->batch = lane->feed.sample_count;
    /* A smaller last feed would be another measurement. */
    if (lane->feed_count > 1 && entry->data->sample_count % entry->batch != 0) lane->feed_count--;
    return NN_OK;
}

static nn_status lane_run(bench_lane *lane, double *seconds) {
    nn_bench_entry *entry = lane->entry;
    /* Lanes may share a data set, whose feeds live until its next read. */
    NN_TRY(entry->data->read(entry->data, lane->next_feed, &lane->feed));
    lane->next_feed = (lane->next_feed + 1) % lane->feed_count;
    double start = nn_now();
    NN_TRY(nnopt_session_run(entry->session, lane->feed.inputs, lane->input_count, lane->outputs));
    *seconds = nn_now() - start;
    return NN_OK;
}

nn_status nn_bench_warm(nn_bench_entry *entry, int64_t runs) {
    bench_lane lane;
    double seconds;
    nn_status status = lane_init(&lane, entry);
    for (int64_t i = 0; i < runs && status == NN_OK; i++) {
        status = lane_run(&lane, &seconds);
        if (status == NN_OK) status = nn_check_interrupt();
    }
    nn_free(lane.outputs);
    return status;
}

/* Runs every lane for its share of the warm-up, at least twice; gives the slowest lane's time of a
 * run. */
static nn_status warm_up(bench_lane *lanes, int64_t count, double seconds, double *slowest) {
    *slowest = 0;
    for (int64_t i = 0; i < count; i++) {
        double least = INFINITY, end = nn_now() + seconds / (double)count;
        for (int runs = 0; runs < 2 || nn_now() < end; runs++) {
            double run;
            NN_TRY(lane_run(&lanes[i], &run));
            least = fmin(least, run);
            NN_TRY(nn_check_interrupt());
        }
        *slowest = fmax(*slowest, least);
    }
    return NN_OK;
}

/* One turn: where several take turns, a run to load the caches, then `runs` timed ones. */
static nn_status take_turn(bench_lane *lane, int64_t runs, bool warm) {
    double seconds;
    if (warm) NN_TRY(lane_run(lane, &seconds));
    for (int64_t i = 0; i < runs; i++) {
        NN_TRY(lane_run(lane, &seconds));
        NN_TRY(nn_samples_add(&lane->entry->samples, seconds));
    }
    return NN_OK;
}

static nn_status measure_rounds(bench_lane *lanes, int64_t count, double seconds,
                                int64_t iterations, double slowest) {
    int64_t runs = slowest > 0 ? (int64_t)(turn_seconds / slowest) : MOST_RUNS_A_TURN;
    if (runs < 1) runs = 1;
    if (runs > MOST_RUNS_A_TURN) runs = MOST_RUNS_A_TURN;
    double start = nn_now();
    for (int64_t round = 0, done = 0;; round++) {
        double elapsed = nn_now() - start;
        bool is_time_over = elapsed >= seconds && round >= LEAST_ROUNDS;
        if (is_time_over || (iterations > 0 && done >= iterations)) return NN_OK;
        if (isfinite(seconds))
            nn_progress("measuring", fmin(elapsed, seconds), seconds, NULL);
        else
            nn_progress("measuring", (double)done, (double)iterations, NULL);
        if (iterations > 0 && runs > iterations - done) runs = iterations - done;
        /* every other round backwards, so that none always follows the same one */
        for (int64_t i = 0; i < count; i++)
            NN_TRY(take_turn(&lanes[round % 2 == 0 ? i : count - 1 - i], runs, count > 1));
        done += runs;
        NN_TRY(nn_check_interrupt());
    }
}

nn_status nn_bench_interleaved(nn_bench_entry *entries, int64_t count, double seconds,
                               int64_t iterations, double warmup_seconds) {
    double slowest = 0;
    if (count < 1) return nn_fail(NN_USAGE, "no session to measure");
    if (!isfinite(seconds) && iterations < 1)
        return nn_fail(NN_USAGE, "a measurement needs a duration or a number of iterations");
    bench_lane *lanes = nn_alloc_zero((size_t)count * sizeof *lanes);
    if (lanes == NULL) return nn_fail_memory((size_t)count * sizeof *lanes);
    nn_status status = NN_OK;
    for (int64_t i = 0; i < count && status == NN_OK; i++)
        status = lane_init(&lanes[i], &entries[i]);
    if (status == NN_OK) status = warm_up(lanes, count, warmup_seconds, &slowest);
    if (status == NN_OK) status = measure_rounds(lanes, count, seconds, iterations, slowest);
    for (int64_t i = 0; i < count; i++) nn_free(lanes[i].outputs);
    nn_free(lanes);
    return status;
}

nn_status nn_bench_median(nn_session *session, nn_dataset *data, double seconds, double *median) {
    nn_bench_entry entry = {.session = session, .data = data};
    nn_statistics statistics;
    nn_status status = nn_bench_interleaved(&entry, 1, seconds, 0, short_warmup_seconds);
    if (status == NN_OK) status = nn_samples_statistics(&entry.samples, &statistics);
    if (status == NN_OK) *median = statistics.median;
    nn_samples_clear(&entry.samples);
    return status;
}

nn_status nn_bench_compare(nn_session *before, nn_session *after, nn_dataset *data, double seconds,
                           nn_bench_pair *out) {
    nn_bench_entry entries[2] = {{.session = before, .data = data},
                                 {.session = after, .data = data}};
    const nn_samples *samples[2] = {&entries[0].samples, &entries[1].samples};
    nn_statistics statistics[2];
    nn_status status = nn_bench_interleaved(entries, 2, seconds, 0, short_warmup_seconds);
    for (int i = 0; i < 2 && status == NN_OK; i++)
        status = nn_samples_statistics(samples[i], &statistics[i]);
    if (status == NN_OK) status = nn_samples_compare(samples[0], samples[1], &out->comparison);
    if (status == NN_OK) {
        out->before = statistics[0].median;
        out->after = statistics[1].median;
    }
    for (int i = 0; i < 2; i++) nn_samples_clear(&entries[i].samples);
    return status;
}
