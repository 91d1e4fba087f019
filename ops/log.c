#include "ops/cpu/float32/rows_f32.h"
#include "ops/family/grad.h"

#include <math.h>

NN_UNARY_ROW(log_f32, float, logf(x))
NN_UNARY_ROW(log_f64, double, log(x))

static const nn_unary_rows rows = {{[NNOPT_FLOAT] = log_f32, [NNOPT_DOUBLE] = log_f64}};

NN_UNARY_KERNEL(log_reference, rows, NN_ISA_PORTABLE, NN_ROUNDING)

NN_UNARY_F32_KERNELS(log)

const nn_op nn_op_log = {
    .name = "Log",
    .domain = "",
    .since = 1,
    NN_UNARY_COLUMNS,
    .infer = nn_infer_unary_float,
    .quant = NN_QUANT_FLOAT,
    .grad = nn_grad_of_log,
    .kernels = kernels,
};
