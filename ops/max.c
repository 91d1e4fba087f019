#include "ops/cpu/float32/rows_f32.h"

/* NaN in either operand gives NaN. */
#define MAX_REAL(TYPE, type, suffix)                                                               \
    NN_BINARY_ROW(max_##suffix, type, type, a > b || a != a ? a : b)
#define MAX_INTEGER(TYPE, type, suffix) NN_BINARY_ROW(max_##suffix, type, type, a > b ? a : b)
NN_EACH_REAL(MAX_REAL)
NN_EACH_INTEGER(MAX_INTEGER)

#define MAX_ENTRY(TYPE, type, suffix) [NNOPT_##TYPE] = max_##suffix,
static const nn_binary_rows rows = {{NN_EACH_REAL(MAX_ENTRY) NN_EACH_INTEGER(MAX_ENTRY)}};

NN_VARIADIC_KERNEL(max_reference, rows, 1, NN_ISA_PORTABLE, NN_EXACT)

static nn_status infer(const nn_node_view *node) {
    return nn_infer_broadcast(node, NN_TYPES_NUMBER, NNOPT_TYPE_NONE);
}

NN_BINARY_F32_KERNELS(max, 0, nn_variadic_run(call, &one, 1))

const nn_op nn_op_max = {
    .name = "Max",
    .domain = "",
    .since = 1,
    NN_VARIADIC_COLUMNS,
    .infer = infer,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
