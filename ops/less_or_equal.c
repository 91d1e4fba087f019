#include "ops/family/binary.h"

#define LESS_OR_EQUAL_ROW(TYPE, type, suffix)                                                      \
    NN_BINARY_ROW(less_or_equal_##suffix, type, uint8_t, a <= b)
NN_EACH_REAL(LESS_OR_EQUAL_ROW)
NN_EACH_INTEGER(LESS_OR_EQUAL_ROW)

#define LESS_OR_EQUAL_ENTRY(TYPE, type, suffix) [NNOPT_##TYPE] = less_or_equal_##suffix,
static const nn_binary_rows rows = {
    {NN_EACH_REAL(LESS_OR_EQUAL_ENTRY) NN_EACH_INTEGER(LESS_OR_EQUAL_ENTRY)}};

NN_COMPARISON_KERNEL(less_or_equal_reference, rows, NN_ISA_PORTABLE, NN_EXACT)

static nn_status infer(const nn_node_view *node) {
    return nn_infer_broadcast(node, NN_TYPES_NUMBER, NNOPT_BOOL);
}

static const nn_kernel *const kernels[] = {&less_or_equal_reference, NULL};

const nn_op nn_op_less_or_equal = {
    .name = "LessOrEqual",
    .domain = "",
    .since = 12,
    NN_BINARY_COLUMNS,
    .infer = infer,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
