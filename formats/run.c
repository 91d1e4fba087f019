/* nnopt_run: every feed of a data set through a model. */
#include "base/dataset.h"
#include "engine/report.h"
#include "engine/run/session.h"
#include "formats/outputs.h"

/* Elements that are NaN; 0 for types that have none. */
static int64_t count_nan(const nn_tensor *tensor) {
    int64_t count = 0;
    if (!nn_type_is_float(tensor->type)) return 0;
    for (int64_t i = 0; i < nn_tensor_count(tensor); i++) {
        double value = nn_tensor_get(tensor, i);
        count += value != value;
    }
    return count;
}

static void describe(nn_report *report, const nn_outputs *outputs, int64_t samples) {
    nn_report_set_number(report, report->root, "samples", (double)samples);
    nn_report_set_number(report, report->root, "runs", (double)outputs->feeds);
    cJSON *list = nn_report_array(report, report->root, "outputs");
    for (int64_t i = 0; i < outputs->count; i++) {
        const nn_tensor *tensor = &outputs->items[i].tensor;
        cJSON *row = nn_report_object(report, list, NULL);
        nn_report_set_text(report, row, "name", outputs->items[i].name);
        nn_report_set_text(report, row, "type", nnopt_type_name(tensor->type));
        cJSON *shape = nn_report_array(report, row, "shape");
        for (int axis = 0; axis < tensor->rank; axis++)
            nn_report_add_number(report, shape, (double)tensor->dims[axis]);
        nn_report_set_number(report, row, "nan", (double)count_nan(tensor));
    }
}

static nn_status run_feeds(nn_session *session, nn_dataset *data, nn_tensor *results,
                           nn_outputs *outputs) {
    for (int64_t i = 0; i < data->feed_count; i++) {
        nn_feed feed;
        NN_TRY(nn_check_interrupt());
        NN_TRY(data->read(data, i, &feed));
        NN_TRY(nnopt_session_run(session, feed.inputs, (size_t)data->input_count, results));
        NN_TRY(nn_outputs_add(outputs, results, data->feed_count == 1 && !feed.cut));
        nn_progress("run", (double)(i + 1), (double)data->feed_count, NULL);
    }
    return NN_OK;
}

nnopt_status nnopt_run(nnopt_model *model, nnopt_dataset *data, const nnopt_options *options,
                       const char *path, nnopt_report **out) {
    if (model == NULL || data == NULL || out == NULL)
        return nn_fail(NN_USAGE, "run needs a model, data and a place for the report");
    if (data->input_count != model->graph->input_count)
        return nn_fail(NN_USAGE, "%s: the data is for a model of %d inputs, this one has %lld",
                       data->name, data->input_count, (long long)model->graph->input_count);
    nn_session *session = NULL;
    nn_report *report = NULL;
    nn_outputs outputs = {0};
    size_t result_bytes = (size_t)(model->graph->output_count + 1) * sizeof(nn_tensor);
    nn_tensor *results = nn_alloc_zero(result_bytes);
    if (results == NULL) return nn_fail_memory(result_bytes);
    nn_status status;
    NN_TRY_DONE(nnopt_session_create(model, options, &session));
    NN_TRY_DONE(nn_outputs_init(&outputs, model));
    NN_TRY_DONE(run_feeds(session, data, results, &outputs));
    NN_TRY_DONE(nn_report_create("run", &report));
    if (path != NULL) NN_TRY_DONE(nn_outputs_write(&outputs, path));
    describe(report, &outputs, data->sample_count);
    nn_report_set_text(report, report->root, "model", model->path);
    nn_report_set_text(report, report->root, "data", data->name);
    nn_report_set_text(report, report->root, "written", path);
    status = nn_report_finish(report, out);
    report = NULL;
done:
    nnopt_report_destroy(report);
    nn_outputs_clear(&outputs);
    nnopt_session_destroy(session);
    nn_free(results);
    return status;
}
