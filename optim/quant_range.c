#include "optim/quant_range.h"

#include <math.h>

enum { SEARCH_STEPS = 64, KL_LEVELS = 128, VALUES_A_BIN = 64 };

void nn_quant_range_set(double low, double high, nn_type type, bool symmetric,
                        nn_quant_range *out) {
    int32_t qmin = type == NNOPT_INT8 ? -128 : 0, qmax = qmin + 255;
    low = fmin(low, 0);
    high = fmax(high, 0);
    if (symmetric) {
        high = fmax(-low, high);
        low = -high;
    }
    /* A symmetric range uses 127 steps a side, so that +limit is representable. */
    double steps = symmetric ? 254 : 255;
    double scale = (high - low) / steps;
    if (!(scale > 1e-30)) scale = 1;
    out->low = low;
    out->high = high;
    out->scale = (float)scale;
    out->zero_point = symmetric ? qmin + 128 : (int32_t)lrint(qmin - low / scale);
    if (out->zero_point < qmin) out->zero_point = qmin;
    if (out->zero_point > qmax) out->zero_point = qmax;
    out->error = 0;
}

double nn_quant_range_error(const nn_value_statistics *statistics, const nn_quant_range *range,
                            nn_type type) {
    int32_t qmin = type == NNOPT_INT8 ? -128 : 0, qmax = qmin + 255;
    double width = 2 * statistics->limit / NN_HISTOGRAM_BINS, error = 0;
    double lowest = (double)range->scale * (qmin - range->zero_point);
    double highest = (double)range->scale * (qmax - range->zero_point);
    for (int b = 0; b < NN_HISTOGRAM_BINS; b++) {
        double counted = (double)statistics->histogram[b];
        if (b == NN_HISTOGRAM_BINS / 2) counted -= (double)statistics->zero_count;
        if (counted <= 0) continue;
        double centre = -statistics->limit + (b + 0.5) * width, miss;
        if (centre < lowest || centre > highest) {
            miss = centre < lowest ? lowest - centre : centre - highest;
            miss = miss * miss;
        } else if (width < range->scale) {
            /* many bins to a step: uniform rounding noise */
            miss = (double)range->scale * range->scale / 12;
        } else {
            miss = width * width / 12;
        }
        error += miss * counted;
    }
    return statistics->count > 0 ? error / (double)statistics->count : 0;
}

static void choose_mse(const nn_value_statistics *statistics, nn_type type, bool symmetric,
                       nn_quant_range *out) {
    double best = INFINITY;
    nn_quant_range candidate;
    /* Both ends shrink together, then each alone around the best. */
    double low = statistics->minimum, high = statistics->maximum, kept = 1;
    for (int i = SEARCH_STEPS; i >= SEARCH_STEPS / 8; i--) {
        double part = (double)i / SEARCH_STEPS;
        nn_quant_range_set(low * part, high * part, type, symmetric, &candidate);
        double error = nn_quant_range_error(statistics, &candidate, type);
        if (error < best) {
            best = error;
            kept = part;
            *out = candidate;
        }
    }
    for (int side = 0; side < 2 && !symmetric; side++) {
        double from_low = out->low, from_high = out->high;
        for (int i = 1; i <= SEARCH_STEPS / 2; i++) {
            double part = 1.0 / kept * (double)(2 * i) / SEARCH_STEPS;
            nn_quant_range_set(side == 0 ? low * kept * part : from_low,
                               side == 1 ? high * kept * part : from_high, type, symmetric,
                               &candidate);
            double error = nn_quant_range_error(statistics, &candidate, type);
            if (error < best) {
                best = error;
                *out = candidate;
            }
        }
    }
    out->error = best;
}

static void choose_percentile(const nn_value_statistics *statistics, nn_type type, bool symmetric,
                              nn_quant_range *out) {
    double tail = 0.5e-4 * (double)statistics->count, below = 0, above = 0;
    double width = 2 * statistics->limit / NN_HISTOGRAM_BINS;
    double low = statistics->minimum, high = statistics->maximum;
    for (int b = 0; b < NN_HISTOGRAM_BINS; b++) {
        below += (double)statistics->histogram[b];
        if (below > tail) {
            low = fmax(low, -statistics->limit + b * width);
            break;
        }
    }
    for (int b = NN_HISTOGRAM_BINS - 1; b >= 0; b--) {
        above += (double)statistics->histogram[b];
        if (above > tail) {
            high = fmin(high, -statistics->limit + (b + 1) * width);
            break;
        }
    }
    nn_quant_range_set(low, high, type, symmetric, out);
}

