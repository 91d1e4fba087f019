#include "ops/family/unary.h"

#define BITWISE_NOT_ROW(TYPE, type, suffix) NN_UNARY_ROW(bitwise_not_##suffix, type, ~x)
NN_EACH_INTEGER(BITWISE_NOT_ROW)

#define BITWISE_NOT_ENTRY(TYPE, type, suffix) [NNOPT_##TYPE] = bitwise_not_##suffix,
static const nn_unary_rows rows = {{NN_EACH_INTEGER(BITWISE_NOT_ENTRY)}};

NN_UNARY_KERNEL(bitwise_not_reference, rows, NN_ISA_PORTABLE, NN_EXACT)

static nn_status infer(const nn_node_view *node) {
    NN_TRY(nn_check_types(node, 0, 0, NN_TYPES_INTEGER));
    return nn_infer_like(node);
}

static const nn_kernel *const kernels[] = {&bitwise_not_reference, NULL};

const nn_op nn_op_bitwise_not = {
    .name = "BitwiseNot",
    .domain = "",
    .since = 18,
    NN_UNARY_COLUMNS,
    .infer = infer,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
