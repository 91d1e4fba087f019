#include "ops/cpu/float32/rows_f32.h"

#include <math.h>

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    nn_gelu_attrs *parsed = out;
    const char *mode;
    NN_TRY(nn_attrs_string(attrs, "approximate", "none", &mode));
    parsed->approximate = strcmp(mode, "tanh") == 0;
    if (parsed->approximate || strcmp(mode, "none") == 0) return NN_OK;
    return nn_view_fail(node, NN_BAD_INPUT, "attribute 'approximate' is '%s'", mode);
}

static float gelu_float(const nn_gelu_attrs *attrs, float x) {
    if (attrs->approximate)
        return 0.5f * x * (1 + tanhf(0.7978845608028654f * (x + 0.044715f * x * x * x)));
    return 0.5f * x * (1 + erff(x * 0.7071067811865476f));
}

static double gelu_double(const nn_gelu_attrs *attrs, double x) {
    if (attrs->approximate)
        return 0.5 * x * (1 + tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)));
    return 0.5 * x * (1 + erf(x * 0.7071067811865476));
}

NN_UNARY_ROW(gelu_f32, float, gelu_float(attrs, x))
NN_UNARY_ROW(gelu_f64, double, gelu_double(attrs, x))

static const nn_unary_rows rows = {{[NNOPT_FLOAT] = gelu_f32, [NNOPT_DOUBLE] = gelu_f64}};

NN_UNARY_KERNEL(gelu_reference, rows, NN_ISA_PORTABLE, NN_ROUNDING)

NN_UNARY_F32_KERNELS(gelu)

const nn_op nn_op_gelu = {
    .name = "Gelu",
    .domain = "",
    .since = 20,
    NN_UNARY_COLUMNS,
    .attr_size = sizeof(nn_gelu_attrs),
    .parse = parse,
    .infer = nn_infer_unary_float,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
