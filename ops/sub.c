#include "ops/cpu/float32/rows_f32.h"
#include "ops/family/grad.h"

#define SUB_REAL(TYPE, type, suffix) NN_BINARY_ROW(sub_##suffix, type, type, a - b)
/* Integers wrap: they are subtracted without a sign. */
#define SUB_INTEGER(TYPE, type, suffix)                                                            \
    NN_BINARY_ROW(sub_##suffix, type, type, (uint64_t)a - (uint64_t)b)
NN_EACH_REAL(SUB_REAL)
NN_EACH_INTEGER(SUB_INTEGER)

#define SUB_ENTRY(TYPE, type, suffix) [NNOPT_##TYPE] = sub_##suffix,
static const nn_binary_rows rows = {{NN_EACH_REAL(SUB_ENTRY) NN_EACH_INTEGER(SUB_ENTRY)}};

NN_BINARY_KERNEL(sub_reference, rows, NN_ISA_PORTABLE, NN_EXACT)

static nn_status infer(const nn_node_view *node) {
    return nn_infer_arithmetic(node, nn_element_subtract);
}

NN_BINARY_F32_KERNELS(sub, 3, nn_binary_run(call, &one))

const nn_op nn_op_sub = {
    .name = "Sub",
    .domain = "",
    .since = 1,
    NN_BINARY_COLUMNS,
    .infer = infer,
    .quant = NN_QUANT_FLOAT,
    .grad = nn_grad_of_sub,
    .kernels = kernels,
};
