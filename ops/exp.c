#include "ops/cpu/float32/rows_f32.h"
#include "ops/family/grad.h"

#include <math.h>

NN_UNARY_ROW(exp_f32, float, expf(x))
NN_UNARY_ROW(exp_f64, double, exp(x))

static const nn_unary_rows rows = {{[NNOPT_FLOAT] = exp_f32, [NNOPT_DOUBLE] = exp_f64}};

NN_UNARY_KERNEL(exp_reference, rows, NN_ISA_PORTABLE, NN_ROUNDING)

NN_UNARY_F32_KERNELS(exp)

const nn_op nn_op_exp = {
    .name = "Exp",
    .domain = "",
    .since = 1,
    NN_UNARY_COLUMNS,
    .infer = nn_infer_unary_float,
    .quant = NN_QUANT_FLOAT,
    .grad = nn_grad_of_exp,
    .kernels = kernels,
};
