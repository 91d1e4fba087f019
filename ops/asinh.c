#include "ops/family/unary.h"

#include <math.h>

NN_UNARY_ROW(asinh_f32, float, asinhf(x))
NN_UNARY_ROW(asinh_f64, double, asinh(x))

static const nn_unary_rows rows = {{[NNOPT_FLOAT] = asinh_f32, [NNOPT_DOUBLE] = asinh_f64}};

NN_UNARY_KERNEL(asinh_reference, rows, NN_ISA_PORTABLE, NN_ROUNDING)

static const nn_kernel *const kernels[] = {&asinh_reference, NULL};

const nn_op nn_op_asinh = {
    .name = "Asinh",
    .domain = "",
    .since = 9,
    NN_UNARY_COLUMNS,
    .infer = nn_infer_unary_float,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
