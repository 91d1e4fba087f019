#include "ops/cpu/float32/rows_f32.h"

#include <math.h>

NN_UNARY_ROW(softsign_f32, float, x / (1 + fabsf(x)))
NN_UNARY_ROW(softsign_f64, double, x / (1 + fabs(x)))

static const nn_unary_rows rows = {{[NNOPT_FLOAT] = softsign_f32, [NNOPT_DOUBLE] = softsign_f64}};

NN_UNARY_KERNEL(softsign_reference, rows, NN_ISA_PORTABLE, NN_EXACT)

NN_UNARY_F32_EXACT_KERNELS(softsign)

const nn_op nn_op_softsign = {
    .name = "Softsign",
    .domain = "",
    .since = 1,
    NN_UNARY_COLUMNS,
    .infer = nn_infer_unary_float,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
