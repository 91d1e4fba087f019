#include "ops/cpu/float32/rows_f32.h"

#include <math.h>

/* Halfway cases go to the even number: the default rounding mode. */
NN_UNARY_ROW(round_f32, float, rintf(x))
NN_UNARY_ROW(round_f64, double, rint(x))

static const nn_unary_rows rows = {{[NNOPT_FLOAT] = round_f32, [NNOPT_DOUBLE] = round_f64}};

NN_UNARY_KERNEL(round_reference, rows, NN_ISA_PORTABLE, NN_EXACT)

NN_UNARY_F32_EXACT_KERNELS(round)

const nn_op nn_op_round = {
    .name = "Round",
    .domain = "",
    .since = 11,
    NN_UNARY_COLUMNS,
    .infer = nn_infer_unary_float,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
