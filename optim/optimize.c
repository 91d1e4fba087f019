/* nnopt_optimize: profile, search, prove on samples that the search never saw, explain. */
#include "base/file.h"
#include "optim/optimize_compare.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

static const nn_option_spec specs[] = {
    {.name = "max-drop",
     .kind = NNOPT_OPTION_NUMBER,
     .metavar = "X",
     .fallback = "0.01",
     .minimum = 0,
     .maximum = 1,
     .help = "how much quality may be lost, as a fraction of 1"},
    {.name = "strict",
     .kind = NNOPT_OPTION_FLAG,
     .help = "judge the drop by the upper bound of its interval, not by the point estimate"},
    {.name = "budget",
     .kind = NNOPT_OPTION_TIME,
     .metavar = "TIME",
     .fallback = "5m",
     .minimum = 1,
     .maximum = 1e7,
     .help = "time for the search"},
    {.name = "metric",
     .kind = NNOPT_OPTION_TEXT,
     .metavar = "M",
     .help =
         "quality: top1, top5, agreement, cosine, ... (default: top1 with labels, else agreement)"},
    {.name = "output", .kind = NNOPT_OPTION_TEXT, .metavar = "NAME", .help = "output to judge"},
    {.name = "pareto",
     .kind = NNOPT_OPTION_TEXT,
     .metavar = "FOLDER",
     .help = "write every model of the Pareto front there"},
    {.name = "seed",
     .kind = NNOPT_OPTION_INT,
     .metavar = "N",
     .fallback = "0",
     .minimum = 0,
     .maximum = 9e15,
     .help = "seed of everything random"},
};

NN_OPTION_TABLE(optimize)
NN_DEFINE_OPTION_TABLE(optimize, specs);

static nn_status read_options(const nn_model *model, const nn_dataset *data,
                              const nn_dataset *calib, const nnopt_options *options,
                              nn_search_options *out) {
    const nn_option_table *table = &nn_options_optimize;
    const char *metric = nn_option_text(options, table, "metric");
    out->max_drop = nn_option_number(options, table, "max-drop");
    out->strict = nn_option_flag(options, "strict");
    out->budget_seconds = nn_option_time(options, table, "budget");
    NN_TRY(nn_session_options_read(options, &out->session));
    out->output = nn_option_text(options, table, "output");
    out->class_axis = NN_CLASS_AXIS_AUTO;
    out->model_path = model->path[0] != '\0' ? model->path : "model.onnx";
    out->calib_path = calib != NULL ? calib->name : data->name;
    if (metric == NULL) return nn_metric_default(data->has_labels, true, &out->metric);
    out->metric = nn_metric_find(metric);
    if (out->metric == NULL) return nn_fail(NN_USAGE, "--metric: '%s' is no metric", metric);
    if (out->metric->needs == NN_METRIC_LABELS && !data->has_labels)
        return nn_fail(NN_USAGE, "--metric %s needs labels, which %s has not", metric, data->name);
    if (!out->metric->is_proportion)
        return nn_fail(NN_USAGE, "--metric %s is no proportion: --max-drop would have no meaning",
                       metric);
    return NN_OK;
}

/* ---- what is written ---- */

/* A file name from a candidate's name: "prune 0.70 + int8" is "prune-0.70-int8.onnx". */
static void file_name(const char *name, char *out, size_t size) {
    size_t used = 0;
    for (; *name != '\0' && used + 6 < size; name++) {
        bool plain =
            (*name >= 'a' && *name <= 'z') || (*name >= '0' && *name <= '9') || *name == '.';
        if (plain)
            out[used++] = *name;
        else if (used > 0 && out[used - 1] != '-')
            out[used++] = '-';
    }
    snprintf(out + used, size - used, ".onnx");
}

static nn_status save_front(const nn_search *search, const char *folder) {
    if (mkdir(folder, 0777) != 0 && errno != EEXIST)
        return nn_fail(NN_IO, "%s: cannot make the folder: %s", folder, strerror(errno));
    for (int64_t c = 0; c < search->count; c++) {
        const nn_candidate *candidate = &search->candidates[c];
        if (!candidate->is_on_front) continue;
        char name[200];
        file_name(candidate->name, name, sizeof name);
        char *path = nn_format("%s/%s", folder, name);
        if (path == NULL) return nn_fail_memory(strlen(folder));
        nn_status status = nnopt_model_save(candidate->model, path);
        nn_free(path);
        NN_TRY(status);
    }
    return NN_OK;
}

static nn_status note_in_model(const nn_candidate *best) {
    char text[64];
    NN_TRY(nn_model_set_metadata(best->model, "nnopt.recipe", best->name));
    snprintf(text, sizeof text, "%.3f", 1 / best->speed.ratio);
    NN_TRY(nn_model_set_metadata(best->model, "nnopt.measured_speedup", text));
    snprintf(text, sizeof text, "%.5f", best->test_drop.value);
    return nn_model_set_metadata(best->model, "nnopt.measured_drop", text);
}

