#include "ops/cpu/kernels.h"
#include "ops/family/integer_matmul.h"

enum { A, B, A_ZERO, B_ZERO };

static nn_status infer(const nn_node_view *node) {
    NN_TRY(nn_quant_check_zero_type(node, A, A_ZERO));
    NN_TRY(nn_quant_check_zero_type(node, B, B_ZERO));
    NN_TRY(nn_integer_matmul_check(node, A, A_ZERO, false));
    NN_TRY(nn_integer_matmul_check(node, B, B_ZERO, true));
    NN_TRY(nn_quant_check_8bit(node, A));
    NN_TRY(nn_quant_check_8bit(node, B));
    return nn_matmul_infer(node, A, B, NNOPT_INT32);
}

static void cost(const nn_node_view *node, nn_cost *out) {
    nn_matmul_cost(node, A, B, out);
}

static nn_status axes(const nn_node_view *node, nn_axis_relations *out) {
    return nn_matmul_axes(node, A, B, out);
}

static nn_status run(const nn_call *call) {
    nn_integer_matmul product = {.geometry = nn_matmul_geometry_of(call->node, A, B),
                                 .a = call->in[A],
                                 .b = call->in[B],
                                 .a_zero = nn_call_in(call, A_ZERO),
                                 .b_zero = nn_call_in(call, B_ZERO)};
    const nn_matmul_geometry *g = &product.geometry;
    int32_t *y = call->out[0]->data;
    for (int64_t i = 0; i < g->batch; i++) {
        int64_t a, b;
        nn_matmul_offsets(g, i, &a, &b);
        for (int64_t m = 0; m < g->m; m++)
            for (int64_t n = 0; n < g->n; n++) *y++ = nn_integer_matmul_sum(&product, a, b, m, n);
    }
    return NN_OK;
}

static const nn_kernel reference = {
    .name = "matmul_integer_reference", .exactness = NN_EXACT, .run = run};

static const nn_kernel *const kernels[] = {NN_INT8_PRODUCTS(matmul_integer), &reference, NULL};

const nn_op nn_op_matmul_integer = {
    .name = "MatMulInteger",
    .domain = "",
    .since = 10,
    .min_inputs = 2,
    .max_inputs = 4,
    .min_outputs = 1,
    .max_outputs = 1,
    .infer = infer,
    .cost = cost,
    .axes = axes,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
