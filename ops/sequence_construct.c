#include "ops/family/container.h"
#include "ops/family/copy.h"

static nn_status infer(const nn_node_view *node) {
    NN_TRY(nn_check_tensors(node, 0, -1));
    NN_TRY(nn_check_same_types(node, 0, -1));
    return nn_set_container(node, 0, NNOPT_SEQUENCE);
}

static nn_status run(const nn_call *call) {
    nn_tensor *out = call->out[0];
    NN_TRY(nn_container_init(out, NNOPT_SEQUENCE, call->in_count));
    for (int i = 0; i < call->in_count; i++)
        NN_TRY(nn_tensor_copy(call->in[i], &nn_items_out(out)[i]));
    return NN_OK;
}

static const nn_kernel reference = {
    .name = "sequence_construct_reference",
    .exactness = NN_EXACT,
    .makes_outputs = true,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_sequence_construct = {
    .name = "SequenceConstruct",
    .domain = "",
    .since = 11,
    .min_inputs = 1,
    .max_inputs = NN_ANY_COUNT,
    .min_outputs = 1,
    .max_outputs = 1,
    .infer = infer,
    .cost = nn_cost_of_moving,
    .kernels = kernels,
};
