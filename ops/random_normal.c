#include "ops/family/random.h"

const nn_op nn_op_random_normal = {
    .name = "RandomNormal",
    NN_RANDOM_COLUMNS,
    .parse = nn_random_normal_parse,
    .infer = nn_random_infer,
    .kernels = nn_random_normal_kernels,
};
