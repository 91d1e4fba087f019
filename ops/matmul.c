#include "ops/family/matmul.h"

#include "ops/cpu/kernels.h"
#include "ops/family/infer.h"

static nn_status infer(const nn_node_view *node) {
    const nn_type_set types = NN_TYPES_FLOAT | NN_TYPE_BIT(NNOPT_INT32) | NN_TYPE_BIT(NNOPT_INT64) |
                              NN_TYPE_BIT(NNOPT_UINT32) | NN_TYPE_BIT(NNOPT_UINT64);
    NN_TRY(nn_check_types(node, 0, 1, types));
    NN_TRY(nn_check_same_types(node, 0, 1));
    nn_type type = nn_in_type(node, 0);
    return nn_matmul_infer(node, 0, 1, type != NNOPT_TYPE_NONE ? type : nn_in_type(node, 1));
}

static void cost(const nn_node_view *node, nn_cost *out) {
    nn_matmul_cost(node, 0, 1, out);
}

static nn_status axes(const nn_node_view *node, nn_axis_relations *out) {
    return nn_matmul_axes(node, 0, 1, out);
}

static const nn_kernel *const kernels[] = {NN_KERNELS(matmul_f32), &nn_kernel_matmul_reference,
                                           NULL};

const nn_op nn_op_matmul = {
    .name = "MatMul",
    .domain = "",
    .since = 1,
    .min_inputs = 2,
    .max_inputs = 2,
    .min_outputs = 1,
    .max_outputs = 1,
    .infer = infer,
    .cost = cost,
    .axes = axes,
    .quant = NN_QUANT_COMPUTES,
    .kernels = kernels,
};
