#include "ops/cpu/kernels.h"
#include "ops/family/infer.h"
#include "ops/family/pooling.h"

static nn_status infer(const nn_node_view *node) {
    NN_TRY(nn_check_types(node, 0, 0,
                          NN_TYPES_FLOAT | NN_TYPE_BIT(NNOPT_INT8) | NN_TYPE_BIT(NNOPT_UINT8)));
    return nn_pool_infer(node);
}

static const nn_kernel *const kernels[] = {NN_BF16_KERNEL(max_pool, avx512) NN_KERNELS(max_pool),
                                           &nn_kernel_max_pool_reference, NULL};

const nn_op nn_op_max_pool = {
    .name = "MaxPool",
    .domain = "",
    .since = 1,
    .min_inputs = 1,
    .max_inputs = 1,
    .min_outputs = 1,
    .max_outputs = 2,
    .attr_size = sizeof(nn_pool_attrs),
    .parse = nn_pool_parse,
    .infer = infer,
    .cost = nn_pool_cost,
    .axes = nn_pool_axes,
    .quant = NN_QUANT_MOVES,
    .kernels = kernels,
};
