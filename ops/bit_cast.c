#include "ops/family/copy.h"

typedef struct bit_cast_attrs {
    nn_type to;
} bit_cast_attrs;

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    bit_cast_attrs *parsed = out;
    int64_t to;
    NN_TRY(nn_attrs_int(attrs, "to", 0, &to));
    if (to <= 0 || to >= NN_TYPE_COUNT || !nn_type_is_plain((nn_type)to))
        return nn_view_fail(node, NN_BAD_INPUT,
                            "attribute 'to' is %lld, which is not a type of "
                            "fixed width",
                            (long long)to);
    parsed->to = (nn_type)to;
    return NN_OK;
}

static nn_status infer(const nn_node_view *node) {
    const bit_cast_attrs *attrs = node->attrs;
    const nn_fact *in = node->in[0];
    NN_TRY(nn_check_types(node, 0, 0, ~NN_TYPES_STRING));
    if (in->type != NNOPT_TYPE_NONE && nn_type_bits(in->type) != nn_type_bits(attrs->to))
        return nn_view_fail(node, NN_BAD_INPUT, "%s has %d bits but %s has %d",
                            nnopt_type_name(in->type), nn_type_bits(in->type),
                            nnopt_type_name(attrs->to), nn_type_bits(attrs->to));
    return nn_set_output(node, 0, attrs->to, in->rank, in->dims);
}

const nn_op nn_op_bit_cast = {
    .name = "BitCast",
    .domain = "",
    .since = 26,
    .min_inputs = 1,
    .max_inputs = 1,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(bit_cast_attrs),
    .parse = parse,
    .infer = infer,
    .cost = nn_cost_of_moving,
    .axes = nn_axes_of_unary,
    .quant = NN_QUANT_FLOAT,
    .kernels = nn_copy_kernels,
};
