#include "ops/cpu/float32/rows_f32.h"

#include <math.h>

NN_UNARY_ROW(cos_f32, float, cosf(x))
NN_UNARY_ROW(cos_f64, double, cos(x))

static const nn_unary_rows rows = {{[NNOPT_FLOAT] = cos_f32, [NNOPT_DOUBLE] = cos_f64}};

NN_UNARY_KERNEL(cos_reference, rows, NN_ISA_PORTABLE, NN_ROUNDING)

NN_UNARY_F32_KERNELS(cos)

const nn_op nn_op_cos = {
    .name = "Cos",
    .domain = "",
    .since = 7,
    NN_UNARY_COLUMNS,
    .infer = nn_infer_unary_float,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
