#include "ops/cpu/kernels.h"
#include "ops/family/infer.h"
#include "ops/family/integer_matmul.h"
#include "ops/family/requantize.h"

enum { A, A_SCALE, A_ZERO, B, B_SCALE, B_ZERO, Y_SCALE, Y_ZERO };

static const nn_type_set scale_types = NN_TYPE_BIT(NNOPT_FLOAT) | NN_TYPES_HALF;

static nn_status infer(const nn_node_view *node) {
    NN_TRY(nn_quant_check_zero_type(node, A, A_ZERO));
    NN_TRY(nn_quant_check_zero_type(node, B, B_ZERO));
    NN_TRY(nn_quant_check_zero(node, -1, Y_ZERO, NN_DIM_UNKNOWN));
    const int scales[] = {A_SCALE, B_SCALE, Y_SCALE};
    for (int i = 0; i < 3; i++) NN_TRY(nn_check_types(node, scales[i], scales[i], scale_types));
    for (int input = A_SCALE; input <= A_ZERO; input++)
        NN_TRY(nn_integer_matmul_check(node, A, input, false));
    for (int input = B_SCALE; input <= B_ZERO; input++)
        NN_TRY(nn_integer_matmul_check(node, B, input, true));
    NN_TRY(nn_quant_check_8bit(node, A));
    NN_TRY(nn_quant_check_8bit(node, B));
    return nn_matmul_infer(node, A, B, node->in[Y_ZERO]->type);
}

static void cost(const nn_node_view *node, nn_cost *out) {
    nn_matmul_cost(node, A, B, out);
}

static nn_status axes(const nn_node_view *node, nn_axis_relations *out) {
    return nn_matmul_axes(node, A, B, out);
}

static float scale_at(const nn_tensor *scale, int64_t start, int64_t size, int64_t line,
                      int64_t lines) {
    return nn_quant_load_float(scale->data, scale->type,
                               nn_integer_matmul_parameter(scale, start, size, line, lines));
}

static nn_status run(const nn_call *call) {
    nn_integer_matmul product = {.geometry = nn_matmul_geometry_of(call->node, A, B),
                                 .a = call->in[A],
                                 .b = call->in[B],
                                 .a_zero = call->in[A_ZERO],
                                 .b_zero = call->in[B_ZERO]};
    const nn_matmul_geometry *g = &product.geometry;
    nn_tensor *y = call->out[0];
    nn_requant requant =
        nn_requant_make((nn_activation){0}, y->type, call->in[Y_SCALE], call->in[Y_ZERO]);
    int64_t index = 0;
    for (int64_t i = 0; i < g->batch; i++) {
        int64_t a, b;
        nn_matmul_offsets(g, i, &a, &b);
        for (int64_t m = 0; m < g->m; m++) {
            float left = scale_at(call->in[A_SCALE], a, g->m * g->k, m, g->m);
            for (int64_t n = 0; n < g->n; n++) {
                float right = scale_at(call->in[B_SCALE], b, g->k * g->n, n, g->n);
                nn_requant_store(&requant, y->data, index++,
                                 nn_integer_matmul_sum(&product, a, b, m, n),
                                 nn_requant_multiplier(&requant, left, right), 0);
            }
        }
    }
    return NN_OK;
}

static const nn_kernel reference = {
    .name = "qlinear_matmul_reference", .exactness = NN_EXACT, .run = run};

static const nn_kernel *const kernels[] = {NN_INT8_PRODUCTS(qlinear_matmul), &reference, NULL};

const nn_op nn_op_qlinear_matmul = {
    .name = "QLinearMatMul",
    .domain = "",
    .since = 10,
    .min_inputs = 8,
    .max_inputs = 8,
    .min_outputs = 1,
    .max_outputs = 1,
    .infer = infer,
    .cost = cost,
    .axes = axes,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
