#include "ops/cpu/float32/rows_f32.h"
#include "ops/cpu/kernels.h"
#include "ops/family/grad.h"

#define MUL_REAL(TYPE, type, suffix) NN_BINARY_ROW(mul_##suffix, type, type, a *b)
/* Integers wrap: they are multiplied without a sign. */
#define MUL_INTEGER(TYPE, type, suffix)                                                            \
    NN_BINARY_ROW(mul_##suffix, type, type, (uint64_t)a *(uint64_t)b)
NN_EACH_REAL(MUL_REAL)
NN_EACH_INTEGER(MUL_INTEGER)

#define MUL_ENTRY(TYPE, type, suffix) [NNOPT_##TYPE] = mul_##suffix,
static const nn_binary_rows rows = {{NN_EACH_REAL(MUL_ENTRY) NN_EACH_INTEGER(MUL_ENTRY)}};

NN_BINARY_KERNEL(mul_reference, rows, NN_ISA_PORTABLE, NN_EXACT)

static nn_status infer(const nn_node_view *node) {
    return nn_infer_arithmetic(node, nn_element_multiply);
}

NN_BINARY_F32_KERNEL(mul, avx2, NN_ISA_AVX2, 3, nn_binary_run(call, &one))
NN_BINARY_F32_KERNEL(mul, avx512, NN_ISA_AVX512, 3, nn_binary_run(call, &one))

static const nn_kernel *const kernels[] = {NN_BF16_KERNEL(mul, avx512bf16) & mul_f32_avx512,
                                           &mul_f32_avx2, &mul_reference, NULL};

const nn_op nn_op_mul = {
    .name = "Mul",
    .domain = "",
    .since = 1,
    NN_BINARY_COLUMNS,
    .infer = infer,
    .quant = NN_QUANT_COMPUTES,
    .grad = nn_grad_of_mul,
    .kernels = kernels,
};
