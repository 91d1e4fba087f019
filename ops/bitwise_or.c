#include "ops/family/binary.h"

#define BITWISE_OR_ROW(TYPE, type, suffix) NN_BINARY_ROW(bitwise_or_##suffix, type, type, a | b)
NN_EACH_INTEGER(BITWISE_OR_ROW)

#define BITWISE_OR_ENTRY(TYPE, type, suffix) [NNOPT_##TYPE] = bitwise_or_##suffix,
static const nn_binary_rows rows = {{NN_EACH_INTEGER(BITWISE_OR_ENTRY)}};

NN_BINARY_KERNEL(bitwise_or_reference, rows, NN_ISA_PORTABLE, NN_EXACT)

static nn_status infer(const nn_node_view *node) {
    return nn_infer_broadcast(node, NN_TYPES_INTEGER, NNOPT_TYPE_NONE);
}

static const nn_kernel *const kernels[] = {&bitwise_or_reference, NULL};

const nn_op nn_op_bitwise_or = {
    .name = "BitwiseOr",
    .domain = "",
    .since = 18,
    NN_BINARY_COLUMNS,
    .infer = infer,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
