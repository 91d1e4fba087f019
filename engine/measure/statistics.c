/* Statistics of timing samples. Neighbouring samples share the state of the machine, so intervals
 * come from a moving-block bootstrap (Kuensch 1989), and a comparison resamples both sides
 * together. */
#include "engine/measure/measure.h"

#include "base/memory.h"
#include "base/random.h"

#include <math.h>
#include <stdlib.h>

enum { RESAMPLES = 400, MAX_RESAMPLED = 4096 };

nn_status nn_samples_add(nn_samples *samples, double value) {
    if (!NN_GROW(samples->values, samples->count, samples->capacity))
        return nn_fail_memory(sizeof value * (size_t)(samples->count + 1));
    samples->values[samples->count++] = value;
    return NN_OK;
}

void nn_samples_clear(nn_samples *samples) {
    nn_free(samples->values);
    *samples = (nn_samples){0};
}

/* ---- order statistics ---- */

static int compare_doubles(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Quantile of sorted values, linear between neighbours. */
static double sorted_quantile(const double *sorted, int64_t count, double quantile) {
    double position = quantile * (double)(count - 1);
    int64_t below = (int64_t)position;
    if (below + 1 >= count) return sorted[count - 1];
    double weight = position - (double)below;
    return sorted[below] * (1 - weight) + sorted[below + 1] * weight;
}

/* Partially sorts until values[rank] is the one that a full sort would put there (Hoare). */
static double select_rank(double *values, int64_t count, int64_t rank) {
    int64_t low = 0, high = count - 1;
    while (low < high) {
        double pivot = values[low + (high - low) / 2];
        int64_t i = low, j = high;
        while (i <= j) {
            while (values[i] < pivot) i++;
            while (values[j] > pivot) j--;
            if (i <= j) {
                double spare = values[i];
                values[i++] = values[j];
                values[j--] = spare;
            }
        }
        if (rank <= j)
            high = j;
        else if (rank >= i)
            low = i;
        else
            break;
    }
    return values[rank];
}

static double select_median(double *values, int64_t count) {
    double upper = select_rank(values, count, count / 2);
    if (count % 2 == 1) return upper;
    double lower = values[0];
    for (int64_t i = 1; i < count / 2; i++)
        if (values[i] > lower) lower = values[i];
    return 0.5 * (lower + upper);
}

/* ---- resampling ---- */

/* At most MAX_RESAMPLED of the samples, evenly spread and in order: thinning widens an interval. */
static double *thin(const nn_samples *samples, int64_t count) {
    double *values = nn_alloc((size_t)count * sizeof *values);
    if (values == NULL) return NULL;
    for (int64_t i = 0; i < count; i++) values[i] = samples->values[i * samples->count / count];
    return values;
}

static int64_t block_length(int64_t count) {
    int64_t length = (int64_t)cbrt((double)count);
    return length < 1 ? 1 : length;
}

/* Fills `out` (and `out_b` from `b`, unless NULL, at the same places) with blocks that wrap around.
 */
static void resample(const double *a, const double *b, int64_t count, int64_t block,
                     nn_random *random, double *out, double *out_b) {
    for (int64_t filled = 0; filled < count;) {
        int64_t at = nn_random_below(random, count);
        for (int64_t k = 0; k < block && filled < count; k++, filled++) {
            out[filled] = a[at];
            if (b != NULL) out_b[filled] = b[at];
            if (++at == count) at = 0;
        }
    }
}

nn_status nn_samples_statistics(const nn_samples *samples, nn_statistics *out) {
    if (samples->count == 0) return nn_fail(NN_INTERNAL, "statistics of no samples");
    int64_t count = samples->count, thinned = count < MAX_RESAMPLED ? count : MAX_RESAMPLED;
    nn_statistics result = {.count = count};
    double medians[RESAMPLES];
    double *sorted = nn_alloc((size_t)count * sizeof *sorted);
    double *series = thin(samples, thinned);
    double *scratch = nn_alloc((size_t)thinned * sizeof *scratch);
    nn_status status = NN_OK;
    if (sorted == NULL || series == NULL || scratch == NULL) {
        status = nn_fail_memory((size_t)count * sizeof *sorted);
        goto done;
    }
    memcpy(sorted, samples->values, (size_t)count * sizeof *sorted);
    qsort(sorted, (size_t)count, sizeof *sorted, compare_doubles);
    for (int64_t i = 0; i < count; i++) result.mean += sorted[i] / (double)count;
    result.minimum = sorted[0];
    result.median = sorted_quantile(sorted, count, 0.5);
    result.p90 = sorted_quantile(sorted, count, 0.9);
    result.p99 = sorted_quantile(sorted, count, 0.99);
    result.maximum = sorted[count - 1];

    nn_random random = nn_random_seed(1);
    for (int r = 0; r < RESAMPLES; r++) {
        resample(series, NULL, thinned, block_length(thinned), &random, scratch, NULL);
        medians[r] = select_median(scratch, thinned);
    }
    qsort(medians, RESAMPLES, sizeof *medians, compare_doubles);
    result.low = fmin(sorted_quantile(medians, RESAMPLES, 0.025), result.median);
    result.high = fmax(sorted_quantile(medians, RESAMPLES, 0.975), result.median);
    *out = result;
done:
    nn_free(sorted);
    nn_free(series);
    nn_free(scratch);
    return status;
}

nn_status nn_samples_quantiles(const nn_samples *samples, double first, double second, double *low,
                               double *high) {
    int64_t count = samples->count;
    if (count == 0) return nn_fail(NN_INTERNAL, "quantiles of no samples");
    double *scratch = nn_alloc((size_t)count * sizeof *scratch);
    if (scratch == NULL) return nn_fail_memory((size_t)count * sizeof *scratch);
    memcpy(scratch, samples->values, (size_t)count * sizeof *scratch);
    *low = select_rank(scratch, count, (int64_t)(first * (double)(count - 1)));
    *high = select_rank(scratch, count, (int64_t)ceil(second * (double)(count - 1)));
    nn_free(scratch);
    return NN_OK;
}

nn_status nn_samples_compare(const nn_samples *a, const nn_samples *b, nn_comparison *out) {
    if (a->count == 0 || b->count == 0) return nn_fail(NN_INTERNAL, "comparison of no samples");
    int64_t count = a->count < b->count ? a->count : b->count;
    if (count > MAX_RESAMPLED) count = MAX_RESAMPLED;
    nn_comparison result = {0};
    double ratios[RESAMPLES];
    double *series_a = thin(a, count), *series_b = thin(b, count);
    double *scratch_a = nn_alloc((size_t)count * sizeof *scratch_a);
    double *scratch_b = nn_alloc((size_t)count * sizeof *scratch_b);
    nn_status status = NN_OK;
    if (series_a == NULL || series_b == NULL || scratch_a == NULL || scratch_b == NULL) {
        status = nn_fail_memory((size_t)count * sizeof(double));
        goto done;
    }
    memcpy(scratch_a, series_a, (size_t)count * sizeof *scratch_a);
    memcpy(scratch_b, series_b, (size_t)count * sizeof *scratch_b);
    double median_a = select_median(scratch_a, count), median_b = select_median(scratch_b, count);
    if (!(median_a > 0) || !(median_b > 0)) {
        status = nn_fail(NN_INTERNAL, "comparison of samples that took no time");
        goto done;
    }
    result.ratio = median_b / median_a;

    nn_random random = nn_random_seed(1);
    for (int r = 0; r < RESAMPLES; r++) {
        resample(series_a, series_b, count, block_length(count), &random, scratch_a, scratch_b);
        ratios[r] = select_median(scratch_b, count) / select_median(scratch_a, count);
    }
    qsort(ratios, RESAMPLES, sizeof *ratios, compare_doubles);
    result.low = fmin(sorted_quantile(ratios, RESAMPLES, 0.025), result.ratio);
    result.high = fmax(sorted_quantile(ratios, RESAMPLES, 0.975), result.ratio);
    if (result.high < 1 && result.ratio < 0.99)
        result.verdict = NN_FASTER;
    else if (result.low > 1 && result.ratio > 1.01)
        result.verdict = NN_SLOWER;
    *out = result;
done:
    nn_free(series_a);
    nn_free(series_b);
    nn_free(scratch_a);
    nn_free(scratch_b);
    return status;
}

const char *nn_verdict_name(nn_verdict verdict) {
    switch (verdict) {
    case NN_FASTER:
        return "faster";
    case NN_SLOWER:
        return "slower";
    case NN_NO_DIFFERENCE:
        break;
    }
    return "no difference";
}
