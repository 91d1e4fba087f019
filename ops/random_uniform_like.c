#include "ops/family/random.h"

const nn_op nn_op_random_uniform_like = {
    .name = "RandomUniformLike",
    NN_RANDOM_COLUMNS,
    .min_inputs = 1,
    .max_inputs = 1,
    .parse = nn_random_uniform_parse,
    .infer = nn_random_like_infer,
    .axes = nn_axes_of_unary,
    .kernels = nn_random_uniform_kernels,
};
