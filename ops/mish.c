#include "ops/cpu/float32/rows_f32.h"

#include <math.h>

/* x tanh(softplus(x)) */
NN_UNARY_ROW(mish_f32, float, x *tanhf(fmaxf(x, 0) + log1pf(expf(-fabsf(x)))))
NN_UNARY_ROW(mish_f64, double, x *tanh(fmax(x, 0) + log1p(exp(-fabs(x)))))

static const nn_unary_rows rows = {{[NNOPT_FLOAT] = mish_f32, [NNOPT_DOUBLE] = mish_f64}};

NN_UNARY_KERNEL(mish_reference, rows, NN_ISA_PORTABLE, NN_ROUNDING)

NN_UNARY_F32_KERNELS(mish)

const nn_op nn_op_mish = {
    .name = "Mish",
    .domain = "",
    .since = 18,
    NN_UNARY_COLUMNS,
    .infer = nn_infer_unary_float,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
