#include "ops/cpu/float32/rows_f32.h"
#include "ops/family/grad.h"

#include <math.h>

NN_UNARY_ROW(tanh_f32, float, tanhf(x))
NN_UNARY_ROW(tanh_f64, double, tanh(x))

static const nn_unary_rows rows = {{[NNOPT_FLOAT] = tanh_f32, [NNOPT_DOUBLE] = tanh_f64}};

NN_UNARY_KERNEL(tanh_reference, rows, NN_ISA_PORTABLE, NN_ROUNDING)

NN_UNARY_F32_KERNELS(tanh)

const nn_op nn_op_tanh = {
    .name = "Tanh",
    .domain = "",
    .since = 1,
    NN_UNARY_COLUMNS,
    .infer = nn_infer_unary_float,
    .quant = NN_QUANT_FLOAT,
    .grad = nn_grad_of_tanh,
    .kernels = kernels,
};
