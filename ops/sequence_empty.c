#include "ops/family/container.h"
#include "ops/family/copy.h"

/* The type of the items that are not there says nothing of the value. */
static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    (void)out;
    int64_t type;
    NN_TRY(nn_attrs_int(attrs, "dtype", NNOPT_FLOAT, &type));
    if (type < 0 || type >= NN_TYPE_COUNT || nn_type_bits((nn_type)type) == 0)
        return nn_view_fail(node, NN_BAD_INPUT, "attribute 'dtype' is %lld, which is no type",
                            (long long)type);
    return NN_OK;
}

static nn_status infer(const nn_node_view *node) {
    return nn_set_container(node, 0, NNOPT_SEQUENCE);
}

static nn_status run(const nn_call *call) {
    return nn_container_init(call->out[0], NNOPT_SEQUENCE, 0);
}

static const nn_kernel reference = {
    .name = "sequence_empty_reference",
    .exactness = NN_EXACT,
    .makes_outputs = true,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_sequence_empty = {
    .name = "SequenceEmpty",
    .domain = "",
    .since = 11,
    .min_inputs = 0,
    .max_inputs = 0,
    .min_outputs = 1,
    .max_outputs = 1,
    .parse = parse,
    .infer = infer,
    .cost = nn_cost_of_moving,
    .kernels = kernels,
};
