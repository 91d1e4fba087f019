#include "ops/family/container.h"
#include "ops/family/copy.h"

static nn_status infer(const nn_node_view *node) {
    NN_TRY(nn_check_sequence(node, 0));
    NN_TRY(nn_check_position(node, 1));
    const nn_tensor *sequence = nn_view_constant(node, 0), *position = nn_view_constant(node, 1);
    if (sequence == NULL || position == NULL)
        return nn_set_output(node, 0, NNOPT_TYPE_NONE, NN_RANK_UNKNOWN, NULL);
    int64_t at;
    NN_TRY(nn_sequence_position(node, position, nn_item_count(sequence), false, &at));
    return nn_set_output_as(node, &nn_items(sequence)[at]);
}

static nn_status run(const nn_call *call) {
    const nn_tensor *sequence = call->in[0];
    int64_t at;
    NN_TRY(
        nn_sequence_position(call->node, call->in[1], nn_item_count(sequence), false, &at));
    return nn_tensor_copy(&nn_items(sequence)[at], call->out[0]);
}

static const nn_kernel reference = {
    .name = "sequence_at_reference",
    .exactness = NN_EXACT,
    .makes_outputs = true,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_sequence_at = {
    .name = "SequenceAt",
    .domain = "",
    .since = 11,
    .min_inputs = 2,
    .max_inputs = 2,
    .min_outputs = 1,
    .max_outputs = 1,
    .infer = infer,
    .cost = nn_cost_of_moving,
    .kernels = kernels,
};
