#include "ops/family/copy.h"
#include "ops/family/grad.h"

const nn_op nn_op_identity = {
    .name = "Identity",
    .domain = "",
    .since = 1,
    .min_inputs = 1,
    .max_inputs = 1,
    .min_outputs = 1,
    .max_outputs = 1,
    .infer = nn_infer_same,
    .cost = nn_cost_of_moving,
    .axes = nn_axes_of_unary,
    .quant = NN_QUANT_MOVES,
    .is_view = true,
    .kernels = nn_copy_kernels,
    .grad = nn_grad_of_reshaping,
};
