#include "ops/family/unary.h"

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    (void)node;
    nn_alpha_beta *parsed = out;
    return nn_attrs_float(attrs, "alpha", 1, &parsed->alpha);
}

#define ALPHA (((const nn_alpha_beta *)attrs)->alpha)
NN_UNARY_ROW(thresholded_relu_f32, float, x > ALPHA ? x : 0)
NN_UNARY_ROW(thresholded_relu_f64, double, x > (double)ALPHA ? x : 0)

static const nn_unary_rows rows = {
    {[NNOPT_FLOAT] = thresholded_relu_f32, [NNOPT_DOUBLE] = thresholded_relu_f64}};

NN_UNARY_KERNEL(thresholded_relu_reference, rows, NN_ISA_PORTABLE, NN_EXACT)

static const nn_kernel *const kernels[] = {&thresholded_relu_reference, NULL};

const nn_op nn_op_thresholded_relu = {
    .name = "ThresholdedRelu",
    .domain = "",
    .since = 10,
    NN_UNARY_COLUMNS,
    .attr_size = sizeof(nn_alpha_beta),
    .parse = parse,
    .infer = nn_infer_unary_float,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
