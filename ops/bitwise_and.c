#include "ops/family/binary.h"

#define BITWISE_AND_ROW(TYPE, type, suffix) NN_BINARY_ROW(bitwise_and_##suffix, type, type, a &b)
NN_EACH_INTEGER(BITWISE_AND_ROW)

#define BITWISE_AND_ENTRY(TYPE, type, suffix) [NNOPT_##TYPE] = bitwise_and_##suffix,
static const nn_binary_rows rows = {{NN_EACH_INTEGER(BITWISE_AND_ENTRY)}};

NN_BINARY_KERNEL(bitwise_and_reference, rows, NN_ISA_PORTABLE, NN_EXACT)

static nn_status infer(const nn_node_view *node) {
    return nn_infer_broadcast(node, NN_TYPES_INTEGER, NNOPT_TYPE_NONE);
}

static const nn_kernel *const kernels[] = {&bitwise_and_reference, NULL};

const nn_op nn_op_bitwise_and = {
    .name = "BitwiseAnd",
    .domain = "",
    .since = 18,
    NN_BINARY_COLUMNS,
    .infer = infer,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
