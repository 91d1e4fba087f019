#include "ops/cpu/float32/rows_f32.h"
#include "ops/family/grad.h"

#define DIV_REAL(TYPE, type, suffix)     NN_BINARY_ROW(div_##suffix, type, type, a / b)
#define DIV_UNSIGNED(TYPE, type, suffix) NN_BINARY_ROW(div_##suffix, type, type, a / b)
/* Towards zero; the most negative number by -1 wraps. */
#define DIV_SIGNED(TYPE, type, suffix)                                                             \
    NN_BINARY_ROW(div_##suffix, type, type, b == -1 ? 0 - (uint64_t)a : (uint64_t)(a / b))
NN_EACH_REAL(DIV_REAL)
NN_EACH_UNSIGNED(DIV_UNSIGNED)
NN_EACH_SIGNED(DIV_SIGNED)

#define DIV_ENTRY(TYPE, type, suffix) [NNOPT_##TYPE] = div_##suffix,
static const nn_binary_rows rows = {{NN_EACH_REAL(DIV_ENTRY) NN_EACH_INTEGER(DIV_ENTRY)}};

static nn_status divide(const nn_call *call) {
    NN_TRY(nn_check_divisor(call->node, call->in[1]));
    return nn_binary_run(call, &rows);
}

NN_BROADCAST_KERNEL(div_reference, nn_binary_accepts(node, &rows), divide(call), NN_ISA_PORTABLE,
                    NN_EXACT, 3)

static nn_status infer(const nn_node_view *node) {
    return nn_infer_arithmetic(node, nn_element_divide);
}

NN_BINARY_F32_KERNELS(div, 3, nn_binary_run(call, &one))

const nn_op nn_op_div = {
    .name = "Div",
    .domain = "",
    .since = 1,
    NN_BINARY_COLUMNS,
    .infer = infer,
    .quant = NN_QUANT_FLOAT,
    .grad = nn_grad_of_div,
    .kernels = kernels,
};
