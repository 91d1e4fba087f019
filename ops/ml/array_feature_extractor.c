#include "ops/family/copy.h"
#include "ops/family/index.h"

static nn_status infer(const nn_node_view *node) {
    const nn_fact *x = node->in[0], *indices = node->in[1];
    int64_t dims[NN_MAX_RANK] = {1}, count = 1;
    NN_TRY(nn_check_types(node, 0, 0,
                          NN_TYPE_BIT(NNOPT_FLOAT) | NN_TYPE_BIT(NNOPT_DOUBLE) |
                              NN_TYPE_BIT(NNOPT_INT64) | NN_TYPE_BIT(NNOPT_INT32) |
                              NN_TYPE_BIT(NNOPT_STRING)));
    NN_TRY(nn_check_types(node, 1, 1, NN_TYPE_BIT(NNOPT_INT64)));
    if (x->rank < 0) return nn_set_output(node, 0, x->type, -1, NULL);
    if (x->rank == 0) return nn_view_fail(node, NN_BAD_INPUT, "input 0 is a scalar");
    if (indices->rank < 0) count = NN_DIM_UNKNOWN;
    for (int i = 0; i < indices->rank; i++) count = nn_dim_multiply(count, indices->dims[i]);
    int rank = x->rank == 1 ? 2 : x->rank;
    for (int i = 0; i < x->rank - 1; i++) dims[i] = x->dims[i];
    dims[rank - 1] = count;
    NN_TRY(nn_check_constant_indices(node, 1, x->dims[x->rank - 1]));
    return nn_set_output(node, 0, x->type, rank, dims);
}

static nn_status run(const nn_call *call) {
    const nn_tensor *x = call->in[0], *indices = call->in[1];
    int64_t columns = x->dims[x->rank - 1], count = nn_tensor_count(indices);
    size_t size = (size_t)nn_type_bits(x->type) / 8;
    NN_TRY(nn_check_indices(call->node, indices, columns));
    int64_t rows = nn_dims_product(x->dims, 0, x->rank - 1);
    char *out = call->out[0]->data;
    for (int64_t row = 0; row < rows; row++) {
        for (int64_t i = 0; i < count; i++, out += size) {
            int64_t index = nn_index_at(indices, i);
            if (index < 0) index += columns;
            memcpy(out, nn_at(x->data, x->type, row * columns + index), size);
        }
    }
    return NN_OK;
}

static const nn_kernel reference = {
    .name = "array_feature_extractor",
    .exactness = NN_EXACT,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_array_feature_extractor = {
    .name = "ArrayFeatureExtractor",
    .domain = "ai.onnx.ml",
    .since = 1,
    .min_inputs = 2,
    .max_inputs = 2,
    .min_outputs = 1,
    .max_outputs = 1,

    .infer = infer,
    .cost = nn_cost_of_moving,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
