#include "ops/cpu/float32/rows_f32.h"

NN_UNARY_ROW(reciprocal_f32, float, 1 / x)
NN_UNARY_ROW(reciprocal_f64, double, 1 / x)

static const nn_unary_rows rows = {
    {[NNOPT_FLOAT] = reciprocal_f32, [NNOPT_DOUBLE] = reciprocal_f64}};

NN_UNARY_KERNEL(reciprocal_reference, rows, NN_ISA_PORTABLE, NN_EXACT)

NN_UNARY_F32_EXACT_KERNELS(reciprocal)

const nn_op nn_op_reciprocal = {
    .name = "Reciprocal",
    .domain = "",
    .since = 1,
    NN_UNARY_COLUMNS,
    .infer = nn_infer_unary_float,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
