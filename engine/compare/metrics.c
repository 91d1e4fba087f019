/* The metrics: what one sample scores, and how scores become a value. */
#include "engine/compare/evaluate.h"

#include <math.h>

/* ---- classes ---- */

static double element(const nn_tensor *tensor, const nn_outcome *outcome, int64_t outer,
                      int64_t class_index, int64_t inner) {
    int64_t at = (outer * outcome->classes + class_index) * outcome->inner + inner;
    return nn_tensor_get(tensor, outcome->first + at);
}

/* The class of the largest value, the first of equal ones; -1 when any value is NaN. */
static int64_t best_class(const nn_tensor *tensor, const nn_outcome *outcome, int64_t outer,
                          int64_t inner) {
    int64_t best = 0;
    double highest = -INFINITY;
    for (int64_t c = 0; c < outcome->classes; c++) {
        double value = element(tensor, outcome, outer, c, inner);
        if (isnan(value)) return -1;
        if (value > highest) {
            highest = value;
            best = c;
        }
    }
    return best;
}

static nn_status check_label(const nn_outcome *outcome) {
    if (outcome->outer * outcome->inner != 1)
        return nn_fail(NN_USAGE,
                       "the output has %lld positions a sample; a metric with labels needs 1",
                       (long long)(outcome->outer * outcome->inner));
    if (outcome->label < 0 || outcome->label >= outcome->classes)
        return nn_fail(NN_BAD_INPUT, "label %lld is not among the %lld classes of the output",
                       (long long)outcome->label, (long long)outcome->classes);
    return NN_OK;
}

static nn_status score_top1(const nn_outcome *outcome, nn_score *out) {
    NN_TRY(check_label(outcome));
    *out = (nn_score){best_class(outcome->output, outcome, 0, 0) == outcome->label, 1};
    return NN_OK;
}

/* Is the label among the five largest? Equal values rank by index, as in top1. */
static nn_status score_top5(const nn_outcome *outcome, nn_score *out) {
    NN_TRY(check_label(outcome));
    double own = element(outcome->output, outcome, 0, outcome->label, 0);
    int64_t above = 0;
    for (int64_t c = 0; c < outcome->classes; c++) {
        double value = element(outcome->output, outcome, 0, c, 0);
        if (isnan(value)) above += 5;
        if (value > own || (value == own && c < outcome->label)) above++;
    }
    *out = (nn_score){above < 5, 1};
    return NN_OK;
}

static void count_agreement(const nn_outcome *outcome, nn_score *out) {
    *out = (nn_score){0, (double)(outcome->outer * outcome->inner)};
    for (int64_t o = 0; o < outcome->outer; o++) {
        for (int64_t i = 0; i < outcome->inner; i++) {
            int64_t a = best_class(outcome->output, outcome, o, i);
            int64_t b = best_class(outcome->base, outcome, o, i);
            if (a == b && a >= 0) out->part++;
        }
    }
}

static nn_status score_agreement(const nn_outcome *outcome, nn_score *out) {
    count_agreement(outcome, out);
    return NN_OK;
}

static nn_status score_exact(const nn_outcome *outcome, nn_score *out) {
    nn_score positions;
    count_agreement(outcome, &positions);
    *out = (nn_score){positions.part == positions.whole, 1};
    return NN_OK;
}

/* ---- numbers ---- */

static int64_t element_count(const nn_outcome *outcome) {
    return outcome->outer * outcome->classes * outcome->inner;
}

static nn_status fail_not_finite(void) {
    return nn_fail(NN_CHECK, "an output is not finite: this metric has no value");
}

