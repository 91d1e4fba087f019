#include "ops/cpu/float32/rows_f32.h"

/* NaN stays. */
static inline float clamp_float(float x) {
    x = x < 0 ? 0 : x;
    return x > 1 ? 1 : x;
}

static inline double clamp_double(double x) {
    x = x < 0 ? 0 : x;
    return x > 1 ? 1 : x;
}

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    (void)node;
    nn_alpha_beta *parsed = out;
    NN_TRY(nn_attrs_float(attrs, "alpha", 0.2f, &parsed->alpha));
    return nn_attrs_float(attrs, "beta", 0.5f, &parsed->beta);
}

#define ALPHA (((const nn_alpha_beta *)attrs)->alpha)
#define BETA  (((const nn_alpha_beta *)attrs)->beta)
NN_UNARY_ROW(hard_sigmoid_f32, float, clamp_float(ALPHA *x + BETA))
NN_UNARY_ROW(hard_sigmoid_f64, double, clamp_double(ALPHA *x + BETA))

static const nn_unary_rows rows = {
    {[NNOPT_FLOAT] = hard_sigmoid_f32, [NNOPT_DOUBLE] = hard_sigmoid_f64}};

NN_UNARY_KERNEL(hard_sigmoid_reference, rows, NN_ISA_PORTABLE, NN_EXACT)

NN_UNARY_F32_EXACT_KERNELS(hard_sigmoid)

const nn_op nn_op_hard_sigmoid = {
    .name = "HardSigmoid",
    .domain = "",
    .since = 1,
    NN_UNARY_COLUMNS,
    .attr_size = sizeof(nn_alpha_beta),
    .parse = parse,
    .infer = nn_infer_unary_float,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
