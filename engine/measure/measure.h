/* Measuring: clocks, interleaved samples, statistics that say when there is no difference. */
#ifndef NN_MEASURE_H
#define NN_MEASURE_H

#include "base/dataset.h"
#include "engine/run/session.h"

double nn_now(void); /* monotonic seconds */

typedef struct nn_samples {
    double *values; /* seconds, in the order taken */
    int64_t count, capacity;
} nn_samples;
nn_status nn_samples_add(nn_samples *samples, double value);
void nn_samples_clear(nn_samples *samples);

typedef struct nn_statistics {
    int64_t count;
    double minimum, median, mean, p90, p99, maximum;
    double low, high; /* 95 % bootstrap interval of the median, seeded */
} nn_statistics;
nn_status nn_samples_statistics(const nn_samples *samples, nn_statistics *out);

/* Two samples that stand at these quantiles. */
nn_status nn_samples_quantiles(const nn_samples *samples, double first, double second, double *low,
                               double *high);

typedef enum nn_verdict { NN_NO_DIFFERENCE, NN_FASTER, NN_SLOWER } nn_verdict;
/* Is b faster than a? Samples were interleaved. ratio = median b / median a with its 95 % interval;
 * a difference counts when the interval excludes 1 and the medians differ by more than 1 %. */
typedef struct nn_comparison {
    double ratio, low, high;
    nn_verdict verdict;
} nn_comparison;
nn_status nn_samples_compare(const nn_samples *a, const nn_samples *b, nn_comparison *out);
const char *nn_verdict_name(nn_verdict verdict); /* "no difference", "faster", "slower" */

/* Times `count` sessions in turn on the feeds of one data set each, until `seconds` are over (and
 * at least 5 rounds done) or each has `iterations` samples (0: no limit). Warm-up first. Turns are
 * some milliseconds long, so that a small model does not run with the caches that another left
 * behind. */
typedef struct nn_bench_entry {
    nn_session *session;
    nn_dataset *data;
    nn_samples samples; /* out: seconds per run */
    int64_t batch;      /* out: samples a run holds */
} nn_bench_entry;
nn_status nn_bench_interleaved(nn_bench_entry *entries, int64_t count, double seconds,
                               int64_t iterations, double warmup_seconds);
/* Median seconds of a run of one session. */
nn_status nn_bench_median(nn_session *session, nn_dataset *data, double seconds, double *median);
/* Two sessions in turn on the same data: the second against the first. */
typedef struct nn_bench_pair {
    double before, after; /* median seconds of a run */
    nn_comparison comparison;
} nn_bench_pair;
nn_status nn_bench_compare(nn_session *before, nn_session *after, nn_dataset *data, double seconds,
                           nn_bench_pair *out);
/* Runs the feeds of one entry untimed, `runs` times. */
nn_status nn_bench_warm(nn_bench_entry *entry, int64_t runs);

#endif
