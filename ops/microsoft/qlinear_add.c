#include "ops/cpu/int8/int8_loops.h"

static nn_status run_with(const nn_call *call, const nn_int8_loops *loops) {
    return nn_qbinary_run(call, NN_QBINARY_ADD, loops->add);
}

/* Inputs 0 and 3 are data. */
NN_INT8_KERNELS("qlinear_add", .layout = NN_LAYOUT_ANY, .layout_inputs = 9, .in_place = 9)

static nn_status run_reference(const nn_call *call) {
    return nn_qbinary_run(call, NN_QBINARY_ADD, nn_qbinary_row_reference);
}

static const nn_kernel reference = {
    .name = "qlinear_add_reference", .exactness = NN_EXACT, .run = run_reference};

static const nn_kernel *const kernels[] = {NN_INT8_KERNEL_LIST, &reference, NULL};

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
