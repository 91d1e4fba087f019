#include "ops/family/container.h"
#include "ops/family/copy.h"

static nn_status infer(const nn_node_view *node) {
    return nn_set_output(node, 0, NNOPT_BOOL, 0, NULL);
}

static nn_status run(const nn_call *call) {
    const nn_tensor *in = call->in_count > 0 ? call->in[0] : NULL;
    bool has = in != NULL && (in->type != NNOPT_OPTIONAL || nn_item_count(in) > 0);
    *(uint8_t *)call->out[0]->data = has;
    return NN_OK;
}

static const nn_kernel reference = {
    .name = "optional_has_element_reference",
    .exactness = NN_EXACT,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_optional_has_element = {
    .name = "OptionalHasElement",
    .domain = "",
    .since = 15,
    .min_inputs = 0,
    .max_inputs = 1,
    .min_outputs = 1,
    .max_outputs = 1,
    .infer = infer,
    .cost = nn_cost_of_header,
    .kernels = kernels,
};
