/* Quality of a model: on labelled data, or against another model's outputs. */
#ifndef NN_EVALUATE_H
#define NN_EVALUATE_H

#include "base/dataset.h"
#include "base/options.h"
#include "engine/run/session.h"

extern const nn_option_table nn_options_eval;

typedef enum nn_metric_needs { NN_METRIC_LABELS, NN_METRIC_BASE } nn_metric_needs;

/* What one sample gives: value = sum of `part` / sum of `whole` over the samples for all metrics
 * but max_abs (the largest part) and snr (10 log10 of the quotient). */
typedef struct nn_score {
    double part, whole;
} nn_score;

/* One sample's piece of the judged output: `outer` x `classes` x `inner` values, class axis in the
 * middle (classes 1 for metrics that need no class axis). Elements are read with nn_tensor_get from
 * `first` on. */
typedef struct nn_outcome {
    const nn_tensor *output, *base; /* base NULL where the metric needs none */
    int64_t first, outer, classes, inner;
    int64_t label; /* where the metric needs labels */
} nn_outcome;

typedef struct nn_metric {
    const char *name; /* "top1" */
    const char *summary;
    nn_metric_needs needs;
    bool has_classes;
    bool higher_is_better;
    bool is_proportion; /* interval by Wilson (1927), else bootstrap over samples */
    nn_status (*score)(const nn_outcome *outcome, nn_score *out);
    double (*value)(const nn_score *scores, int64_t count);
} nn_metric;

extern const nn_metric nn_metrics[];               /* a NULL name ends it */
const nn_metric *nn_metric_find(const char *name); /* or NULL */
/* "top1" with labels, else "agreement" with a base, else NN_USAGE. */
nn_status nn_metric_default(bool has_labels, bool has_base, const nn_metric **out);

typedef struct nn_quality {
    const nn_metric *metric;
    double value, low, high; /* 95 % interval */
    nn_score *scores;        /* per sample, in the order of the data */
    int64_t count, capacity;
} nn_quality;

typedef struct nn_evaluation {
    const nn_metric *metric;
    const char *output; /* name of a model output; NULL: the first */
    int class_axis;     /* NN_CLASS_AXIS_AUTO: last, or 1 at rank 4 */
} nn_evaluation;
enum { NN_CLASS_AXIS_AUTO = -100 };
/* From the options of "eval"; a default metric where none is named. */
nn_status nn_evaluation_read(const nnopt_options *options, bool has_labels, bool has_base,
                             nn_evaluation *out);

/* Runs every feed through `session` (and `base`, NULL where the metric needs none). Data with NaN
 * is NN_BAD_INPUT. */
nn_status nn_evaluate(nn_session *session, nn_session *base, nn_dataset *data,
                      const nn_evaluation *evaluation, nn_quality *out);
/* The same by several sessions of one model side by side, each with its base (or NULL). */
nn_status nn_evaluate_on(nn_session *const *sessions, nn_session *const *bases, int count,
                         nn_dataset *data, const nn_evaluation *evaluation, nn_quality *out);
void nn_quality_clear(nn_quality *quality);

/* How much worse `after` is than `before` on the same samples, with the interval of the paired
 * bootstrap; positive is worse. `resolves` is the smallest drop that so many samples can tell from
 * none. */
typedef struct nn_drop {
    double value, low, high, resolves;
} nn_drop;
nn_status nn_quality_drop(const nn_quality *before, const nn_quality *after, nn_drop *out);

/* 95 % interval of a proportion. */
void nn_wilson(double successes, double trials, double *low, double *high);

#endif