static nn_status score_cosine(const nn_outcome *outcome, nn_score *out) {
    double ab = 0, aa = 0, bb = 0;
    for (int64_t i = 0; i < element_count(outcome); i++) {
        double a = nn_tensor_get(outcome->output, outcome->first + i);
        double b = nn_tensor_get(outcome->base, outcome->first + i);
        ab += a * b;
        aa += a * a;
        bb += b * b;
    }
    if (!isfinite(ab + aa + bb)) return fail_not_finite();
    bool both_zero = aa == 0 && bb == 0;
    *out = (nn_score){both_zero ? 1 : aa > 0 && bb > 0 ? ab / sqrt(aa) / sqrt(bb) : 0, 1};
    return NN_OK;
}

/* part: energy of the base's output, whole: energy of the difference. */
static nn_status score_snr(const nn_outcome *outcome, nn_score *out) {
    *out = (nn_score){0, 0};
    for (int64_t i = 0; i < element_count(outcome); i++) {
        double a = nn_tensor_get(outcome->output, outcome->first + i);
        double b = nn_tensor_get(outcome->base, outcome->first + i);
        out->part += b * b;
        out->whole += (a - b) * (a - b);
    }
    return isfinite(out->part + out->whole) ? NN_OK : fail_not_finite();
}

static nn_status score_max_abs(const nn_outcome *outcome, nn_score *out) {
    *out = (nn_score){0, 1};
    for (int64_t i = 0; i < element_count(outcome); i++) {
        double a = nn_tensor_get(outcome->output, outcome->first + i);
        double b = nn_tensor_get(outcome->base, outcome->first + i);
        double difference = a == b ? 0 : fabs(a - b); /* equal infinities do not differ */
        if (isnan(difference)) return fail_not_finite();
        out->part = fmax(out->part, difference);
    }
    return NN_OK;
}

/* ---- values ---- */

static double value_quotient(const nn_score *scores, int64_t count) {
    double part = 0, whole = 0;
    for (int64_t i = 0; i < count; i++) {
        part += scores[i].part;
        whole += scores[i].whole;
    }
    return part / whole;
}

/* Identical outputs have no noise; 200 dB is beyond what double arithmetic resolves. */
static double value_decibels(const nn_score *scores, int64_t count) {
    double quotient = value_quotient(scores, count);
    return isnan(quotient) ? 200 : fmin(200, fmax(-200, 10 * log10(quotient)));
}

static double value_largest(const nn_score *scores, int64_t count) {
    double largest = 0;
    for (int64_t i = 0; i < count; i++) largest = fmax(largest, scores[i].part);
    return largest;
}

const nn_metric nn_metrics[] = {
    {"top1", "the label is the class of the largest output", NN_METRIC_LABELS, true, true, true,
     score_top1, value_quotient},
    {"top5", "the label is among the five largest outputs", NN_METRIC_LABELS, true, true, true,
     score_top5, value_quotient},
    {"agreement", "positions where both models choose the same class", NN_METRIC_BASE, true, true,
     false, score_agreement, value_quotient},
    {"exact", "samples where all positions agree", NN_METRIC_BASE, true, true, true, score_exact,
     value_quotient},
    {"cosine", "mean cosine between the outputs of a sample", NN_METRIC_BASE, false, true, false,
     score_cosine, value_quotient},
    {"snr", "energy of the base's output over that of the difference, in dB", NN_METRIC_BASE, false,
     true, false, score_snr, value_decibels},
    {"max_abs", "largest absolute difference", NN_METRIC_BASE, false, false, false, score_max_abs,
     value_largest},
    {0},
};

const nn_metric *nn_metric_find(const char *name) {
    for (const nn_metric *metric = nn_metrics; metric->name != NULL; metric++)
        if (strcmp(metric->name, name) == 0) return metric;
    return NULL;
}

nn_status nn_metric_default(bool has_labels, bool has_base, const nn_metric **out) {
    if (!has_labels && !has_base)
        return nn_fail(NN_USAGE, "no metric: the data has no 'labels', and there is no model to "
                                 "compare with (--against)");
    *out = nn_metric_find(has_labels ? "top1" : "agreement");
    return NN_OK;
}
