#include "ops/family/copy.h"

static nn_status infer(const nn_node_view *node) {
    const nn_fact *in = node->in[0];
    NN_TRY(nn_set_output(node, 0, NNOPT_INT64, 0, NULL));
    if (in->rank < 0 || node->out[0] == NULL) return NN_OK;
    nn_elements_begin(node->out[0], 1);
    nn_elements_set(node->out[0], 0, nn_element_of_dim(nn_dims_product(in->dims, 0, in->rank)));
    return NN_OK;
}

static nn_status axes(const nn_node_view *node, nn_axis_relations *out) {
    for (int axis = 0; axis < node->in[0]->rank; axis++)
        NN_TRY(nn_axes_fixed(node, out, nn_in_axis(0, axis)));
    return NN_OK;
}

static nn_status run(const nn_call *call) {
    *(int64_t *)call->out[0]->data = nn_tensor_count(call->in[0]);
    return NN_OK;
}

static const nn_kernel reference = {
    .name = "size_reference",
    .exactness = NN_EXACT,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_size = {
    .name = "Size",
    .domain = "",
    .since = 1,
    .min_inputs = 1,
    .max_inputs = 1,
    .min_outputs = 1,
    .max_outputs = 1,
    .infer = infer,
    .cost = nn_cost_of_header,
    .axes = axes,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
