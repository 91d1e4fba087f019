#include "ops/family/softmax.h"

static nn_status run(const nn_call *call) {
    return nn_softmax_run(call, false);
}

static const nn_kernel reference = {
    .name = "softmax_reference",
    .exactness = NN_EXACT,
    .in_place = 1,
    .accepts = nn_softmax_accepts,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_softmax = {.name = "Softmax", NN_SOFTMAX_COLUMNS, .kernels = kernels};
