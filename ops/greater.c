#include "ops/family/binary.h"

#define GREATER_ROW(TYPE, type, suffix) NN_BINARY_ROW(greater_##suffix, type, uint8_t, a > b)
NN_EACH_REAL(GREATER_ROW)
NN_EACH_INTEGER(GREATER_ROW)

#define GREATER_ENTRY(TYPE, type, suffix) [NNOPT_##TYPE] = greater_##suffix,
static const nn_binary_rows rows = {{NN_EACH_REAL(GREATER_ENTRY) NN_EACH_INTEGER(GREATER_ENTRY)}};

NN_COMPARISON_KERNEL(greater_reference, rows, NN_ISA_PORTABLE, NN_EXACT)

static nn_status infer(const nn_node_view *node) {
    return nn_infer_broadcast(node, NN_TYPES_NUMBER, NNOPT_BOOL);
}

static const nn_kernel *const kernels[] = {&greater_reference, NULL};

const nn_op nn_op_greater = {
    .name = "Greater",
    .domain = "",
    .since = 1,
    NN_BINARY_COLUMNS,
    .infer = infer,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
