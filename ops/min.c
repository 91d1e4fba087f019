#include "ops/cpu/float32/rows_f32.h"

/* NaN in either operand gives NaN. */
#define MIN_REAL(TYPE, type, suffix)                                                               \
    NN_BINARY_ROW(min_##suffix, type, type, a < b || a != a ? a : b)
#define MIN_INTEGER(TYPE, type, suffix) NN_BINARY_ROW(min_##suffix, type, type, a < b ? a : b)
NN_EACH_REAL(MIN_REAL)
NN_EACH_INTEGER(MIN_INTEGER)

#define MIN_ENTRY(TYPE, type, suffix) [NNOPT_##TYPE] = min_##suffix,
static const nn_binary_rows rows = {{NN_EACH_REAL(MIN_ENTRY) NN_EACH_INTEGER(MIN_ENTRY)}};

NN_VARIADIC_KERNEL(min_reference, rows, 1, NN_ISA_PORTABLE, NN_EXACT)

static nn_status infer(const nn_node_view *node) {
    return nn_infer_broadcast(node, NN_TYPES_NUMBER, NNOPT_TYPE_NONE);
}

NN_BINARY_F32_KERNELS(min, 0, nn_variadic_run(call, &one, 1))

const nn_op nn_op_min = {
    .name = "Min",
    .domain = "",
    .since = 1,
    NN_VARIADIC_COLUMNS,
    .infer = infer,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
