#include "ops/family/softmax.h"

static nn_status run_rows(const nn_call *call, const nn_rows_f32 *rows) {
    return nn_softmax_run(call, true, rows);
}

static nn_status run(const nn_call *call) {
    return run_rows(call, NULL);
}

static const nn_kernel log_softmax_reference = {
    .name = "log_softmax_reference",
    .exactness = NN_EXACT,
    .in_place = 1,
    .accepts = nn_softmax_accepts,
    .run = run,
};

NN_ROWS_F32_KERNELS(log_softmax, NN_LAYOUT_STANDARD, 0, run_rows)

const nn_op nn_op_log_softmax = {.name = "LogSoftmax", NN_SOFTMAX_COLUMNS, .kernels = kernels};
