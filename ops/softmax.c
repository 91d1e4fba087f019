#include "ops/family/softmax.h"

static nn_status run_rows(const nn_call *call, const nn_rows_f32 *rows) {
    return nn_softmax_run(call, false, rows);
}

static nn_status run(const nn_call *call) {
    return run_rows(call, NULL);
}

static const nn_kernel softmax_reference = {
    .name = "softmax_reference",
    .exactness = NN_EXACT,
    .in_place = 1,
    .accepts = nn_softmax_accepts,
    .run = run,
};

NN_ROWS_F32_KERNELS(softmax, NN_LAYOUT_STANDARD, 0, run_rows)

const nn_op nn_op_softmax = {.name = "Softmax", NN_SOFTMAX_COLUMNS, .kernels = kernels};
