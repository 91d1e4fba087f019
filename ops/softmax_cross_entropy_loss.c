#include "ops/family/loss.h"

static nn_status run(const nn_call *call) {
    return nn_loss_run(call, true);
}

static const nn_kernel softmax_cross_entropy_loss_reference = {
    .name = "softmax_cross_entropy_loss_reference",
    .exactness = NN_EXACT,
    .prepare = nn_loss_prepare,
    .run = run,
};

static const nn_kernel *const kernels[] = {&softmax_cross_entropy_loss_reference, NULL};

const nn_op nn_op_softmax_cross_entropy_loss = {
    .name = "SoftmaxCrossEntropyLoss",
    .domain = "",
    .since = 12,
    .min_inputs = 2,
    .max_inputs = 3,
    .min_outputs = 1,
    .max_outputs = 2,
    .attr_size = sizeof(nn_loss_attrs),
    .parse = nn_loss_parse,
    .infer = nn_loss_infer,
    .axes = nn_loss_axes,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
