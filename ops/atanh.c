#include "ops/family/unary.h"

#include <math.h>

NN_UNARY_ROW(atanh_f32, float, atanhf(x))
NN_UNARY_ROW(atanh_f64, double, atanh(x))

static const nn_unary_rows rows = {{[NNOPT_FLOAT] = atanh_f32, [NNOPT_DOUBLE] = atanh_f64}};

NN_UNARY_KERNEL(atanh_reference, rows, NN_ISA_PORTABLE, NN_ROUNDING)

static const nn_kernel *const kernels[] = {&atanh_reference, NULL};

const nn_op nn_op_atanh = {
    .name = "Atanh",
    .domain = "",
    .since = 9,
    NN_UNARY_COLUMNS,
    .infer = nn_infer_unary_float,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
