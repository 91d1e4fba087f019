#include "ops/family/copy.h"
#include "ops/family/movement.h"

#define EYE_TYPES (NN_TYPES_NUMBER | NN_TYPES_BOOL)

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    nn_eye_like_attrs *parsed = out;
    int64_t type;
    NN_TRY(nn_attrs_int(attrs, "k", 0, &parsed->diagonal));
    NN_TRY(nn_attrs_int(attrs, "dtype", NNOPT_TYPE_NONE, &type));
    if (type != NNOPT_TYPE_NONE && (type < 0 || type > 31 || !nn_type_in((nn_type)type, EYE_TYPES)))
        return nn_view_fail(node, NN_BAD_INPUT, "attribute 'dtype' is %lld", (long long)type);
    parsed->type = (nn_type)type;
    return NN_OK;
}

static nn_status infer(const nn_node_view *node) {
    const nn_eye_like_attrs *attrs = node->attrs;
    const nn_fact *in = node->in[0];
    NN_TRY(nn_check_types(node, 0, 0, EYE_TYPES));
    if (in->rank >= 0 && in->rank != 2)
        return nn_view_fail(node, NN_BAD_INPUT, "input 0 must have rank 2, has %d", in->rank);
    return nn_set_output(node, 0, attrs->type != NNOPT_TYPE_NONE ? attrs->type : in->type, in->rank,
                         in->dims);
}

static nn_status run(const nn_call *call) {
    const nn_eye_like_attrs *attrs = call->node->attrs;
    nn_tensor *out = call->out[0];
    int64_t rows = out->dims[0], columns = out->dims[1], diagonal = attrs->diagonal;
    nn_tensor_zero(out);
    if (diagonal <= -rows || diagonal >= columns) return NN_OK;
    for (int64_t row = diagonal < 0 ? -diagonal : 0; row < rows && row + diagonal < columns; row++)
        nn_tensor_set(out, row * columns + row + diagonal, 1);
    return NN_OK;
}

static bool accepts(const nn_node_view *node, const nn_target *target) {
    (void)target;
    return nn_epilogue_is_empty(&node->epilogue) && nn_type_in(node->out[0]->type, EYE_TYPES);
}

static const nn_kernel reference = {
    .name = "eye_like_reference",
    .exactness = NN_EXACT,
    .accepts = accepts,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_eye_like = {
    .name = "EyeLike",
    .domain = "",
    .since = 9,
    .min_inputs = 1,
    .max_inputs = 1,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(nn_eye_like_attrs),
    .parse = parse,
    .infer = infer,
    .cost = nn_cost_of_header,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
