#include "ops/cpu/float32/rows_f32.h"

#include <math.h>

/* log(1 + exp(x)) without overflow. */
NN_UNARY_ROW(softplus_f32, float, fmaxf(x, 0) + log1pf(expf(-fabsf(x))))
NN_UNARY_ROW(softplus_f64, double, fmax(x, 0) + log1p(exp(-fabs(x))))

static const nn_unary_rows rows = {{[NNOPT_FLOAT] = softplus_f32, [NNOPT_DOUBLE] = softplus_f64}};

NN_UNARY_KERNEL(softplus_reference, rows, NN_ISA_PORTABLE, NN_ROUNDING)

NN_UNARY_F32_KERNELS(softplus)

const nn_op nn_op_softplus = {
    .name = "Softplus",
    .domain = "",
    .since = 1,
    NN_UNARY_COLUMNS,
    .infer = nn_infer_unary_float,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
