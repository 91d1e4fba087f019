/* Convolution of 8-bit data as plans use it: QLinearConv whose zero points and output scale are
 * optional (without y_scale the result is float), whose bias is int32 or float, and which applies
 * an activation to the real values before they are quantised. */
#include "ops/cpu/kernels.h"
#include "ops/family/qlinear_convolution.h"

static nn_status infer(const nn_node_view *node) {
    const nn_fact *bias = nn_view_in(node, NN_QCONV_BIAS);
    const nn_fact *y_scale = nn_view_in(node, NN_QCONV_Y_SCALE);
    const nn_fact *y_zero = nn_view_in(node, NN_QCONV_Y_ZERO);
    if (bias != NULL && bias->type != NNOPT_TYPE_NONE && bias->type != NNOPT_INT32 &&
        bias->type != NNOPT_FLOAT)
        return nn_view_fail(node, NN_BAD_INPUT, "bias must be int32 or float32, got %s",
                            nnopt_type_name(bias->type));
    if (y_zero != NULL && y_scale == NULL)
        return nn_view_fail(node, NN_BAD_INPUT, "a zero point of the output needs its scale");
    nn_type type = NNOPT_FLOAT;
    if (y_scale != NULL) type = y_zero != NULL ? y_zero->type : NNOPT_UINT8;
    return nn_qconv_infer(node, type);
}

static bool accepts(const nn_node_view *node, const nn_target *target) {
    (void)target;
    return !node->epilogue.has_residual && node->epilogue.after.kind == NN_ACT_NONE;
}

static const nn_kernel reference = {.name = "qconv_reference",
                                    .exactness = NN_EXACT,
                                    .accepts = accepts,
                                    .run = nn_qconv_run_reference};

static const nn_kernel *const kernels[] = {NN_INT8_CONVOLUTIONS(qconv), &reference, NULL};

const nn_op nn_op_qconv = {
    .name = "QConv",
    .domain = "nnopt",
    .since = 1,
    .min_inputs = 5,
    .max_inputs = NN_QCONV_INPUTS,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(nn_conv_attrs),
    .parse = nn_conv_parse,
    .infer = infer,
    .cost = nn_qconv_cost,
    .axes = nn_qconv_axes,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