static void write_report(const nn_search *search, nn_report *report) {
    const nn_data_split *data = search->data;
    cJSON *root = report->root;
    nn_report_set_text(report, root, "model", search->options.model_path);
    nn_report_set_number(report, root, "candidate_count", (double)search->count);
    cJSON *goal = nn_report_object(report, root, "goal");
    nn_report_set_text(report, goal, "metric", search->options.metric->name);
    nn_report_set_number(report, goal, "base_value", search->base_quality.value);
    nn_report_set_number(report, goal, "max_drop", search->options.max_drop);
    nn_report_set_bool(report, goal, "strict", search->options.strict);
    nn_report_set_bool(report, root, "interrupted", search->is_interrupted);
    nn_report_set_number(report, root, "seconds", nn_now() - search->started);
    cJSON *samples = nn_report_object(report, root, "samples");
    nn_report_set_number(report, samples, "calibrate", (double)data->calibrate->sample_count);
    nn_report_set_number(report, samples, "search", (double)data->search->sample_count);
    nn_report_set_number(report, samples, "test", (double)data->test->sample_count);
    nn_report_set_number(report, samples, "removed", (double)data->removed);
    cJSON *base = nn_report_object(report, root, "base");
    nn_report_set_number(report, base, "quality", search->base_quality.value);
    nn_report_set_number(report, base, "test_quality", search->base_test_quality.value);
    nn_report_set_number(report, base, "test_quality_low", search->base_test_quality.low);
    nn_report_set_number(report, base, "test_quality_high", search->base_test_quality.high);
    nn_report_set_number(report, base, "parameter_bytes",
                         (double)nn_model_parameter_bytes(search->base));
    cJSON *list = nn_report_array(report, root, "candidates");
    for (int64_t c = 0; c < search->count; c++)
        nn_candidate_write(report, nn_report_object(report, list, NULL), &search->candidates[c]);
    if (search->best < 0) return;
    cJSON *best = cJSON_GetObjectItem(root, "best"); /* of the comparison, when there is one */
    if (best == NULL) best = nn_report_object(report, root, "best");
    nn_report_set_number(report, best, "candidate", (double)search->best);
    nn_candidate_write(report, best, &search->candidates[search->best]);
}

static nn_status optimise(nn_search *search, const nnopt_options *options, nn_report *report,
                          nn_model **out) {
    NN_TRY(nn_search_run(search));
    NN_TRY(nn_search_choose(search));
    nn_status status = nn_optimize_compare(search, report);
    if (status == NN_INTERRUPTED) /* the best stands without the comparison */
        search->is_interrupted = true;
    else
        NN_TRY(status);
    write_report(search, report);
    const char *folder = nn_option_text(options, &nn_options_optimize, "pareto");
    if (folder != NULL) NN_TRY(save_front(search, folder));
    if (search->best < 0) return NN_OK;
    NN_TRY(note_in_model(&search->candidates[search->best]));
    *out = nn_model_retain(search->candidates[search->best].model);
    return NN_OK;
}

/* What to say of a search that is over. */
static nn_status outcome(const nn_search *search) {
    long long tried = search->count;
    if (search->is_interrupted && search->best >= 0)
        return nn_fail(NN_INTERRUPTED, "interrupted after %lld candidates: the best so far is '%s'",
                       tried, search->candidates[search->best].name);
    if (search->is_interrupted)
        return nn_fail(
            NN_INTERRUPTED,
            "interrupted after %lld candidates: none of them is faster within a drop of %g", tried,
            search->options.max_drop);
    if (search->best < 0)
        return nn_fail(NN_CHECK, "none of %lld candidates is faster within a drop of %g", tried,
                       search->options.max_drop);
    return NN_OK;
}

nnopt_status nnopt_optimize(nnopt_model *model, nnopt_dataset *data, nnopt_dataset *calib,
                            const nnopt_options *options, nnopt_model **out,
                            nnopt_report **report) {
    const nn_option_table *tables[] = {&nn_options_optimize, &nn_options_session};
    nn_search_options settings = {0};
    nn_data_split split = {0};
    nn_search search = {.best = -1};
    nn_report *record = NULL;
    nn_model *best = NULL;
    *out = NULL;
    *report = NULL;
    NN_TRY(nn_options_check(options, tables, 2));
    if (data == NULL) return nn_fail(NN_USAGE, "optimize needs --data to judge candidates with");
    nn_status status = read_options(model, data, calib, options, &settings);
    if (status == NN_OK)
        status = nn_data_split_create(
            data, calib, (uint64_t)nn_option_int(options, &nn_options_optimize, "seed"), &split);
    if (status == NN_OK) status = nn_report_create("optimize", &record);
    if (status == NN_OK) status = nn_search_create(model, &split, &settings, &search);
    if (status == NN_OK) status = optimise(&search, options, record, &best);
    if (status == NN_OK) {
        status = nn_report_finish(record, report);
        record = NULL;
    }
    if (status == NN_OK) {
        *out = best; /* NULL when no candidate is better than the original */
        best = NULL;
        status = outcome(&search);
    }
    nnopt_model_destroy(best);
    nnopt_report_destroy(record);
    nn_search_clear(&search);
    nn_data_split_clear(&split);
    return status;
}
