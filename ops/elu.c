#include "ops/cpu/float32/rows_f32.h"

#include <math.h>

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    (void)node;
    nn_alpha_beta *parsed = out;
    return nn_attrs_float(attrs, "alpha", 1, &parsed->alpha);
}

#define ALPHA (((const nn_alpha_beta *)attrs)->alpha)
NN_UNARY_ROW(elu_f32, float, x < 0 ? ALPHA * expm1f(x) : x)
NN_UNARY_ROW(elu_f64, double, x < 0 ? ALPHA * expm1(x) : x)

static const nn_unary_rows rows = {{[NNOPT_FLOAT] = elu_f32, [NNOPT_DOUBLE] = elu_f64}};

NN_UNARY_KERNEL(elu_reference, rows, NN_ISA_PORTABLE, NN_ROUNDING)

NN_UNARY_F32_KERNELS(elu)

const nn_op nn_op_elu = {
    .name = "Elu",
    .domain = "",
    .since = 1,
    NN_UNARY_COLUMNS,
    .attr_size = sizeof(nn_alpha_beta),
    .parse = parse,
    .infer = nn_infer_unary_float,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
