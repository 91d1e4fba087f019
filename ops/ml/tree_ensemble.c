#include "ops/family/ml/tree_ensemble.h"

static const nn_kernel reference = {
    .name = "tree_ensemble",
    .exactness = NN_ROUNDING,
    .prepare = nn_tree_prepare,
    .run = nn_tree_run_regressor,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_tree_ensemble = {
    .name = "TreeEnsemble",
    .domain = "ai.onnx.ml",
    .since = 5,
    .min_inputs = 1,
    .max_inputs = 1,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(nn_tree_attrs),
    .parse = nn_tree_parse_ensemble,
    .infer = nn_tree_infer_regressor,
    .cost = nn_tree_cost,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
