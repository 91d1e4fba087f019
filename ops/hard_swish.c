#include "ops/cpu/float32/rows_f32.h"

/* x clamp(x / 6 + 1 / 2); NaN stays. */
static inline float hard_swish_float(float x) {
    float y = x * (1.0f / 6) + 0.5f;
    y = y < 0 ? 0 : y;
    return x * (y > 1 ? 1 : y);
}

static inline double hard_swish_double(double x) {
    double y = x * (1.0 / 6) + 0.5;
    y = y < 0 ? 0 : y;
    return x * (y > 1 ? 1 : y);
}

NN_UNARY_ROW(hard_swish_f32, float, hard_swish_float(x))
NN_UNARY_ROW(hard_swish_f64, double, hard_swish_double(x))

static const nn_unary_rows rows = {
    {[NNOPT_FLOAT] = hard_swish_f32, [NNOPT_DOUBLE] = hard_swish_f64}};

NN_UNARY_KERNEL(hard_swish_reference, rows, NN_ISA_PORTABLE, NN_EXACT)

NN_UNARY_F32_EXACT_KERNELS(hard_swish)

const nn_op nn_op_hard_swish = {
    .name = "HardSwish",
    .domain = "",
    .since = 14,
    NN_UNARY_COLUMNS,
    .infer = nn_infer_unary_float,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
