#include "ops/family/binary.h"

NN_BINARY_ROW(xor_bool, uint8_t, uint8_t, (a != 0) != (b != 0))

static const nn_binary_rows rows = {{[NNOPT_BOOL] = xor_bool}};

NN_BINARY_KERNEL(xor_reference, rows, NN_ISA_PORTABLE, NN_EXACT)

static nn_status infer(const nn_node_view *node) {
    return nn_infer_broadcast(node, NN_TYPES_BOOL, NNOPT_BOOL);
}

static const nn_kernel *const kernels[] = {&xor_reference, NULL};

const nn_op nn_op_xor = {
    .name = "Xor",
    .domain = "",
    .since = 1,
    NN_BINARY_COLUMNS,
    .infer = infer,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
