#include "ops/cpu/float32/rows_f32.h"

#include <math.h>

NN_UNARY_ROW(abs_f32, float, fabsf(x))
NN_UNARY_ROW(abs_f64, double, fabs(x))
/* The most negative integer stays itself. */
#define ABS_ROW(TYPE, type, suffix)                                                                \
    NN_UNARY_ROW(abs_##suffix, type, x < 0 ? 0 - (uint64_t)x : (uint64_t)x)
#define COPY_ROW(TYPE, type, suffix) NN_UNARY_ROW(abs_##suffix, type, x)
NN_EACH_SIGNED(ABS_ROW)
NN_EACH_UNSIGNED(COPY_ROW)

#define ABS_ENTRY(TYPE, type, suffix) [NNOPT_##TYPE] = abs_##suffix,
static const nn_unary_rows rows = {{NN_EACH_REAL(ABS_ENTRY) NN_EACH_INTEGER(ABS_ENTRY)}};

NN_UNARY_KERNEL(abs_reference, rows, NN_ISA_PORTABLE, NN_EXACT)

NN_UNARY_F32_EXACT_KERNELS(abs)

const nn_op nn_op_abs = {
    .name = "Abs",
    .domain = "",
    .since = 1,
    NN_UNARY_COLUMNS,
    .infer = nn_infer_unary_number,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
