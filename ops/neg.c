#include "ops/cpu/float32/rows_f32.h"
#include "ops/family/grad.h"

#define NEG_REAL(TYPE, type, suffix)    NN_UNARY_ROW(neg_##suffix, type, -x)
#define NEG_INTEGER(TYPE, type, suffix) NN_UNARY_ROW(neg_##suffix, type, 0 - (uint64_t)x)
NN_EACH_REAL(NEG_REAL)
NN_EACH_SIGNED(NEG_INTEGER)

#define NEG_ENTRY(TYPE, type, suffix) [NNOPT_##TYPE] = neg_##suffix,
static const nn_unary_rows rows = {{NN_EACH_REAL(NEG_ENTRY) NN_EACH_SIGNED(NEG_ENTRY)}};

NN_UNARY_KERNEL(neg_reference, rows, NN_ISA_PORTABLE, NN_EXACT)

static nn_status infer(const nn_node_view *node) {
    NN_TRY(nn_check_types(node, 0, 0, NN_TYPES_FLOAT | NN_TYPES_SIGNED));
    return nn_infer_like(node);
}

NN_UNARY_F32_EXACT_KERNELS(neg)

const nn_op nn_op_neg = {
    .name = "Neg",
    .domain = "",
    .since = 1,
    NN_UNARY_COLUMNS,
    .infer = infer,
    .quant = NN_QUANT_FLOAT,
    .grad = nn_grad_of_neg,
    .kernels = kernels,
};
