#include "engine/compare/evaluate_parts.h"

#include "base/memory.h"
#include "base/random.h"
#include "engine/report.h"

#include <math.h>
#include <stdlib.h>

enum { RESAMPLES = 1000 };
static const double normal_975 = 1.959963984540054;

/* ---- intervals ---- */

void nn_wilson(double successes, double trials, double *low, double *high) {
    double z = normal_975, p = successes / trials, spread = z * z / trials;
    double centre = (p + spread / 2) / (1 + spread);
    double half = z * sqrt(p * (1 - p) / trials + spread / (4 * trials)) / (1 + spread);
    *low = fmax(0, centre - half);
    *high = fmin(1, centre + half);
}

static int compare_doubles(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The 2.5 % and 97.5 % points of the statistic over resampled sets of samples. */
typedef double (*resampled_statistic)(const void *argument, const int64_t *picks, int64_t count);
static nn_status bootstrap(resampled_statistic statistic, const void *argument, int64_t count,
                           double *low, double *high) {
    double values[RESAMPLES];
    nn_random random = nn_random_seed(1);
    int64_t *picks = nn_alloc((size_t)count * sizeof *picks);
    if (picks == NULL) return nn_fail_memory((size_t)count * sizeof *picks);
    for (int r = 0; r < RESAMPLES; r++) {
        for (int64_t i = 0; i < count; i++) picks[i] = nn_random_below(&random, count);
        values[r] = statistic(argument, picks, count);
    }
    qsort(values, RESAMPLES, sizeof *values, compare_doubles);
    *low = values[RESAMPLES / 40];
    *high = values[RESAMPLES - 1 - RESAMPLES / 40];
    nn_free(picks);
    return NN_OK;
}

typedef struct picked_scores {
    const nn_metric *metric;
    const nn_score *before, *after;
    nn_score *scratch;
} picked_scores;

static double picked_value(const picked_scores *set, const nn_score *scores, const int64_t *picks,
                           int64_t count) {
    for (int64_t i = 0; i < count; i++) set->scratch[i] = scores[picks[i]];
    return set->metric->value(set->scratch, count);
}

static double value_of_after(const void *argument, const int64_t *picks, int64_t count) {
    const picked_scores *set = argument;
    return picked_value(set, set->after, picks, count);
}

static double drop_of_values(const nn_metric *metric, double before, double after) {
    return metric->higher_is_better ? before - after : after - before;
}

static double drop_of_picked(const void *argument, const int64_t *picks, int64_t count) {
    const picked_scores *set = argument;
    double before = picked_value(set, set->before, picks, count);
    return drop_of_values(set->metric, before, picked_value(set, set->after, picks, count));
}

static nn_status bootstrap_scores(resampled_statistic statistic, picked_scores *set, int64_t count,
                                  double *low, double *high) {
    set->scratch = nn_alloc((size_t)count * sizeof *set->scratch);
    if (set->scratch == NULL) return nn_fail_memory((size_t)count * sizeof *set->scratch);
    nn_status status = bootstrap(statistic, set, count, low, high);
    nn_free(set->scratch);
    return status;
}

nn_status nn_quality_finish(nn_quality *quality) {
    if (quality->count == 0) return nn_fail(NN_BAD_INPUT, "no sample to judge");
    quality->value = quality->metric->value(quality->scores, quality->count);
    if (quality->metric->is_proportion) {
        double trials = (double)quality->count;
        nn_wilson(quality->value * trials, trials, &quality->low, &quality->high);
        return NN_OK;
    }
    picked_scores set = {.metric = quality->metric, .after = quality->scores};
    NN_TRY(bootstrap_scores(value_of_after, &set, quality->count, &quality->low, &quality->high));
    quality->low = fmin(quality->low, quality->value);
    quality->high = fmax(quality->high, quality->value);
    return NN_OK;
}

void nn_quality_clear(nn_quality *quality) {
    nn_free(quality->scores);
    *quality = (nn_quality){0};
}

/* With n samples of which k changed, the standard error of a paired difference is near sqrt(k) / n;
 * at least one sample must change. */
nn_status nn_quality_drop(const nn_quality *before, const nn_quality *after, nn_drop *out) {
    if (before->metric != after->metric || before->count != after->count || before->count == 0)
        return nn_fail(NN_INTERNAL, "a drop between different metrics or samples");
    picked_scores set = {
        .metric = before->metric, .before = before->scores, .after = after->scores};
    nn_drop drop = {.value = drop_of_values(before->metric, before->value, after->value)};
    NN_TRY(bootstrap_scores(drop_of_picked, &set, before->count, &drop.low, &drop.high));
    drop.low = fmin(drop.low, drop.value);
    drop.high = fmax(drop.high, drop.value);
    /* Where no sample changed, a few in as many others still may. */
    double least, unseen = 0;
    if (before->metric->has_classes) nn_wilson(0, (double)before->count, &least, &unseen);
    drop.resolves = fmax((drop.high - drop.low) / 2, unseen);
    *out = drop;
    return NN_OK;
}

/* ---- running ---- */

static nn_status find_output(const nn_session *session, const char *name, int64_t *out) {
    const nn_graph *graph = nn_session_model((nn_session *)session)->graph;
    *out = 0;
    if (name == NULL)
        return graph->output_count > 0 ? NN_OK
                                       : nn_fail(NN_BAD_INPUT, "the model has no output to judge");
    for (int64_t i = 0; i < graph->output_count; i++) {
        if (strcmp(graph->outputs[i]->name, name) != 0) continue;
        *out = i;
        return NN_OK;
    }
    return nn_fail(NN_USAGE, "the model has no output '%s'", name);
}

/* Splits the output of a feed into samples along axis 0 and finds the class axis. */
static nn_status shape_outcome(const nn_evaluator *self, const nn_feed *feed,
                               const nn_tensor *output, nn_outcome *out) {
    const nn_metric *metric = self->evaluation->metric;
    int64_t count = nn_tensor_count(output), samples = feed->sample_count;
    int axis = self->evaluation->class_axis;
    char shape[256];
    nn_dims_text(output->dims, output->rank, shape, sizeof shape);
    if (!nn_type_is_plain(output->type))
        return nn_fail(NN_UNSUPPORTED, "an output of type %s cannot be judged",
                       nnopt_type_name(output->type));
    if (samples > 1 && (output->rank < 1 || output->dims[0] % samples != 0))
        return nn_fail(NN_USAGE, "an output of shape %s does not split into %lld samples", shape,
                       (long long)samples);
    *out = (nn_outcome){.output = output, .outer = 1, .classes = 1, .inner = count / samples};
    if (!metric->has_classes) return NN_OK;
    if (axis == NN_CLASS_AXIS_AUTO) axis = output->rank == 4 ? 1 : output->rank - 1;
    if (axis < 0) axis += output->rank;
    if (axis < 0 || axis >= output->rank)
        return nn_fail(NN_USAGE, "class axis %d is outside an output of shape %s",
                       self->evaluation->class_axis, shape);
    if (samples > 1 && axis == 0)
        return nn_fail(NN_USAGE, "axis 0 of an output of shape %s counts samples, not classes",
                       shape);
    out->classes = output->dims[axis];
    out->inner = 1;
    for (int i = axis + 1; i < output->rank; i++) out->inner *= output->dims[i];
    int64_t row = out->classes * out->inner;
    if (row == 0) return nn_fail(NN_BAD_INPUT, "an output of shape %s has no classes", shape);
    out->outer = count / samples / row;
    return NN_OK;
}

static nn_status score_feed(const nn_evaluator *self, const nn_feed *feed, int64_t first_sample,
                            nn_quality *quality) {
    const nn_metric *metric = self->evaluation->metric;
    const nn_tensor *output = &self->outputs[self->output], *base = NULL;
    nn_outcome outcome;
    NN_TRY(shape_outcome(self, feed, output, &outcome));
    if (metric->needs == NN_METRIC_BASE) {
        base = &self->base_outputs[self->base_output];
        if (!nn_dims_equal(output->dims, output->rank, base->dims, base->rank)) {
            char a[256], b[256];
            return nn_fail(NN_USAGE, "the outputs to compare have shapes %s and %s",
                           nn_dims_text(output->dims, output->rank, a, sizeof a),
                           nn_dims_text(base->dims, base->rank, b, sizeof b));
        }
    }
    outcome.base = base;
    for (int64_t s = 0; s < feed->sample_count; s++) {
        nn_score score;
        outcome.first = s * outcome.outer * outcome.classes * outcome.inner;
        if (metric->needs == NN_METRIC_LABELS) outcome.label = nn_tensor_get_int(feed->labels, s);
        nn_status status = metric->score(&outcome, &score);
        if (status != NN_OK)
            return nn_fail_context(status, "sample %lld", (long long)(first_sample + s));
        if (!NN_GROW(quality->scores, quality->count, quality->capacity))
            return nn_fail_memory(sizeof score * (size_t)(quality->count + 1));
        quality->scores[quality->count++] = score;
    }
    return NN_OK;
}

nn_status nn_evaluator_run(const nn_evaluator *self, const nn_feed *feed, int64_t first_sample,
                           nn_quality *quality) {
    size_t inputs = (size_t)self->data->input_count;
    NN_TRY(nnopt_session_run(self->session, feed->inputs, inputs, self->outputs));
    if (self->base != NULL)
        NN_TRY(nnopt_session_run(self->base, feed->inputs, inputs, self->base_outputs));
    return score_feed(self, feed, first_sample, quality);
}

static nn_status run_feed(const nn_evaluator *self, int64_t index, nn_quality *quality) {
    nn_feed feed;
    NN_TRY(self->data->read(self->data, index, &feed));
    NN_TRY(nn_dataset_refuse_nan(self->data, index, &feed));
    return nn_evaluator_run(self, &feed, quality->count, quality);
}

static nn_status check_needs(const nn_evaluator *self) {
    const nn_metric *metric = self->evaluation->metric;
    if (metric->needs == NN_METRIC_LABELS && !self->data->has_labels)
        return nn_fail(NN_USAGE, "metric '%s' needs data with 'labels', '%s' has none",
                       metric->name, self->data->name);
    if (metric->needs == NN_METRIC_BASE && self->base == NULL)
        return nn_fail(NN_USAGE, "metric '%s' needs a model to compare with (--against)",
                       metric->name);
    if (self->base == NULL) return NN_OK;
    const nn_graph *a = nn_session_model(self->session)->graph;
    const nn_graph *b = nn_session_model(self->base)->graph;
    bool same = a->input_count == b->input_count;
    for (int64_t i = 0; same && i < a->input_count; i++)
        same = strcmp(a->inputs[i]->name, b->inputs[i]->name) == 0;
    return same ? NN_OK : nn_fail(NN_USAGE, "the two models do not have the same inputs");
}

static nn_tensor *alloc_outputs(const nn_session *session) {
    const nn_graph *graph = nn_session_model((nn_session *)session)->graph;
    return nn_alloc_zero(((size_t)graph->output_count + 1) * sizeof(nn_tensor));
}

nn_status nn_evaluator_init(nn_session *session, nn_session *base, nn_dataset *data,
                            const nn_evaluation *evaluation, nn_evaluator *out) {
    nn_evaluator self = {.evaluation = evaluation,
                         .session = session,
                         .base = evaluation->metric->needs == NN_METRIC_BASE ? base : NULL,
                         .data = data};
    NN_TRY(check_needs(&self));
    NN_TRY(find_output(session, evaluation->output, &self.output));
    if (self.base != NULL) NN_TRY(find_output(self.base, evaluation->output, &self.base_output));
    self.outputs = alloc_outputs(session);
    self.base_outputs = self.base != NULL ? alloc_outputs(self.base) : NULL;
    if (self.outputs == NULL || (self.base != NULL && self.base_outputs == NULL)) {
        nn_evaluator_clear(&self);
        return nn_fail_memory(sizeof(nn_tensor));
    }
    *out = self;
    return NN_OK;
}

void nn_evaluator_clear(nn_evaluator *self) {
    nn_free(self->outputs);
    nn_free(self->base_outputs);
    *self = (nn_evaluator){0};
}

nn_status nn_evaluate(nn_session *session, nn_session *base, nn_dataset *data,
                      const nn_evaluation *evaluation, nn_quality *out) {
    nn_quality quality = {.metric = evaluation->metric};
    nn_evaluator self;
    nn_status status = NN_OK;
    NN_TRY(nn_evaluator_init(session, base, data, evaluation, &self));
    for (int64_t i = 0; i < data->feed_count && status == NN_OK; i++) {
        status = run_feed(&self, i, &quality);
        nn_progress("evaluating", (double)i + 1, (double)data->feed_count, NULL);
        if (status == NN_OK) status = nn_check_interrupt();
    }
    if (status == NN_OK) status = nn_quality_finish(&quality);
    nn_evaluator_clear(&self);
    if (status == NN_OK)
        *out = quality;
    else
        nn_quality_clear(&quality);
    return status;
}
