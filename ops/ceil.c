#include "ops/cpu/float32/rows_f32.h"

#include <math.h>

NN_UNARY_ROW(ceil_f32, float, ceilf(x))
NN_UNARY_ROW(ceil_f64, double, ceil(x))

static const nn_unary_rows rows = {{[NNOPT_FLOAT] = ceil_f32, [NNOPT_DOUBLE] = ceil_f64}};

NN_UNARY_KERNEL(ceil_reference, rows, NN_ISA_PORTABLE, NN_EXACT)

NN_UNARY_F32_EXACT_KERNELS(ceil)

const nn_op nn_op_ceil = {
    .name = "Ceil",
    .domain = "",
    .since = 1,
    NN_UNARY_COLUMNS,
    .infer = nn_infer_unary_float,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
