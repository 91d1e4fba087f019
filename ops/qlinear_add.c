#include "ops/family/qlinear_binary.h"

static nn_status run(const nn_call *call) {
    return nn_qbinary_run(call, NN_QBINARY_ADD, nn_qbinary_row_reference);
}

static const nn_kernel reference = {
    .name = "qlinear_add_reference", .exactness = NN_EXACT, .run = run};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_qlinear_add = {
    .name = "QLinearAdd",
    .domain = "com.microsoft",
    .since = 1,
    .min_inputs = 7,
    .max_inputs = 8,
    .min_outputs = 1,
    .max_outputs = 1,
    .infer = nn_qbinary_infer,
    .axes = nn_qbinary_axes,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
