#include "optim/calibration.h"

#include "engine/run/session.h"

#include <math.h>

nn_status nn_for_each_feed(nn_model *model, nn_dataset *data, int64_t max_samples,
                           const char *const *values, int64_t count, nn_tap_function visit,
                           void *user) {
    nn_session *session = NULL;
    nn_session_options options = {.taps = values, .tap_count = count};
    NN_TRY(nn_session_open(model, &options, &session));

    nn_status status = NN_OK;
    size_t output_count = (size_t)model->graph->output_count;
    nn_tensor *outputs = nn_alloc_zero((output_count + (size_t)count + 1) * sizeof *outputs);
    nn_tensor *taps = outputs != NULL ? outputs + output_count : NULL;
    if (outputs == NULL) status = nn_fail_memory(output_count * sizeof *outputs);

    int64_t seen = 0;
    for (int64_t f = 0; status == NN_OK && f < data->feed_count; f++) {
        if (max_samples > 0 && seen >= max_samples) break;
        nn_feed feed;
        NN_TRY_DONE(nn_check_interrupt());
        NN_TRY_DONE(data->read(data, f, &feed));
        NN_TRY_DONE(nnopt_session_run(session, feed.inputs, (size_t)data->input_count, outputs));
        for (int64_t i = 0; i < count; i++) NN_TRY_DONE(nn_session_tap(session, i, &taps[i]));
        status = visit(user, taps, feed.sample_count);
        if (status != NN_OK) {
            nn_fail_context(status, "%s: sample %lld", data->name, (long long)seen);
            goto done;
        }
        seen += feed.sample_count;
        nn_progress("calibrating", (double)seen, (double)data->sample_count, NULL);
    }
    if (status == NN_OK && seen == 0)
        status = nn_fail(NN_BAD_INPUT, "%s: no samples to calibrate with", data->name);
done:
    nn_free(outputs);
    nnopt_session_destroy(session);
    return status;
}

/* ---- statistics of values ---- */

/* Doubles the limit: bins merge in pairs towards the centre. */
static void widen(nn_value_statistics *statistics) {
    enum { HALF = NN_HISTOGRAM_BINS / 2 };
    uint64_t *bins = statistics->histogram;
    for (int i = 0; i < HALF / 2; i++) {
        bins[HALF + i] = bins[HALF + 2 * i] + bins[HALF + 2 * i + 1];
        bins[HALF - 1 - i] = bins[HALF - 1 - 2 * i] + bins[HALF - 2 - 2 * i];
    }
    for (int i = HALF / 2; i < HALF; i++) bins[HALF + i] = bins[HALF - 1 - i] = 0;
    statistics->limit *= 2;
}

/* Makes the histogram span at least `magnitude`; zeros seen so far lie in the middle bin. */
static void span(nn_value_statistics *statistics, double magnitude) {
    if (magnitude <= 0) return;
    if (statistics->limit == 0) {
        statistics->limit = magnitude;
        return;
    }
    while (magnitude > statistics->limit) widen(statistics);
}

nn_status nn_value_statistics_add(nn_value_statistics *statistics, const float *values,
                                  int64_t count) {
    if (count == 0) return NN_OK;
    double low = values[0], high = values[0], sum = 0, square_sum = 0;
    for (int64_t i = 0; i < count; i++) {
        double value = values[i];
        if (!isfinite(value))
            return nn_fail(NN_BAD_INPUT, "value '%s' holds %s", statistics->value,
                           isnan(value) ? "NaN" : "infinity");
        if (value < low) low = value;
        if (value > high) high = value;
        sum += value;
        statistics->zero_count += value == 0;
        square_sum += value * value;
    }
    if (statistics->count == 0 || low < statistics->minimum) statistics->minimum = low;
    if (statistics->count == 0 || high > statistics->maximum) statistics->maximum = high;
    statistics->sum += sum;
    statistics->square_sum += square_sum;
    statistics->count += count;

    span(statistics, fmax(-low, high));
    double scale = statistics->limit > 0 ? NN_HISTOGRAM_BINS / (2 * statistics->limit) : 0;
    for (int64_t i = 0; i < count; i++) {
        int bin = (int)((values[i] + statistics->limit) * scale);
        if (statistics->limit == 0) bin = NN_HISTOGRAM_BINS / 2;
        statistics->histogram[bin < NN_HISTOGRAM_BINS ? bin : NN_HISTOGRAM_BINS - 1]++;
    }
    return NN_OK;
}

typedef struct collector {
    nn_value_statistics *statistics;
    int64_t count;
} collector;

static nn_status collect(void *user, const nn_tensor *taps, int64_t sample_count) {
    (void)sample_count;
    collector *self = user;
    for (int64_t i = 0; i < self->count; i++) {
        if (taps[i].type != NNOPT_FLOAT)
            return nn_fail(NN_UNSUPPORTED, "value '%s' is %s; only float32 is calibrated",
                           self->statistics[i].value, nnopt_type_name(taps[i].type));
        NN_TRY(
            nn_value_statistics_add(&self->statistics[i], taps[i].data, nn_tensor_count(&taps[i])));
    }
    return NN_OK;
}

nn_status nn_calibrate_values(nn_model *model, nn_dataset *data, int64_t max_samples,
                              nn_value_statistics *out, int64_t count) {
    const char **names = nn_alloc((size_t)(count + 1) * sizeof *names);
    if (names == NULL) return nn_fail_memory((size_t)count * sizeof *names);
    for (int64_t i = 0; i < count; i++) names[i] = out[i].value;
    collector self = {out, count};
    nn_status status = nn_for_each_feed(model, data, max_samples, names, count, collect, &self);
    nn_free(names);
    return status;
}
