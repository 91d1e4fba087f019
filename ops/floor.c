#include "ops/cpu/float32/rows_f32.h"

#include <math.h>

NN_UNARY_ROW(floor_f32, float, floorf(x))
NN_UNARY_ROW(floor_f64, double, floor(x))

static const nn_unary_rows rows = {{[NNOPT_FLOAT] = floor_f32, [NNOPT_DOUBLE] = floor_f64}};

NN_UNARY_KERNEL(floor_reference, rows, NN_ISA_PORTABLE, NN_EXACT)

NN_UNARY_F32_EXACT_KERNELS(floor)

const nn_op nn_op_floor = {
    .name = "Floor",
    .domain = "",
    .since = 1,
    NN_UNARY_COLUMNS,
    .infer = nn_infer_unary_float,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
