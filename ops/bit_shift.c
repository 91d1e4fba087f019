#include "ops/family/binary.h"

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    nn_bit_shift_attrs *parsed = out;
    const char *direction;
    NN_TRY(nn_attrs_string(attrs, "direction", NULL, &direction));
    if (direction == NULL)
        return nn_view_fail(node, NN_BAD_INPUT, "attribute 'direction' is missing");
    parsed->right = strcmp(direction, "RIGHT") == 0;
    if (!parsed->right && strcmp(direction, "LEFT") != 0)
        return nn_view_fail(node, NN_BAD_INPUT,
                            "attribute 'direction' is '%s', not 'LEFT' or 'RIGHT'", direction);
    return NN_OK;
}

/* Amounts that are negative, as wide as the type or wider leave nothing but copies of the sign. */
#define BITS(type)   (8 * (int)sizeof(type))
#define INSIDE(type) ((uint64_t)b < BITS(type))
#define AMOUNT(type) (INSIDE(type) ? (int)b : 0)
#define SHIFT_ROWS(TYPE, type, suffix)                                                             \
    NN_BINARY_ROW(left_##suffix, type, type, INSIDE(type) ? (uint64_t)a << AMOUNT(type) : 0)       \
    NN_BINARY_ROW(right_##suffix, type, type, a >> (INSIDE(type) ? (int)b : BITS(type) - 1))
/* Without a sign nothing is left. */
#define SHIFT_ROWS_UNSIGNED(TYPE, type, suffix)                                                    \
    NN_BINARY_ROW(left_##suffix, type, type, INSIDE(type) ? (uint64_t)a << AMOUNT(type) : 0)       \
    NN_BINARY_ROW(right_##suffix, type, type, INSIDE(type) ? a >> AMOUNT(type) : 0)
NN_EACH_SIGNED(SHIFT_ROWS)
NN_EACH_UNSIGNED(SHIFT_ROWS_UNSIGNED)

#define LEFT_ENTRY(TYPE, type, suffix)  [NNOPT_##TYPE] = left_##suffix,
#define RIGHT_ENTRY(TYPE, type, suffix) [NNOPT_##TYPE] = right_##suffix,
static const nn_binary_rows left = {{NN_EACH_INTEGER(LEFT_ENTRY)}};
static const nn_binary_rows right = {{NN_EACH_INTEGER(RIGHT_ENTRY)}};

static const nn_binary_rows *rows_of(const nn_node_view *node) {
    const nn_bit_shift_attrs *attrs = node->attrs;
    return attrs->right ? &right : &left;
}

NN_BROADCAST_KERNEL(bit_shift_reference, nn_binary_accepts(node, rows_of(node)),
                    nn_binary_run(call, rows_of(call->node)), NN_ISA_PORTABLE, NN_EXACT, 3)

static nn_status infer(const nn_node_view *node) {
    nn_type_set types = node->opset >= 28 ? NN_TYPES_INTEGER : NN_TYPES_UNSIGNED;
    return nn_infer_broadcast(node, types, NNOPT_TYPE_NONE);
}

static const nn_kernel *const kernels[] = {&bit_shift_reference, NULL};

const nn_op nn_op_bit_shift = {
    .name = "BitShift",
    .domain = "",
    .since = 11,
    .min_inputs = 2,
    .max_inputs = 2,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(nn_bit_shift_attrs),
    .parse = parse,
    .infer = infer,
    .axes = nn_axes_of_broadcast,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
