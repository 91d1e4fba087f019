/* nnopt_explain: where an optimised model came from. */
#include "engine/graph/model.h"
#include "engine/graph/patch.h"
#include "engine/report.h"

static const char prefix[] = "nnopt.";

nnopt_status nnopt_explain(const nnopt_model *model, nnopt_report **out) {
    nn_report *report = NULL;
    NN_TRY(nn_report_create("explain", &report));
    nn_report_set_text(report, report->root, "model", model->path);
    nn_report_set_text(report, report->root, "producer", model->producer_name);
    cJSON *list = nn_report_object(report, report->root, "provenance");
    int64_t found = 0;
    for (int64_t m = 0; m < model->metadata_count; m++) {
        const nn_metadata *entry = &model->metadata[m];
        if (strncmp(entry->key, prefix, sizeof prefix - 1) != 0) continue;
        nn_report_set_text(report, list, entry->key + sizeof prefix - 1, entry->value);
        found++;
    }
    nn_report_set_bool(report, report->root, "optimised", found > 0);
    return nn_report_finish(report, out);
}
