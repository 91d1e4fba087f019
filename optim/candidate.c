#include "optim/candidate.h"

#include <stdio.h>

nn_status nn_step_options(const nn_step *step, nnopt_options **out) {
    NN_TRY(nnopt_options_create(out));
    for (int i = 0; i < step->option_count; i++) {
        nn_status status = nnopt_options_set(*out, step->names[i], step->values[i]);
        if (status != NN_OK) {
            nnopt_options_destroy(*out);
            return status;
        }
    }
    return NN_OK;
}

nn_status nn_candidate_build(nn_arena *arena, nn_candidate *all, nn_candidate *candidate,
                             nn_model *base, nn_dataset *calib) {
    nn_model *from = candidate->parent == NN_NO_PARENT ? base : all[candidate->parent].model;
    nnopt_options *options = NULL;
    nn_report *report = NULL;
    NN_TRY(nn_step_options(&candidate->step, &options));
    nn_status status =
        nn_pass_run(candidate->step.pass, from, calib, options, &candidate->model, &report);
    nnopt_options_destroy(options);
    if (status == NN_OK) {
        const cJSON *changes = cJSON_GetObjectItem(report->root, "changes");
        if (cJSON_GetArraySize(changes) == 0) {
            nnopt_model_destroy(candidate->model);
            candidate->model = NULL;
            candidate->reason = "the pass found nothing to change";
        }
    } else if (status == NN_CHECK || status == NN_UNSUPPORTED) {
        candidate->reason = nn_arena_strdup(arena, nnopt_last_error());
        status = candidate->reason != NULL ? NN_OK : nn_fail_memory(1);
    }
    nnopt_report_destroy(report);
    return status;
}

nn_status nn_candidate_replay(nn_arena *arena, const nn_candidate *all,
                              const nn_candidate *candidate, const char *model_path,
                              const char *calib_path, const char **out) {
    const nn_candidate *chain[16];
    int length = 0;
    for (const nn_candidate *c = candidate; length < 16; c = &all[c->parent]) {
        chain[length++] = c;
        if (c->parent == NN_NO_PARENT) break;
    }
    char *text = nn_strdup("");
    for (int i = length - 1; text != NULL && i >= 0; i--) {
        const nn_step *step = &chain[i]->step;
        char input[32], output[32];
        snprintf(input, sizeof input, "step%d.onnx", length - 1 - i);
        snprintf(output, sizeof output, "step%d.onnx", length - i);
        char *longer =
            nn_format("%s%snnopt %s %s --calib %s", text, i < length - 1 ? " && " : "",
                      step->pass->name, i == length - 1 ? model_path : input, calib_path);
        nn_free(text);
        text = longer;
        for (int o = 0; text != NULL && o < step->option_count; o++) {
            bool flag = step->values[o] == NULL;
            longer = nn_format("%s --%s%s%s", text, step->names[o], flag ? "" : " ",
                               flag ? "" : step->values[o]);
            nn_free(text);
            text = longer;
        }
        if (text == NULL) break;
        longer = nn_format("%s -o %s", text, i == 0 ? "best.onnx" : output);
        nn_free(text);
        text = longer;
    }
    *out = text != NULL ? nn_arena_strdup(arena, text) : NULL;
    nn_free(text);
    return *out != NULL ? NN_OK : nn_fail_memory(256);
}

void nn_candidate_write(nn_report *report, cJSON *object, const nn_candidate *candidate) {
    nn_report_set_text(report, object, "name", candidate->name);
    nn_report_set_text(report, object, "replay", candidate->replay);
    nn_report_set_text(report, object, "verdict",
                       candidate->model != NULL ? nn_verdict_name(candidate->speed.verdict) : NULL);
    nn_report_set_text(report, object, "reason", candidate->reason);
    nn_report_set_bool(report, object, "kept", candidate->is_kept);
    nn_report_set_bool(report, object, "on_front", candidate->is_on_front);
    if (candidate->model == NULL) return;
    cJSON *latency = nn_report_object(report, object, "latency_ms");
    nn_report_set_number(report, latency, "median", 1e3 * candidate->seconds);
    nn_report_set_number(report, latency, "base_median", 1e3 * candidate->base_seconds);
    nn_report_set_number(report, object, "ratio", candidate->speed.ratio);
    nn_report_set_number(report, object, "ratio_low", candidate->speed.low);
    nn_report_set_number(report, object, "ratio_high", candidate->speed.high);
    nn_report_set_number(report, object, "accuracy", candidate->quality);
    nn_report_set_number(report, object, "accuracy_low", candidate->quality_low);
    nn_report_set_number(report, object, "accuracy_high", candidate->quality_high);
    nn_report_set_number(report, object, "drop", candidate->drop.value);
    nn_report_set_number(report, object, "drop_low", candidate->drop.low);
    nn_report_set_number(report, object, "drop_high", candidate->drop.high);
    if (candidate->has_test) {
        nn_report_set_number(report, object, "test_accuracy", candidate->test_quality);
        nn_report_set_number(report, object, "test_drop", candidate->test_drop.value);
        nn_report_set_number(report, object, "test_drop_low", candidate->test_drop.low);
        nn_report_set_number(report, object, "test_drop_high", candidate->test_drop.high);
        nn_report_set_number(report, object, "resolves", candidate->test_drop.resolves);
    }
    nn_report_set_number(report, object, "file_bytes",
                         (double)nn_model_parameter_bytes(candidate->model));
}
