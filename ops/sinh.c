#include "ops/family/unary.h"

#include <math.h>

NN_UNARY_ROW(sinh_f32, float, sinhf(x))
NN_UNARY_ROW(sinh_f64, double, sinh(x))

static const nn_unary_rows rows = {{[NNOPT_FLOAT] = sinh_f32, [NNOPT_DOUBLE] = sinh_f64}};

NN_UNARY_KERNEL(sinh_reference, rows, NN_ISA_PORTABLE, NN_ROUNDING)

static const nn_kernel *const kernels[] = {&sinh_reference, NULL};

const nn_op nn_op_sinh = {
    .name = "Sinh",
    .domain = "",
    .since = 9,
    NN_UNARY_COLUMNS,
    .infer = nn_infer_unary_float,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
