#include "optim/pass.h"

#include "optim/node_costs.h"

#include <sha256.h>
#include <stdio.h>

enum { LEAST_CALIBRATION = 8 };

#define NN_PASS(name) &nn_pass_##name,
const nn_pass *const nn_pass_table[] = {
#include "optim/pass_table.def"
    NULL,
};
#undef NN_PASS

nn_status nn_predictions_add(nn_predictions *predictions, const char *node, double saved_seconds,
                             const char *reason) {
    if (!NN_GROW(predictions->items, predictions->count, predictions->capacity))
        return nn_fail_memory(sizeof *predictions->items);
    nn_prediction *item = &predictions->items[predictions->count];
    item->node = nn_arena_strdup(&predictions->arena, node);
    item->reason = nn_arena_strdup(&predictions->arena, reason);
    item->saved_seconds = saved_seconds;
    if (item->node == NULL || item->reason == NULL) return nn_fail_memory(strlen(reason));
    predictions->count++;
    return NN_OK;
}

void nn_predictions_clear(nn_predictions *predictions) {
    nn_free(predictions->items);
    nn_arena_clear(&predictions->arena);
    memset(predictions, 0, sizeof *predictions);
}

static void describe(nn_report *report, const char *key, const nn_model *model) {
    cJSON *entry = nn_report_object(report, report->root, key);
    nn_report_set_number(report, entry, "nodes", (double)model->graph->node_count);
    nn_report_set_number(report, entry, "params", (double)nn_model_parameters(model));
    nn_report_set_number(report, entry, "parameter_bytes", (double)nn_model_parameter_bytes(model));
    double *macs = NULL, total = 0;
    if (nn_node_macs(model->graph, &macs) != NN_OK) return;
    for (int64_t n = 0; n < model->graph->node_count; n++) total += macs[n];
    nn_free(macs);
    nn_report_set_number(report, entry, "macs", total);
}

/* Provenance, which `nnopt explain` reads back: the parent file's hash, and the chain of passes. */
static nn_status set_provenance(const nn_pass *pass, const nn_model *parent, nn_model *model,
                                const nn_dataset *calib) {
    if (parent->path[0] != '\0' && nn_model_get_metadata(parent, "nnopt.parent_sha256") == NULL) {
        char digest[SHA256_DIGEST_STRING_LENGTH];
        if (SHA256File(parent->path, digest) != NULL)
            NN_TRY(nn_model_set_metadata(model, "nnopt.parent_sha256", digest));
        NN_TRY(nn_model_set_metadata(model, "nnopt.parent", parent->path));
    }
    const char *before = nn_model_get_metadata(parent, "nnopt.passes");
    char *passes =
        nn_format("%s%s%s", before != NULL ? before : "", before != NULL ? ", " : "", pass->name);
    if (passes == NULL) return nn_fail_memory(strlen(pass->name));
    nn_status status = nn_model_set_metadata(model, "nnopt.passes", passes);
    nn_free(passes);
    if (status == NN_OK && calib != NULL)
        status = nn_model_set_metadata(model, "nnopt.calibration", calib->name);
    if (status == NN_OK) status = nn_model_set_metadata(model, "nnopt.version", nnopt_version());
    return status;
}

/* Too few samples, or the same one over and over, say nothing about ranges or moments. */
static nn_status check_calibration(nn_dataset *calib) {
    if (calib == NULL) return NN_OK;
    int64_t count = calib->sample_count;
    if (count < LEAST_CALIBRATION)
        return nn_fail(NN_BAD_INPUT, "%s: %lld samples are too few to calibrate with; at least %d",
                       calib->name, (long long)count, LEAST_CALIBRATION);
    uint64_t first, other;
    NN_TRY(calib->hash(calib, 0, &first));
    for (int64_t s = 1; s < count; s++) {
        NN_TRY(calib->hash(calib, s, &other));
        if (other != first) return NN_OK;
    }
    return nn_fail(NN_BAD_INPUT, "%s: all %lld calibration samples are the same", calib->name,
                   (long long)count);
}

nn_status nn_pass_run(const nn_pass *pass, nn_model *model, nn_dataset *calib,
                      const nnopt_options *options, nn_model **out, nn_report **report) {
    const nn_option_table *tables[] = {&pass->options};
    NN_TRY(nn_options_check(options, tables, 1));
    NN_TRY(check_calibration(calib));

    nn_report *record = NULL;
    nn_model *result = NULL;
    NN_TRY(nn_report_create(pass->name, &record));
    nn_status status = pass->run(model, calib, options, record, &result);
    if (status == NN_OK) status = set_provenance(pass, model, result, calib);
    if (status == NN_OK) {
        describe(record, "before", model);
        describe(record, "after", result);
        status = nn_report_finish(record, report);
        record = NULL;
    }
    if (status == NN_OK) {
        *out = result;
        return NN_OK;
    }
    nnopt_report_destroy(record);
    nnopt_model_destroy(result);
    return status;
}
