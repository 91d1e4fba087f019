#include "ops/family/container.h"
#include "ops/family/copy.h"

static nn_status infer(const nn_node_view *node) {
    NN_TRY(nn_check_sequence(node, 0));
    NN_TRY(nn_set_output(node, 0, NNOPT_INT64, 0, NULL));
    const nn_tensor *sequence = nn_view_constant(node, 0);
    if (sequence == NULL || node->out[0] == NULL) return NN_OK;
    nn_elements_begin(node->out[0], 1);
    nn_elements_set(node->out[0], 0, nn_element_number(nn_item_count(sequence)));
    return NN_OK;
}

static nn_status run(const nn_call *call) {
    *(int64_t *)call->out[0]->data = nn_item_count(call->in[0]);
    return NN_OK;
}

static const nn_kernel reference = {
    .name = "sequence_length_reference",
    .exactness = NN_EXACT,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_sequence_length = {
    .name = "SequenceLength",
    .domain = "",
    .since = 11,
    .min_inputs = 1,
    .max_inputs = 1,
    .min_outputs = 1,
    .max_outputs = 1,
    .infer = infer,
    .cost = nn_cost_of_header,
    .kernels = kernels,
};
