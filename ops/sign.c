#include "ops/family/unary.h"

/* NaN stays. */
#define SIGN_REAL(TYPE, type, suffix)                                                              \
    NN_UNARY_ROW(sign_##suffix, type, x != x ? x : (x > 0) - (x < 0))
#define SIGN_SIGNED(TYPE, type, suffix)   NN_UNARY_ROW(sign_##suffix, type, (x > 0) - (x < 0))
#define SIGN_UNSIGNED(TYPE, type, suffix) NN_UNARY_ROW(sign_##suffix, type, x > 0)
NN_EACH_REAL(SIGN_REAL)
NN_EACH_SIGNED(SIGN_SIGNED)
NN_EACH_UNSIGNED(SIGN_UNSIGNED)

#define SIGN_ENTRY(TYPE, type, suffix) [NNOPT_##TYPE] = sign_##suffix,
static const nn_unary_rows rows = {{NN_EACH_REAL(SIGN_ENTRY) NN_EACH_INTEGER(SIGN_ENTRY)}};

NN_UNARY_KERNEL(sign_reference, rows, NN_ISA_PORTABLE, NN_EXACT)

static const nn_kernel *const kernels[] = {&sign_reference, NULL};

const nn_op nn_op_sign = {
    .name = "Sign",
    .domain = "",
    .since = 9,
    NN_UNARY_COLUMNS,
    .infer = nn_infer_unary_number,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
