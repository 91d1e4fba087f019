#include "ops/family/binary.h"

#define MEAN_ROW(TYPE, type, suffix) NN_BINARY_ROW(mean_##suffix, type, type, a + b)
NN_EACH_REAL(MEAN_ROW)

#define MEAN_ENTRY(TYPE, type, suffix) [NNOPT_##TYPE] = mean_##suffix,
static const nn_binary_rows rows = {{NN_EACH_REAL(MEAN_ENTRY)}};

NN_VARIADIC_KERNEL(mean_reference, rows, 1.0 / call->in_count, NN_ISA_PORTABLE, NN_EXACT)

static nn_status infer(const nn_node_view *node) {
    return nn_infer_broadcast(node, NN_TYPES_FLOAT, NNOPT_TYPE_NONE);
}

static const nn_kernel *const kernels[] = {&mean_reference, NULL};

const nn_op nn_op_mean = {
    .name = "Mean",
    .domain = "",
    .since = 1,
    NN_VARIADIC_COLUMNS,
    .infer = infer,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
