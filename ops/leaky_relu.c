#include "ops/cpu/float32/rows_f32.h"

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    (void)node;
    nn_alpha_beta *parsed = out;
    return nn_attrs_float(attrs, "alpha", 0.01f, &parsed->alpha);
}

#define ALPHA (((const nn_alpha_beta *)attrs)->alpha)
NN_UNARY_ROW(leaky_relu_f32, float, x < 0 ? ALPHA * x : x)
NN_UNARY_ROW(leaky_relu_f64, double, x < 0 ? ALPHA * x : x)

static const nn_unary_rows rows = {
    {[NNOPT_FLOAT] = leaky_relu_f32, [NNOPT_DOUBLE] = leaky_relu_f64}};

NN_UNARY_KERNEL(leaky_relu_reference, rows, NN_ISA_PORTABLE, NN_EXACT)

NN_UNARY_F32_EXACT_KERNELS(leaky_relu)

const nn_op nn_op_leaky_relu = {
    .name = "LeakyRelu",
    .domain = "",
    .since = 1,
    NN_UNARY_COLUMNS,
    .attr_size = sizeof(nn_alpha_beta),
    .parse = parse,
    .infer = nn_infer_unary_float,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
