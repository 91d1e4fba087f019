#include "ops/family/unary.h"

#include <math.h>

NN_UNARY_ROW(atan_f32, float, atanf(x))
NN_UNARY_ROW(atan_f64, double, atan(x))

static const nn_unary_rows rows = {{[NNOPT_FLOAT] = atan_f32, [NNOPT_DOUBLE] = atan_f64}};

NN_UNARY_KERNEL(atan_reference, rows, NN_ISA_PORTABLE, NN_ROUNDING)

static const nn_kernel *const kernels[] = {&atan_reference, NULL};

const nn_op nn_op_atan = {
    .name = "Atan",
    .domain = "",
    .since = 7,
    NN_UNARY_COLUMNS,
    .infer = nn_infer_unary_float,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
