#include "ops/family/unary.h"

#include <math.h>

NN_UNARY_ROW(tan_f32, float, tanf(x))
NN_UNARY_ROW(tan_f64, double, tan(x))

static const nn_unary_rows rows = {{[NNOPT_FLOAT] = tan_f32, [NNOPT_DOUBLE] = tan_f64}};

NN_UNARY_KERNEL(tan_reference, rows, NN_ISA_PORTABLE, NN_ROUNDING)

static const nn_kernel *const kernels[] = {&tan_reference, NULL};

const nn_op nn_op_tan = {
    .name = "Tan",
    .domain = "",
    .since = 7,
    NN_UNARY_COLUMNS,
    .infer = nn_infer_unary_float,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
