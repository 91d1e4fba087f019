#include "ops/family/container.h"
#include "ops/family/copy.h"

/* Before version 18 the input had to be an optional; what is none is its own element. */
static nn_status infer(const nn_node_view *node) {
    const nn_fact *in = node->in[0];
    if (in->type == NNOPT_TYPE_NONE || (in->type == NNOPT_OPTIONAL && in->constant == NULL))
        return nn_set_output(node, 0, NNOPT_TYPE_NONE, NN_RANK_UNKNOWN, NULL);
    if (in->type != NNOPT_OPTIONAL) return nn_set_output(node, 0, in->type, in->rank, in->dims);
    if (nn_item_count(in->constant) == 0)
        return nn_view_fail(node, NN_BAD_INPUT, "the optional has no element");
    return nn_set_output_as(node, nn_items(in->constant));
}

static nn_status run(const nn_call *call) {
    const nn_tensor *in = call->in[0];
    if (in->type != NNOPT_OPTIONAL) return nn_tensor_copy(in, call->out[0]);
    if (nn_item_count(in) == 0)
        return nn_view_fail(call->node, NN_BAD_INPUT, "the optional has no element");
    return nn_tensor_copy(nn_items(in), call->out[0]);
}

static const nn_kernel reference = {
    .name = "optional_get_element_reference",
    .exactness = NN_EXACT,
    .makes_outputs = true,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_optional_get_element = {
    .name = "OptionalGetElement",
    .domain = "",
    .since = 15,
    .min_inputs = 1,
    .max_inputs = 1,
    .min_outputs = 1,
    .max_outputs = 1,
    .infer = infer,
    .cost = nn_cost_of_moving,
    .kernels = kernels,
};
