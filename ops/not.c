#include "ops/family/unary.h"

NN_UNARY_ROW(not_bool, uint8_t, x == 0)

static const nn_unary_rows rows = {{[NNOPT_BOOL] = not_bool}};

NN_UNARY_KERNEL(not_reference, rows, NN_ISA_PORTABLE, NN_EXACT)

static nn_status infer(const nn_node_view *node) {
    NN_TRY(nn_check_types(node, 0, 0, NN_TYPES_BOOL));
    return nn_infer_like(node);
}

static const nn_kernel *const kernels[] = {&not_reference, NULL};

const nn_op nn_op_not = {
    .name = "Not",
    .domain = "",
    .since = 1,
    NN_UNARY_COLUMNS,
    .infer = infer,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
