#include "ops/family/fused_matmul.h"

const nn_op nn_op_fused_matmul = {.name = "FusedMatMul", NN_FUSED_MATMUL_COLUMNS};
