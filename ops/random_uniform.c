#include "ops/family/random.h"

const nn_op nn_op_random_uniform = {
    .name = "RandomUniform",
    NN_RANDOM_COLUMNS,
    .parse = nn_random_uniform_parse,
    .infer = nn_random_infer,
    .kernels = nn_random_uniform_kernels,
};
