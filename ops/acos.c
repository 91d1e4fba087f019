#include "ops/family/unary.h"

#include <math.h>

NN_UNARY_ROW(acos_f32, float, acosf(x))
NN_UNARY_ROW(acos_f64, double, acos(x))

static const nn_unary_rows rows = {{[NNOPT_FLOAT] = acos_f32, [NNOPT_DOUBLE] = acos_f64}};

NN_UNARY_KERNEL(acos_reference, rows, NN_ISA_PORTABLE, NN_ROUNDING)

static const nn_kernel *const kernels[] = {&acos_reference, NULL};

const nn_op nn_op_acos = {
    .name = "Acos",
    .domain = "",
    .since = 7,
    NN_UNARY_COLUMNS,
    .infer = nn_infer_unary_float,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
