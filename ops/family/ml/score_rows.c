#include "ops/family/ml/score_rows.h"

#include "base/integers.h"
#include "ops/family/loops.h"

nn_status nn_score_rows_prepare(const nn_node_view *node, const nn_target *target,
                                nn_prepare *prepare, size_t scratch_bytes) {
    int64_t columns = node->in[0]->dims[node->in[0]->rank - 1], bytes;
    if (!nn_mul_size(columns, sizeof(float), &bytes)) return nn_fail_memory(SIZE_MAX);
    size_t threads = target->threads > 0 ? (size_t)target->threads : 1;
    nn_prepare_workspace(prepare,
                         threads * (nn_aligned(scratch_bytes) + nn_aligned((size_t)bytes)));
    return NN_OK;
}

typedef struct row_work {
    const nn_call *call;
    nn_score_row score;
    size_t scratch_bytes;
    int64_t columns;
} row_work;

static void score_rows(void *argument, int64_t begin, int64_t end, int worker) {
    const row_work *work = argument;
    const nn_tensor *x = work->call->in[0];
    size_t row_bytes = nn_aligned((size_t)work->columns * sizeof(float));
    char *scratch =
        (char *)work->call->workspace + (size_t)worker * (work->scratch_bytes + row_bytes);
    float *row = (float *)(void *)(scratch + work->scratch_bytes);
    for (int64_t i = begin; i < end; i++) {
        nn_load_features(x, i * work->columns, work->columns, row);
        work->score(work->call, i, row, scratch);
    }
}

void nn_score_rows_run(const nn_call *call, size_t scratch_bytes, int64_t steps,
                       nn_score_row score) {
    row_work work = {call, score, nn_aligned(scratch_bytes), nn_features_columns(call->in[0])};
    nn_parallel(call->pool, nn_features_rows(call->in[0]), NN_GRAIN * 4 / (steps + 1) + 1,
                score_rows, &work);
}
