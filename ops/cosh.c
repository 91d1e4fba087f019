#include "ops/family/unary.h"

#include <math.h>

NN_UNARY_ROW(cosh_f32, float, coshf(x))
NN_UNARY_ROW(cosh_f64, double, cosh(x))

static const nn_unary_rows rows = {{[NNOPT_FLOAT] = cosh_f32, [NNOPT_DOUBLE] = cosh_f64}};

NN_UNARY_KERNEL(cosh_reference, rows, NN_ISA_PORTABLE, NN_ROUNDING)

static const nn_kernel *const kernels[] = {&cosh_reference, NULL};

const nn_op nn_op_cosh = {
    .name = "Cosh",
    .domain = "",
    .since = 9,
    NN_UNARY_COLUMNS,
    .infer = nn_infer_unary_float,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
