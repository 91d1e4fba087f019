#include "ops/family/convolution.h"

#include "ops/cpu/kernels.h"
#include "ops/family/infer.h"

static const nn_conv_inputs inputs = {.x = 0, .w = 1, .bias = 2};

static nn_status infer(const nn_node_view *node) {
    NN_TRY(nn_check_types(node, 0, -1, NN_TYPES_FLOAT));
    NN_TRY(nn_check_same_types(node, 0, -1));
    nn_type type = nn_in_type(node, inputs.x);
    return nn_conv_infer(node, node->attrs, inputs,
                         type != NNOPT_TYPE_NONE ? type : nn_in_type(node, inputs.w));
}

static void cost(const nn_node_view *node, nn_cost *out) {
    nn_conv_cost(node, node->attrs, inputs, out);
}

static nn_status axes(const nn_node_view *node, nn_axis_relations *out) {
    return nn_conv_axes(node, node->attrs, inputs, out);
}

#define KERNELS(isa)                                                                               \
    &nn_kernel_depthwise_f32_##isa, &nn_kernel_conv_winograd4_f32_##isa,                           \
        &nn_kernel_conv_winograd2_f32_##isa, &nn_kernel_conv_winograd_line_f32_##isa,              \
        &nn_kernel_conv_f32_##isa
static const nn_kernel *const kernels[] = {
    NN_BF16_KERNEL(depthwise, avx512bf16) NN_BF16_PRODUCT(conv)
#if defined(__x86_64__)
        & nn_kernel_conv_strassen_f32_avx512,
    KERNELS(avx512),
    &nn_kernel_conv_strassen_f32_avx2,
    KERNELS(avx2),
#endif
    KERNELS(portable),
    &nn_kernel_conv_reference,
    NULL,
};

const nn_op nn_op_conv = {
    .name = "Conv",
    .domain = "",
    .since = 1,
    .min_inputs = 2,
    .max_inputs = 3,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(nn_conv_attrs),
    .parse = nn_conv_parse,
    .infer = infer,
    .cost = cost,
    .axes = axes,
    .quant = NN_QUANT_COMPUTES,
    .kernels = kernels,
};
