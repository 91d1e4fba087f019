#include "ops/cpu/float32/rows_f32.h"

#include <math.h>

NN_UNARY_ROW(erf_f32, float, erff(x))
NN_UNARY_ROW(erf_f64, double, erf(x))

static const nn_unary_rows rows = {{[NNOPT_FLOAT] = erf_f32, [NNOPT_DOUBLE] = erf_f64}};

NN_UNARY_KERNEL(erf_reference, rows, NN_ISA_PORTABLE, NN_ROUNDING)

NN_UNARY_F32_KERNELS(erf)

const nn_op nn_op_erf = {
    .name = "Erf",
    .domain = "",
    .since = 9,
    NN_UNARY_COLUMNS,
    .infer = nn_infer_unary_float,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
