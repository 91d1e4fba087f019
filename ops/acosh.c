#include "ops/family/unary.h"

#include <math.h>

NN_UNARY_ROW(acosh_f32, float, acoshf(x))
NN_UNARY_ROW(acosh_f64, double, acosh(x))

static const nn_unary_rows rows = {{[NNOPT_FLOAT] = acosh_f32, [NNOPT_DOUBLE] = acosh_f64}};

NN_UNARY_KERNEL(acosh_reference, rows, NN_ISA_PORTABLE, NN_ROUNDING)

static const nn_kernel *const kernels[] = {&acosh_reference, NULL};

const nn_op nn_op_acosh = {
    .name = "Acosh",
    .domain = "",
    .since = 9,
    NN_UNARY_COLUMNS,
    .infer = nn_infer_unary_float,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
