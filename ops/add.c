#include "ops/cpu/float32/rows_f32.h"
#include "ops/cpu/kernels.h"
#include "ops/family/grad.h"

#define ADD_REAL(TYPE, type, suffix) NN_BINARY_ROW(add_##suffix, type, type, a + b)
/* Integers wrap: they are added without a sign. */
#define ADD_INTEGER(TYPE, type, suffix)                                                            \
    NN_BINARY_ROW(add_##suffix, type, type, (uint64_t)a + (uint64_t)b)
NN_EACH_REAL(ADD_REAL)
NN_EACH_INTEGER(ADD_INTEGER)

#define ADD_ENTRY(TYPE, type, suffix) [NNOPT_##TYPE] = add_##suffix,
static const nn_binary_rows rows = {{NN_EACH_REAL(ADD_ENTRY) NN_EACH_INTEGER(ADD_ENTRY)}};

NN_BINARY_KERNEL(add_reference, rows, NN_ISA_PORTABLE, NN_EXACT)

static nn_status infer(const nn_node_view *node) {
    return nn_infer_arithmetic(node, nn_element_add);
}

NN_BINARY_F32_KERNEL(add, avx2, NN_ISA_AVX2, 3, nn_binary_run(call, &one))
NN_BINARY_F32_KERNEL(add, avx512, NN_ISA_AVX512, 3, nn_binary_run(call, &one))

static const nn_kernel *const kernels[] = {NN_BF16_KERNEL(add, avx512bf16) & add_f32_avx512,
                                           &add_f32_avx2, &add_reference, NULL};

const nn_op nn_op_add = {
    .name = "Add",
    .domain = "",
    .since = 1,
    NN_BINARY_COLUMNS,
    .infer = infer,
    .quant = NN_QUANT_COMPUTES,
    .grad = nn_grad_of_add,
    .kernels = kernels,
};
