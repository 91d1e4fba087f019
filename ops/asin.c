#include "ops/family/unary.h"

#include <math.h>

NN_UNARY_ROW(asin_f32, float, asinf(x))
NN_UNARY_ROW(asin_f64, double, asin(x))

static const nn_unary_rows rows = {{[NNOPT_FLOAT] = asin_f32, [NNOPT_DOUBLE] = asin_f64}};

NN_UNARY_KERNEL(asin_reference, rows, NN_ISA_PORTABLE, NN_ROUNDING)

static const nn_kernel *const kernels[] = {&asin_reference, NULL};

const nn_op nn_op_asin = {
    .name = "Asin",
    .domain = "",
    .since = 7,
    NN_UNARY_COLUMNS,
    .infer = nn_infer_unary_float,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
