#include "ops/cpu/float32/rows_f32.h"
#include "ops/family/grad.h"

/* NaN stays. */
#define RELU_ROW(TYPE, type, suffix) NN_UNARY_ROW(relu_##suffix, type, x < 0 ? 0 : x)
NN_EACH_REAL(RELU_ROW)
NN_EACH_SIGNED(RELU_ROW)

#define RELU_ENTRY(TYPE, type, suffix) [NNOPT_##TYPE] = relu_##suffix,
static const nn_unary_rows rows = {{NN_EACH_REAL(RELU_ENTRY) NN_EACH_SIGNED(RELU_ENTRY)}};

NN_UNARY_KERNEL(relu_reference, rows, NN_ISA_PORTABLE, NN_EXACT)

NN_UNARY_F32_EXACT_KERNELS(relu)

const nn_op nn_op_relu = {
    .name = "Relu",
    .domain = "",
    .since = 1,
    NN_UNARY_COLUMNS,
    .infer = nn_infer_unary_number,
    .quant = NN_QUANT_COMPUTES,
    .grad = nn_grad_of_relu,
    .kernels = kernels,
};
