#include "ops/cpu/kernels.h"
#include "ops/family/infer.h"
#include "ops/family/pooling.h"

static nn_status infer(const nn_node_view *node) {
    NN_TRY(nn_check_types(node, 0, 0, NN_TYPES_FLOAT));
    return nn_pool_infer(node);
}

static const nn_kernel *const kernels[] = {NN_BF16_KERNEL(average_pool, avx512)
                                               NN_KERNELS(average_pool_f32),
                                           &nn_kernel_average_pool_reference, NULL};

const nn_op nn_op_average_pool = {
    .name = "AveragePool",
    .domain = "",
    .since = 1,
    .min_inputs = 1,
    .max_inputs = 1,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(nn_pool_attrs),
    .parse = nn_pool_parse,
    .infer = infer,
    .cost = nn_pool_cost,
    .axes = nn_pool_axes,
    .quant = NN_QUANT_COMPUTES,
    .kernels = kernels,
};
