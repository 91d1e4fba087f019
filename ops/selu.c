#include "ops/cpu/float32/rows_f32.h"

#include <math.h>

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    nn_alpha_beta *parsed = out;
    bool old = node->opset < 6;
    NN_TRY(
        nn_attrs_float(attrs, "alpha", old ? 1.6732f : 1.67326319217681884765625f, &parsed->alpha));
    return nn_attrs_float(attrs, "gamma", old ? 1.0507f : 1.05070102214813232421875f,
                          &parsed->beta);
}

#define ALPHA (((const nn_alpha_beta *)attrs)->alpha)
#define GAMMA (((const nn_alpha_beta *)attrs)->beta)
NN_UNARY_ROW(selu_f32, float, GAMMA *(x > 0 ? x : ALPHA * expm1f(x)))
NN_UNARY_ROW(selu_f64, double, GAMMA *(x > 0 ? x : ALPHA * expm1(x)))

static const nn_unary_rows rows = {{[NNOPT_FLOAT] = selu_f32, [NNOPT_DOUBLE] = selu_f64}};

NN_UNARY_KERNEL(selu_reference, rows, NN_ISA_PORTABLE, NN_ROUNDING)

NN_UNARY_F32_KERNELS(selu)

const nn_op nn_op_selu = {
    .name = "Selu",
    .domain = "",
    .since = 1,
    NN_UNARY_COLUMNS,
    .attr_size = sizeof(nn_alpha_beta),
    .parse = parse,
    .infer = nn_infer_unary_float,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
