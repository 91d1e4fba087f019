/* DynamicQuantizeMatMul: a float matrix, quantised as DynamicQuantizeLinear does, times a quantised
 * one, plus bias. */
#include "ops/expansion.h"
#include "ops/family/infer.h"
#include "ops/family/integer_matmul.h"

enum { A, B, B_SCALE, B_ZERO, BIAS };

static nn_status infer(const nn_node_view *node) {
    NN_TRY(nn_check_types(node, A, A, NN_TYPE_BIT(NNOPT_FLOAT)));
    NN_TRY(nn_check_types(node, B_SCALE, B_SCALE, NN_TYPE_BIT(NNOPT_FLOAT)));
    NN_TRY(nn_quant_check_8bit(node, B));
    NN_TRY(nn_quant_check_zero_type(node, B, B_ZERO));
    NN_TRY(nn_integer_matmul_check(node, B, B_SCALE, true));
    NN_TRY(nn_integer_matmul_check(node, B, B_ZERO, true));
    return nn_matmul_infer(node, A, B, NNOPT_FLOAT);
}

static void cost(const nn_node_view *node, nn_cost *out) {
    nn_matmul_cost(node, A, B, out);
}

static nn_status expand(const nn_node_view *node, nn_expansion *e) {
    (void)node;
    enum { DATA, SCALE, ZERO, PARTS };
    nn_term *a[PARTS];
    nn_expand_parts(
        e, &(const nn_part){.op_type = "DynamicQuantizeLinear", NN_TERMS(nn_expand_in(e, A))}, a,
        PARTS);
    nn_expand_out(
        e, 0,
        nn_expand(e, "MatMulIntegerToFloat",
                  NN_TERMS(a[DATA], nn_expand_in(e, B), a[SCALE], nn_expand_in(e, B_SCALE), a[ZERO],
                           nn_expand_in(e, B_ZERO), nn_expand_in(e, BIAS))));
    return NN_OK;
}

const nn_op nn_op_dynamic_quantize_matmul = {
    .name = "DynamicQuantizeMatMul",
    .domain = "com.microsoft",
    .since = 1,
    .min_inputs = 3,
    .max_inputs = 5,
    .min_outputs = 1,
    .max_outputs = 1,
    .infer = infer,
    .cost = cost,
    .quant = NN_QUANT_FLOAT,
    .expand = expand,
};
