#include "ops/cpu/float32/rows_f32.h"

#include <math.h>

NN_UNARY_ROW(sin_f32, float, sinf(x))
NN_UNARY_ROW(sin_f64, double, sin(x))

static const nn_unary_rows rows = {{[NNOPT_FLOAT] = sin_f32, [NNOPT_DOUBLE] = sin_f64}};

NN_UNARY_KERNEL(sin_reference, rows, NN_ISA_PORTABLE, NN_ROUNDING)

NN_UNARY_F32_KERNELS(sin)

const nn_op nn_op_sin = {
    .name = "Sin",
    .domain = "",
    .since = 7,
    NN_UNARY_COLUMNS,
    .infer = nn_infer_unary_float,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
