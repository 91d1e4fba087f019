#include "ops/family/binary.h"

#define SUM_ROW(TYPE, type, suffix) NN_BINARY_ROW(sum_##suffix, type, type, a + b)
NN_EACH_REAL(SUM_ROW)

#define SUM_ENTRY(TYPE, type, suffix) [NNOPT_##TYPE] = sum_##suffix,
static const nn_binary_rows rows = {{NN_EACH_REAL(SUM_ENTRY)}};

NN_VARIADIC_KERNEL(sum_reference, rows, 1, NN_ISA_PORTABLE, NN_EXACT)

static nn_status infer(const nn_node_view *node) {
    return nn_infer_broadcast(node, NN_TYPES_FLOAT, NNOPT_TYPE_NONE);
}

static const nn_kernel *const kernels[] = {&sum_reference, NULL};

const nn_op nn_op_sum = {
    .name = "Sum",
    .domain = "",
    .since = 1,
    NN_VARIADIC_COLUMNS,
    .infer = infer,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
