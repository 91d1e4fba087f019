#include "optim/optimize_compare.h"

#include "engine/compare/compare.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_PREDICTIONS = 10 };

/* Seconds of measuring, both models together; and for someone who waits for the end. */
static const double compare_seconds = 4, hurried_seconds = 0.5;

static int compare_savings(const void *a, const void *b) {
    double left = ((const nn_prediction *)a)->saved_seconds;
    double right = ((const nn_prediction *)b)->saved_seconds;
    return (left < right) - (left > right);
}

/* Appends what one step of the recipe should save per node of the original, the largest savings
 * only. */
static nn_status predict_step(const nn_step *step, const nn_model *model, const nn_profile *profile,
                              cJSON *list) {
    if (step->pass->predict == NULL) return NN_OK;
    nnopt_options *options = NULL;
    nn_predictions predictions = {0};
    NN_TRY(nn_step_options(step, &options));
    nn_status status = step->pass->predict(model, profile, options, &predictions);
    if (predictions.count > 0)
        qsort(predictions.items, (size_t)predictions.count, sizeof *predictions.items,
              compare_savings);
    for (int64_t p = 0; status == NN_OK && p < predictions.count && p < MOST_PREDICTIONS; p++) {
        cJSON *entry = cJSON_CreateObject();
        if (entry == NULL || !cJSON_AddItemToArray(list, entry) ||
            cJSON_AddStringToObject(entry, "technique", step->pass->name) == NULL ||
            cJSON_AddStringToObject(entry, "node", predictions.items[p].node) == NULL ||
            cJSON_AddNumberToObject(entry, "saved_ms", 1e3 * predictions.items[p].saved_seconds) ==
                NULL)
            status = nn_fail_memory(sizeof(cJSON));
    }
    nn_predictions_clear(&predictions);
    nnopt_options_destroy(options);
    return status;
}

/* What the last step of the recipe predicts from the profile of the original, as metadata of the
 * winner: earlier steps change the nodes that the last one works on, so only one can be set against
 * them. */
static nn_status note_predictions(const nn_candidate *best, nn_model *base,
                                  const nn_profile *profile) {
    cJSON *list = cJSON_CreateArray();
    if (list == NULL) return nn_fail_memory(sizeof(cJSON));
    nn_status status = predict_step(&best->step, base, profile, list);
    char *text = status == NN_OK ? cJSON_PrintUnformatted(list) : NULL;
    cJSON_Delete(list);
    NN_TRY(status);
    if (text == NULL) return nn_fail_memory(sizeof(cJSON));
    status = nn_model_set_metadata(best->model, NN_PREDICTIONS_KEY, text);
    cJSON_free(text);
    return status;
}

nn_status nn_optimize_compare(nn_search *search, nn_report *report) {
    if (search->best < 0) return NN_OK;
    const nn_candidate *best = &search->candidates[search->best];
    nn_evaluation evaluation = {.metric = search->options.metric,
                                .output = search->options.output,
                                .class_axis = search->options.class_axis};
    double seconds = search->is_interrupted ? hurried_seconds : compare_seconds;
    nn_compare_settings settings = {.seconds = seconds,
                                    .warmup_seconds = seconds / 20,
                                    .evaluation = &evaluation,
                                    .reads_files = true};
    nn_compared models[2] = {
        {.name = nn_base_name(search->options.model_path),
         .options = search->options.session,
         .model = search->base},
        {.name = best->name, .options = search->options.session, .model = best->model}};
    models[0].data = models[1].data = search->data->test;
    nn_status status = nn_compare_measure(models, 2, &settings);
    if (status == NN_OK) status = note_predictions(best, search->base, &models[0].profile);
    if (status == NN_OK) status = nn_compare_report(report, models, 2, &settings);
    nn_compared_clear(models, 2);
    return status;
}
