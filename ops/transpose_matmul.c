#include "ops/family/fused_matmul.h"

const nn_op nn_op_transpose_matmul = {.name = "TransposeMatMul", NN_FUSED_MATMUL_COLUMNS};
