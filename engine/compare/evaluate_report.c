/* nnopt_eval: options in, report out. */
#include "engine/compare/evaluate.h"
#include "engine/report.h"

static const nn_option_spec eval_specs[] = {
    {"metric", NNOPT_OPTION_CHOICE, "M", NULL, "top1|top5|agreement|exact|cosine|snr|max_abs", 0, 0,
     false, "what to judge by (default: top1 with labels, else agreement)"},
    {"output", NNOPT_OPTION_TEXT, "NAME", NULL, NULL, 0, 0, false,
     "the output to judge (default: the first)"},
    {"class-axis", NNOPT_OPTION_INT, "N", NULL, NULL, -12, 11, false,
     "axis that counts classes (default: the last, axis 1 at rank 4)"},
};
NN_DEFINE_OPTION_TABLE(eval, eval_specs);

nn_status nn_evaluation_read(const nnopt_options *options, bool has_labels, bool has_base,
                             nn_evaluation *out) {
    const nn_option_table *table = &nn_options_eval;
    const char *metric = nn_option_text(options, table, "metric");
    *out = (nn_evaluation){.output = nn_option_text(options, table, "output"),
                           .class_axis = NN_CLASS_AXIS_AUTO};
    if (nn_option_has(options, "class-axis"))
        out->class_axis = (int)nn_option_int(options, table, "class-axis");
    if (metric == NULL) return nn_metric_default(has_labels, has_base, &out->metric);
    out->metric = nn_metric_find(metric);
    return NN_OK;
}

static nn_status fill_report(const nn_quality *quality, const nn_evaluation *evaluation,
                             const nn_model *model, const nn_model *base, const nn_dataset *data,
                             nn_report **out) {
    nn_report *report = NULL;
    NN_TRY(nn_report_create("eval", &report));
    cJSON *root = report->root;
    nn_report_set_text(report, root, "model", model->path);
    nn_report_set_text(report, root, "against", base != NULL ? base->path : NULL);
    nn_report_set_text(report, root, "data", data->name);
    nn_report_set_text(report, root, "metric", quality->metric->name);
    nn_report_set_text(report, root, "meaning", quality->metric->summary);
    nn_report_set_text(report, root, "output", evaluation->output);
    nn_report_set_number(report, root, "value", quality->value);
    cJSON *interval = nn_report_array(report, root, "interval");
    nn_report_add_number(report, interval, quality->low);
    nn_report_add_number(report, interval, quality->high);
    nn_report_set_number(report, root, "samples", (double)quality->count);
    if (quality->metric->is_proportion) {
        double hits = 0;
        for (int64_t i = 0; i < quality->count; i++) hits += quality->scores[i].part;
        nn_report_set_number(report, root, "hits", hits);
    }
    return nn_report_finish(report, out);
}

/* That judge feeds side by side. */
enum { MAX_DEVICES = 16 };

nnopt_status nnopt_eval(nnopt_model *model, nnopt_model *base, nnopt_dataset *data,
                        const nnopt_options *options, nnopt_report **out) {
    const nn_option_table *const tables[] = {&nn_options_eval, &nn_options_session};
    nn_session_options devices[MAX_DEVICES];
    nn_session *sessions[MAX_DEVICES] = {NULL}, *bases[MAX_DEVICES] = {NULL};
    nn_evaluation evaluation;
    nn_quality quality = {0};
    int count;
    if (model == NULL || data == NULL || out == NULL)
        return nn_fail(NN_USAGE, "eval needs a model and data");
    NN_TRY(nn_options_check(options, tables, 2));
    NN_TRY(nn_session_options_read_each(options, devices, MAX_DEVICES, &count));
    NN_TRY(nn_evaluation_read(options, data->has_labels, base != NULL, &evaluation));
    nn_status status = NN_OK;
    for (int i = 0; i < count && status == NN_OK; i++) {
        status = nn_session_open(model, &devices[i], &sessions[i]);
        if (status == NN_OK && base != NULL) status = nn_session_open(base, &devices[i], &bases[i]);
    }
    if (status == NN_OK)
        status = count == 1 ? nn_evaluate(sessions[0], bases[0], data, &evaluation, &quality)
                            : nn_evaluate_on(sessions, bases, count, data, &evaluation, &quality);
    if (status == NN_OK) status = fill_report(&quality, &evaluation, model, base, data, out);
    nn_quality_clear(&quality);
    for (int i = 0; i < count; i++) {
        nnopt_session_destroy(sessions[i]);
        nnopt_session_destroy(bases[i]);
    }
    return status;
}
