#include "optim/prune_unstructured.h"

#include "optim/regression.h"

#include <math.h>
#include <stdlib.h>

enum { MAX_POSITIONS = 20000, MAX_SIDE = 6000 };

static int compare_doubles(const void *a, const void *b) {
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

/* Norm of every input column of one group; all ones without data. */
static nn_status column_norms(nn_model *model, const nn_linear_node *linear, nn_dataset *calib,
                              int64_t max_samples, uint64_t seed, double *norms) {
    for (int64_t i = 0; i < linear->groups * linear->side; i++) norms[i] = 1;
    if (calib == NULL || linear->side > MAX_SIDE) return NN_OK;
    nn_moments *moments = nn_alloc_zero((size_t)linear->groups * sizeof *moments);
    if (moments == NULL) return nn_fail_memory((size_t)linear->groups * sizeof *moments);
    nn_regression regression = {.model = model,
                                .linear = linear,
                                .target_model = model,
                                .target = linear->node->outputs[0]->name,
                                .max_samples = max_samples,
                                .max_positions = MAX_POSITIONS,
                                .seed = seed};
    nn_status status = nn_regress(&regression, calib, moments);
    for (int64_t g = 0; status == NN_OK && g < linear->groups; g++) {
        for (int64_t i = 0; i < linear->side; i++)
            norms[g * linear->side + i] = sqrt(moments[g].gram[i * linear->side + i]);
        nn_moments_clear(&moments[g]);
    }
    nn_free(moments);
    return status;
}

/* Zeroes the lowest-scoring weights of each row; returns how many. */
static int64_t zero_rows(const nn_linear_node *linear, double *matrices, const double *norms,
                         double sparsity, double *scores) {
    int64_t columns = linear->inputs * linear->taps, zeroed = 0;
    int64_t target = (int64_t)floor(sparsity * (double)columns);
    if (target < 1) return 0;
    for (int64_t row = 0; row < linear->groups * linear->outputs; row++) {
        double *w = matrices + row * linear->side;
        const double *norm = norms + row / linear->outputs * linear->side;
        for (int64_t c = 0; c < columns; c++) scores[c] = fabs(w[c]) * norm[c];
        qsort(scores, (size_t)columns, sizeof *scores, compare_doubles);
        double limit = scores[target - 1];
        int64_t left = target;
        for (int64_t c = 0; c < columns && left > 0; c++)
            if (fabs(w[c]) * norm[c] <= limit) {
                w[c] = 0;
                left--;
            }
        zeroed += target - left;
    }
    return zeroed;
}

static nn_status sparsify(nn_model *model, const nn_linear_node *linear, nn_dataset *calib,
                          double sparsity, int64_t max_samples, uint64_t seed, int64_t *zeroed) {
    int64_t matrix = linear->outputs * linear->side;
    double *matrices = nn_alloc((size_t)(linear->groups * matrix) * sizeof(double));
    double *norms = nn_alloc((size_t)(linear->groups * linear->side) * sizeof(double));
    double *scores = nn_alloc((size_t)linear->side * sizeof(double));
    nn_status status = matrices != NULL && norms != NULL && scores != NULL
                           ? NN_OK
                           : nn_fail_memory((size_t)(linear->groups * matrix) * sizeof(double));
    if (status == NN_OK) status = column_norms(model, linear, calib, max_samples, seed, norms);
    if (status == NN_OK) {
        for (int64_t g = 0; g < linear->groups; g++)
            nn_linear_get(linear, g, matrices + g * matrix);
        *zeroed = zero_rows(linear, matrices, norms, sparsity, scores);
        status = nn_linear_set(linear, model->graph, matrices, "prune", "single weights to zero");
    }
    nn_free(matrices);
    nn_free(norms);
    nn_free(scores);
    return status;
}

nn_status nn_prune_unstructured(nn_model *model, nn_dataset *calib, double sparsity,
                                int64_t max_samples, uint64_t seed, nn_report *report) {
    cJSON *changes = nn_report_array(report, report->root, "changes");
    nn_report_array(report, report->root, "refused");
    int64_t count = model->graph->node_count;
    for (int64_t n = 0; n < count; n++) {
        nn_linear_node linear;
        if (!nn_linear_node_init(model->graph->nodes[n], &linear)) continue;
        int64_t zeroed = 0;
        nn_progress("zeroing weights", (double)n, (double)count, NULL);
        NN_TRY(sparsify(model, &linear, calib, sparsity, max_samples, seed, &zeroed));
        cJSON *change = nn_report_object(report, changes, NULL);
        nn_report_set_text(report, change, "node", linear.node->origin);
        nn_report_set_text(report, change, "op", linear.node->op_type);
        nn_report_set_text(report, change, "change",
                           calib != NULL ? "weights zeroed by |w| |x|" : "weights zeroed by |w|");
        nn_report_set_number(report, change, "weights_zeroed", (double)zeroed);
    }
    nn_report_set_text(report, report->root, "note",
                       "no kernel skips single zero weights: the model runs no faster, it only "
                       "compresses better; --macs or --ratio remove whole channels");
    return NN_OK;
}
