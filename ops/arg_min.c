#include "ops/family/arg.h"

static nn_status run(const nn_call *call) {
    return nn_arg_run(call, false);
}

static const nn_kernel reference = {
    .name = "arg_min_reference",
    .exactness = NN_EXACT,
    .accepts = nn_arg_accepts,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_arg_min = {.name = "ArgMin", NN_ARG_COLUMNS, .kernels = kernels};
