#include "ops/cpu/kernels.h"
#include "ops/family/infer.h"
#include "ops/family/integer_matmul.h"
#include "ops/family/requantize.h"

enum { A, A_SCALE, A_ZERO, B, B_SCALE, B_ZERO, Y_SCALE, Y_ZERO };

static const nn_type_set scale_types = NN_TYPE_BIT(NNOPT_FLOAT) | NN_TYPES_HALF;

static const nn_type_set data_types =
    NN_TYPE_BIT(NNOPT_INT8) | NN_TYPE_BIT(NNOPT_UINT8) | NN_TYPES_FLOAT8;

static nn_status infer(const nn_node_view *node) {
    const int data[] = {A, A_ZERO, B, B_ZERO, Y_ZERO};
    for (int i = 0; i < 5; i++) NN_TRY(nn_check_types(node, data[i], data[i], data_types));
    for (int input = A; input <= B; input += B - A) {
        nn_type type = nn_in_type(node, input), zero = nn_in_type(node, input + 2);
        if (type != NNOPT_TYPE_NONE && zero != NNOPT_TYPE_NONE && type != zero)
            return nn_view_fail(node, NN_BAD_INPUT, "input %d is %s, its zero point (input %d) %s",
                                input, nnopt_type_name(type), input + 2, nnopt_type_name(zero));
    }
    if (nn_fact_count(node->in[Y_ZERO]) > 1)
        return nn_view_fail(node, NN_BAD_INPUT, "input %d must have 1 element, got %lld", Y_ZERO,
                            (long long)nn_fact_count(node->in[Y_ZERO]));
    const int scales[] = {A_SCALE, B_SCALE, Y_SCALE};
    for (int i = 0; i < 3; i++) NN_TRY(nn_check_types(node, scales[i], scales[i], scale_types));
    for (int input = A_SCALE; input <= A_ZERO; input++)
        NN_TRY(nn_integer_matmul_check(node, A, input, false));
    for (int input = B_SCALE; input <= B_ZERO; input++)
        NN_TRY(nn_integer_matmul_check(node, B, input, true));
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

static bool is_float8(const nn_tensor *tensor) {
    return nn_type_in(tensor->type, NN_TYPES_FLOAT8);
}

static float value_less_zero(const nn_tensor *data, int64_t index, const nn_tensor *zero,
                             int64_t start, int64_t size, int64_t line, int64_t lines) {
    int64_t at = nn_integer_matmul_parameter(zero, start, size, line, lines);
    return nn_quant_value(data, index) - nn_quant_value(zero, at);
}

/* Where a float8 is among the types: products are added as floats. */
static nn_status run_float(const nn_call *call) {
    const nn_tensor *a = call->in[A], *b = call->in[B];
    nn_tensor *y = call->out[0];
    nn_matmul_geometry g = nn_matmul_geometry_of(call->node, A, B);
    float y_scale = nn_quant_value(call->in[Y_SCALE], 0),
          y_zero = nn_quant_value(call->in[Y_ZERO], 0);
    int32_t lowest, highest;
    bool is_integer = nn_quant_range(y->type, &lowest, &highest);
    for (int64_t i = 0; i < g.batch * g.m * g.n; i++) {
        int64_t m = i / g.n % g.m, n = i % g.n, a_start, b_start;
        nn_matmul_offsets(&g, i / (g.m * g.n), &a_start, &b_start);
        float sum = 0;
        for (int64_t k = 0; k < g.k; k++)
            sum += value_less_zero(a, a_start + m * g.k + k, call->in[A_ZERO], a_start, g.m * g.k,
                                   m, g.m) *
                   value_less_zero(b, b_start + k * g.n + n, call->in[B_ZERO], b_start, g.k * g.n,
                                   n, g.n);
        float value = sum * scale_at(call->in[A_SCALE], a_start, g.m * g.k, m, g.m) *
                      scale_at(call->in[B_SCALE], b_start, g.k * g.n, n, g.n) / y_scale;
        if (is_integer)
            nn_quant_store(y->data, y->type, i,
                           nn_quant_round(value, (int32_t)y_zero, lowest, highest));
        else
            ((uint8_t *)y->data)[i] =
                (uint8_t)nn_float_to_small(y->type, value + y_zero, (nn_float_rules){0});
    }
    return NN_OK;
}

static nn_status run(const nn_call *call) {
    if (is_float8(call->in[A]) || is_float8(call->in[B]) || is_float8(call->out[0]))
        return run_float(call);
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

static const nn_kernel *const kernels[] = {NN_INT8_PRODUCTS(qlinear_matmul),
                                           NN_KERNELS(qlinear_matmul_f32), &reference, NULL};

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
