#include "ops/cpu/kernels.h"
#include "ops/family/qlinear_convolution.h"

static nn_status infer(const nn_node_view *node) {
    const nn_fact *bias = nn_view_in(node, NN_QCONV_BIAS);
    if (bias != NULL && bias->type != NNOPT_TYPE_NONE && bias->type != NNOPT_INT32)
        return nn_view_fail(node, NN_BAD_INPUT, "bias must be int32, got %s",
                            nnopt_type_name(bias->type));
    return nn_qconv_infer(node, node->in[NN_QCONV_Y_ZERO]->type);
}

static const nn_kernel reference = {
    .name = "qlinear_conv_reference", .exactness = NN_EXACT, .run = nn_qconv_run_reference};

static const nn_kernel *const kernels[] = {NN_QCONV_KERNELS, &reference, NULL};

const nn_op nn_op_qlinear_conv = {
    .name = "QLinearConv",
    .domain = "",
    .since = 10,
    .min_inputs = 8,
    .max_inputs = 9,
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
