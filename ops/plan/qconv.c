/* Convolution of 8-bit data as plans use it: QLinearConv whose zero points and output scale are
 * optional (without y_scale the result is float), whose bias is int32 or float, which applies an
 * activation to the real values before they are quantised, and which may add another tensor to the
 * quantised result (ops/family/qlinear_convolution.h). */
#include "ops/cpu/kernels.h"
#include "ops/family/qlinear_convolution.h"

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    nn_qconv_attrs *parsed = out;
    int64_t order;
    NN_TRY(nn_conv_parse(node, attrs, &parsed->conv));
    NN_TRY(nn_attrs_int(attrs, "sum_order", 0, &order));
    parsed->addend_first = order != 0;
    return NN_OK;
}

static nn_status check_sum(const nn_node_view *node, nn_type type) {
    const nn_fact *addend = node->in[NN_QCONV_ADDEND], *y = node->out[0];
    char left[128], right[128];
    if (nn_view_in(node, NN_QCONV_Y_SCALE) == NULL || nn_view_in(node, NN_QCONV_SUM_SCALE) == NULL)
        return nn_view_fail(node, NN_BAD_INPUT, "a sum needs the scales of both results");
    if (addend->type != NNOPT_TYPE_NONE && addend->type != type)
        return nn_view_fail(node, NN_BAD_INPUT, "the addend must be %s, got %s",
                            nnopt_type_name(type), nnopt_type_name(addend->type));
    NN_TRY(nn_quant_check_parameters(node, NN_QCONV_ADDEND, NN_QCONV_ADDEND_SCALE,
                                     NN_QCONV_ADDEND_ZERO, NN_DIM_UNKNOWN));
    NN_TRY(nn_quant_check_parameters(node, NN_QCONV_ADDEND, NN_QCONV_SUM_SCALE, NN_QCONV_SUM_ZERO,
                                     NN_DIM_UNKNOWN));
    if (nn_fact_count(addend) >= 0 && nn_fact_count(y) >= 0 &&
        !nn_dims_equal(addend->dims, addend->rank, y->dims, y->rank))
        return nn_view_fail(node, NN_BAD_INPUT, "the addend has shape %s, the convolution %s",
                            nn_dims_text(addend->dims, addend->rank, left, sizeof left),
                            nn_dims_text(y->dims, y->rank, right, sizeof right));
    return NN_OK;
}

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
    NN_TRY(nn_qconv_infer(node, type));
    return nn_qconv_has_sum(node) ? check_sum(node, type) : NN_OK;
}

static bool accepts(const nn_node_view *node, const nn_target *target) {
    (void)target;
    return !node->epilogue.has_residual && node->epilogue.after.kind == NN_ACT_NONE;
}

static const nn_kernel reference = {.name = "qconv_reference",
                                    .exactness = NN_EXACT,
                                    .accepts = accepts,
                                    .run = nn_qconv_run_reference};

static const nn_kernel *const kernels[] = {NN_QCONV_KERNELS, &reference, NULL};

const nn_op nn_op_qconv = {
    .name = "QConv",
    .domain = "nnopt",
    .since = 1,
    .min_inputs = 5,
    .max_inputs = NN_QCONV_ALL_INPUTS,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(nn_qconv_attrs),
    .parse = parse,
    .infer = infer,
    .cost = nn_qconv_cost,
    .axes = nn_qconv_axes,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