/* Divergence of the histogram of magnitudes, clipped to `kept` bins, from its KL_LEVELS-level form.
 */
static double divergence(const double *magnitude, int bins, int kept) {
    double reference[NN_HISTOGRAM_BINS / 2], outliers = 0, total = 0, result = 0;
    for (int i = kept; i < bins; i++) outliers += magnitude[i];
    for (int i = 0; i < kept; i++) total += reference[i] = magnitude[i];
    reference[kept - 1] += outliers;
    total += outliers;
    if (total <= 0) return INFINITY;
    double quantised_total = total - outliers;
    if (quantised_total <= 0) return INFINITY;
    for (int level = 0; level < KL_LEVELS; level++) {
        int begin = (int)((int64_t)level * kept / KL_LEVELS);
        int end = (int)((int64_t)(level + 1) * kept / KL_LEVELS);
        double sum = 0;
        int filled = 0;
        for (int i = begin; i < end; i++) {
            sum += magnitude[i];
            filled += magnitude[i] > 0;
        }
        for (int i = begin; i < end; i++) {
            if (reference[i] <= 0) continue;
            double p = reference[i] / total;
            double q = magnitude[i] > 0 ? sum / filled / quantised_total : 1e-12;
            result += p * log(p / q);
        }
    }
    return result;
}

/* Merges bins in pairs until one holds VALUES_A_BIN values in the mean: the divergence of a
 * histogram of few values says more about chance than about the range. Returns the bins left. */
static int merge_sparse(double *magnitude, int bins) {
    double total = 0;
    for (int i = 0; i < bins; i++) total += magnitude[i];
    for (; bins > 2 * KL_LEVELS && total < VALUES_A_BIN * bins; bins /= 2)
        for (int i = 0; i < bins / 2; i++) magnitude[i] = magnitude[2 * i] + magnitude[2 * i + 1];
    return bins;
}

static void choose_kl(const nn_value_statistics *statistics, nn_type type, bool symmetric,
                      nn_quant_range *out) {
    enum { BINS = NN_HISTOGRAM_BINS / 2 };
    double magnitude[BINS];
    for (int i = 0; i < BINS; i++)
        magnitude[i] =
            (double)statistics->histogram[BINS + i] + (double)statistics->histogram[BINS - 1 - i];
    /* exact zeros, of which a rectified value is full, are represented whatever the range */
    magnitude[0] -= (double)statistics->zero_count;
    int bins = merge_sparse(magnitude, BINS), best_kept = bins;
    double best = INFINITY;
    for (int kept = KL_LEVELS; kept <= bins; kept += bins / KL_LEVELS) {
        double value = divergence(magnitude, bins, kept);
        if (value < best) {
            best = value;
            best_kept = kept;
        }
    }
    double limit = statistics->limit * best_kept / bins;
    nn_quant_range_set(fmax(statistics->minimum, -limit), fmin(statistics->maximum, limit), type,
                       symmetric, out);
}

nn_status nn_quant_range_choose(const nn_value_statistics *statistics, nn_range_method method,
                                nn_type type, bool symmetric, nn_quant_range *out) {
    if (statistics->count == 0)
        return nn_fail(NN_BAD_INPUT, "value '%s' was never seen in the calibration data",
                       statistics->value);
    if (statistics->minimum == statistics->maximum) {
        nn_quant_range_set(statistics->minimum, statistics->maximum, type, symmetric, out);
        return NN_OK;
    }
    switch (method) {
    case NN_RANGE_MSE:
        choose_mse(statistics, type, symmetric, out);
        return NN_OK;
    case NN_RANGE_PERCENTILE:
        choose_percentile(statistics, type, symmetric, out);
        break;
    case NN_RANGE_KL:
        choose_kl(statistics, type, symmetric, out);
        break;
    case NN_RANGE_MINMAX:
        nn_quant_range_set(statistics->minimum, statistics->maximum, type, symmetric, out);
        break;
    }
    out->error = nn_quant_range_error(statistics, out, type);
    return NN_OK;
}
