#include "ops/family/arg.h"

static nn_status run(const nn_call *call) {
    return nn_arg_run(call, true);
}

static const nn_kernel reference = {
    .name = "arg_max_reference",
    .exactness = NN_EXACT,
    .accepts = nn_arg_accepts,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_arg_max = {.name = "ArgMax", NN_ARG_COLUMNS, .kernels = kernels};
