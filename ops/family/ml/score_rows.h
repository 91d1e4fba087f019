/* Models that compute the scores of one sample after the other from a row of floats: what linear
 * models and support vector machines share. */
#ifndef NN_FAMILY_SCORE_ROWS_H
#define NN_FAMILY_SCORE_ROWS_H

#include "ops/family/ml/features.h"
#include "ops/family/ml/weight_rows.h"

/* Scores of the sample `index`, whose features are `x`; `scratch` is what prepare asked for. */
typedef void (*nn_score_row)(const nn_call *call, int64_t index, const float *x, void *scratch);

/* Workspace of `scratch_bytes` and a row of features for each thread. */
nn_status nn_score_rows_prepare(const nn_node_view *node, const nn_target *target,
                                nn_prepare *prepare, size_t scratch_bytes);
/* Calls `score` for all samples; one takes about `steps` operations. */
void nn_score_rows_run(const nn_call *call, size_t scratch_bytes, int64_t steps,
                       nn_score_row score);

#endif
