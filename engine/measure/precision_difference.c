#include "engine/measure/precision_difference.h"

#include "base/memory.h"

#include <math.h>

/* The largest difference, NaN where only one of the two is a number; infinities of one sign are
 * equal. */
static double largest_difference(const nn_tensor *got, const nn_tensor *want) {
    double largest = 0;
    for (int64_t i = 0; i < nn_tensor_count(want); i++) {
        double a = nn_tensor_get(got, i), b = nn_tensor_get(want, i);
        if (a == b || (isnan(a) && isnan(b))) continue;
        double difference = fabs(a - b);
        if (isnan(difference)) return NAN;
        largest = fmax(largest, difference);
    }
    return largest;
}

/* From the smallest to the largest finite element. */
static double range_of(const nn_tensor *tensor) {
    double low = INFINITY, high = -INFINITY;
    for (int64_t i = 0; i < nn_tensor_count(tensor); i++) {
        double x = nn_tensor_get(tensor, i);
        if (!isfinite(x)) continue;
        low = fmin(low, x);
        high = fmax(high, x);
    }
    return high > low ? high - low : 0;
}

static void add_output(nn_report *report, cJSON *list, const char *name, const nn_tensor *got,
                       const nn_tensor *want) {
    double difference = largest_difference(got, want), range = range_of(want);
    cJSON *record = nn_report_object(report, list, NULL);
    nn_report_set_text(report, record, "output", name);
    nn_report_set_number(report, record, "max_abs", difference);
    nn_report_set_number(report, record, "range", range);
    nn_report_set_number(report, record, "relative", range > 0 ? difference / range : 0);
}

static nn_status compare(nn_report *report, cJSON *record, const char *key, nn_session *session,
                         nn_session *against, nn_dataset *data, nn_tensor *outputs) {
    const nn_graph *graph = nn_session_model(session)->graph;
    const size_t inputs = (size_t)graph->input_count;
    nn_tensor *got = outputs, *want = outputs + graph->output_count;
    nn_feed feed;
    NN_TRY(data->read(data, 0, &feed));
    NN_TRY(nnopt_session_run(session, feed.inputs, inputs, got));
    NN_TRY(nnopt_session_run(against, feed.inputs, inputs, want));
    cJSON *list = nn_report_array(report, record, key);
    for (int64_t i = 0; i < graph->output_count; i++) {
        bool same_shape = nn_tensor_count(&got[i]) == nn_tensor_count(&want[i]);
        if (!nn_type_is_float(want[i].type) || !same_shape) continue;
        add_output(report, list, graph->outputs[i]->name, &got[i], &want[i]);
    }
    return NN_OK;
}

nn_status nn_report_add_difference(nn_report *report, cJSON *record, const char *key,
                                   nn_session *session, nn_session *against, nn_dataset *data) {
    const size_t count = (size_t)nn_session_model(session)->graph->output_count;
    if (session == against) return NN_OK;
    nn_tensor *outputs = nn_alloc_zero((2 * count + 1) * sizeof *outputs);
    if (outputs == NULL) return nn_fail_memory((2 * count + 1) * sizeof *outputs);
    nn_status status = compare(report, record, key, session, against, data, outputs);
    nn_free(outputs);
    return status;
}

nn_status nn_report_add_precision_difference(nn_report *report, cJSON *record, nn_session *session,
                                             const nn_session_options *options, nn_dataset *data) {
    nn_session *in_float = NULL;
    nn_session_options plain = *options;
    if (options->precision == NN_PRECISION_FP32) return NN_OK;
    plain.precision = NN_PRECISION_FP32;
    NN_TRY(nn_session_open(nn_session_model(session), &plain, &in_float));
    nn_status status =
        nn_report_add_difference(report, record, "precision_difference", session, in_float, data);
    nnopt_session_destroy(in_float);
    return status;
}
