#include "ops/family/softmax.h"

static nn_status run(const nn_call *call) {
    return nn_softmax_run(call, true);
}

static const nn_kernel reference = {
    .name = "log_softmax_reference",
    .exactness = NN_EXACT,
    .in_place = 1,
    .accepts = nn_softmax_accepts,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_log_softmax = {.name = "LogSoftmax", NN_SOFTMAX_COLUMNS, .kernels = kernels};
