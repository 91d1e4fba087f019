#include "ops/family/scatter.h"

const nn_op nn_op_scatter = {
    .name = "Scatter",
    .domain = "",
    .since = 9,
    .min_inputs = 3,
    .max_inputs = 3,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(nn_scatter_attrs),
    .parse = nn_scatter_parse,
    .infer = nn_scatter_elements_infer,
    .cost = nn_scatter_cost,
    .quant = NN_QUANT_FLOAT,
    .kernels = nn_scatter_elements_kernels,
};
