#include "ops/cpu/float32/rows_f32.h"
#include "ops/family/grad.h"

#include <math.h>

NN_UNARY_ROW(sqrt_f32, float, sqrtf(x))
NN_UNARY_ROW(sqrt_f64, double, sqrt(x))

static const nn_unary_rows rows = {{[NNOPT_FLOAT] = sqrt_f32, [NNOPT_DOUBLE] = sqrt_f64}};

NN_UNARY_KERNEL(sqrt_reference, rows, NN_ISA_PORTABLE, NN_EXACT)

NN_UNARY_F32_EXACT_KERNELS(sqrt)

const nn_op nn_op_sqrt = {
    .name = "Sqrt",
    .domain = "",
    .since = 1,
    NN_UNARY_COLUMNS,
    .infer = nn_infer_unary_float,
    .quant = NN_QUANT_FLOAT,
    .grad = nn_grad_of_sqrt,
    .kernels = kernels,
};
