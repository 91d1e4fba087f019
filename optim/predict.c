#include "optim/predict.h"

#include "engine/measure/profile.h"
#include "optim/linear_node.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Rows that take less of the time than this are not worth a line. */
static const double least_share = 0.005;

/* The linear node behind a row; false when the row is something else or too small to matter. */
static bool linear_row(const nn_model *model, const nn_profile_row *row, nn_linear_node *out) {
    if (row->share < least_share || row->is_conversion || row->cost.macs <= 0) return false;
    nn_node *node = nn_graph_find_node(model->graph, row->node);
    return node != NULL && nn_linear_node_init(node, out);
}

nn_status nn_predict_quantize(const nn_model *model, const struct nn_profile *profile,
                              const nnopt_options *options, nn_predictions *out) {
    (void)options;
    const nn_roofline *roof = &profile->roofline;
    if (!(roof->int8_ops > 0) || !(roof->fp32_flops > 0)) return NN_OK;
    double rate = roof->int8_ops / roof->fp32_flops;
    for (int64_t r = 0; r < profile->row_count; r++) {
        const nn_profile_row *row = &profile->rows[r];
        nn_linear_node linear;
        if (row->arithmetic == NN_ARITHMETIC_INT8 || !linear_row(model, row, &linear)) continue;
        /* The part of the time that is not arithmetic or traffic stays. */
        double working = fmax(row->attainable, 1e-12);
        double int8 = fmax(row->compute_seconds / rate, row->memory_seconds / 4);
        double saved = row->seconds * (1 - int8 / working);
        if (saved <= 0) continue;
        if (saved > row->seconds - profile->dispatch) saved = row->seconds - profile->dispatch;
        char reason[160];
        snprintf(reason, sizeof reason,
                 "int8 at %.1f times the fp32 rate and a quarter of the bytes", rate);
        if (saved > 0) NN_TRY(nn_predictions_add(out, row->node, saved, reason));
    }
    return NN_OK;
}

nn_status nn_predict_prune(const nn_model *model, const struct nn_profile *profile,
                           const nnopt_options *options, nn_predictions *out) {
    const char *macs = nn_option_at(options, "macs", 0);
    double kept = macs != NULL ? strtod(macs, NULL) : 0.7;
    char reason[80];
    snprintf(reason, sizeof reason, "%.0f %% of the MACs left", 100 * kept);
    for (int64_t r = 0; r < profile->row_count; r++) {
        const nn_profile_row *row = &profile->rows[r];
        nn_linear_node linear;
        if (!linear_row(model, row, &linear) || linear.inputs * linear.groups < 16) continue;
        double saved = (1 - kept) * (row->seconds - profile->dispatch);
        if (saved > 0) NN_TRY(nn_predictions_add(out, row->node, saved, reason));
    }
    return NN_OK;
}

nn_status nn_predict_separate(const nn_model *model, const struct nn_profile *profile,
                              const nnopt_options *options, nn_predictions *out) {
    (void)options;
    for (int64_t r = 0; r < profile->row_count; r++) {
        const nn_profile_row *row = &profile->rows[r];
        nn_linear_node linear;
        if (!linear_row(model, row, &linear) || linear.groups > 1 || linear.inputs < 64 ||
            linear.outputs < 64 || row->bound != NN_BOUND_COMPUTE)
            continue;
        double saved = 0.4 * (row->seconds - profile->dispatch);
        if (saved > 0)
            NN_TRY(
                nn_predictions_add(out, row->node, saved,
                                   "half of the MACs left, a fifth of them lost to a second node"));
    }
    return NN_OK;
}
