#include "ops/family/container.h"
#include "ops/family/copy.h"

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    (void)out;
    if (node->in_count == 0 && nn_attrs_find(attrs, "type") == NULL)
        return nn_view_fail(node, NN_BAD_INPUT, "needs an input or attribute 'type'");
    return NN_OK;
}

static nn_status infer(const nn_node_view *node) {
    nn_type type = nn_in_type(node, 0);
    if (type == NNOPT_OPTIONAL || type == NNOPT_MAP)
        return nn_view_fail(node, NN_BAD_INPUT, "input 0 must be a tensor or a sequence, is %s",
                            nnopt_type_name(type));
    return nn_set_container(node, 0, NNOPT_OPTIONAL);
}

static nn_status run(const nn_call *call) {
    const nn_tensor *in = call->in_count > 0 ? call->in[0] : NULL;
    NN_TRY(nn_container_init(call->out[0], NNOPT_OPTIONAL, in != NULL));
    return in != NULL ? nn_tensor_copy(in, nn_items_out(call->out[0])) : NN_OK;
}

static const nn_kernel reference = {
    .name = "optional_reference",
    .exactness = NN_EXACT,
    .makes_outputs = true,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_optional = {
    .name = "Optional",
    .domain = "",
    .since = 15,
    .min_inputs = 0,
    .max_inputs = 1,
    .min_outputs = 1,
    .max_outputs = 1,
    .parse = parse,
    .infer = infer,
    .cost = nn_cost_of_moving,
    .kernels = kernels,
};
