#include "ops/cpu/float32/rows_f32.h"
#include "ops/family/grad.h"

#include <math.h>

NN_UNARY_ROW(sigmoid_f32, float, 1 / (1 + expf(-x)))
NN_UNARY_ROW(sigmoid_f64, double, 1 / (1 + exp(-x)))

static const nn_unary_rows rows = {{[NNOPT_FLOAT] = sigmoid_f32, [NNOPT_DOUBLE] = sigmoid_f64}};

NN_UNARY_KERNEL(sigmoid_reference, rows, NN_ISA_PORTABLE, NN_ROUNDING)

NN_UNARY_F32_KERNELS(sigmoid)

const nn_op nn_op_sigmoid = {
    .name = "Sigmoid",
    .domain = "",
    .since = 1,
    NN_UNARY_COLUMNS,
    .infer = nn_infer_unary_float,
    .quant = NN_QUANT_FLOAT,
    .grad = nn_grad_of_sigmoid,
    .kernels = kernels,
};
