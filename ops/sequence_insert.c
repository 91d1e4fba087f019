#include "ops/family/container.h"
#include "ops/family/copy.h"

static nn_status infer(const nn_node_view *node) {
    NN_TRY(nn_check_sequence(node, 0));
    NN_TRY(nn_check_tensors(node, 1, 1));
    NN_TRY(nn_check_position(node, 2));
    return nn_set_container(node, 0, NNOPT_SEQUENCE);
}

static nn_status run(const nn_call *call) {
    const nn_tensor *sequence = call->in[0], *added = call->in[1];
    const nn_tensor *position = call->in_count > 2 ? call->in[2] : NULL;
    nn_tensor *out = call->out[0];
    int64_t count = nn_item_count(sequence), at = count;
    if (position != NULL) NN_TRY(nn_sequence_position(call->node, position, count, true, &at));
    if (count > 0 && nn_items(sequence)[0].type != added->type)
        return nn_view_fail(call->node, NN_BAD_INPUT, "%s cannot go into a sequence of %s",
                            nnopt_type_name(added->type),
                            nnopt_type_name(nn_items(sequence)[0].type));
    NN_TRY(nn_container_init(out, NNOPT_SEQUENCE, count + 1));
    for (int64_t i = 0; i <= count; i++)
        NN_TRY(nn_tensor_copy(i == at ? added : &nn_items(sequence)[i < at ? i : i - 1],
                              &nn_items_out(out)[i]));
    return NN_OK;
}

static const nn_kernel reference = {
    .name = "sequence_insert_reference",
    .exactness = NN_EXACT,
    .makes_outputs = true,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_sequence_insert = {
    .name = "SequenceInsert",
    .domain = "",
    .since = 11,
    .min_inputs = 2,
    .max_inputs = 3,
    .min_outputs = 1,
    .max_outputs = 1,
    .infer = infer,
    .cost = nn_cost_of_moving,
    .kernels = kernels,
};
