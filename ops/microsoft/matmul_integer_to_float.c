/* MatMulIntegerToFloat: y = a_scale b_scale (a - a_zero) (b - b_zero) + bias. */
#include "ops/cpu/kernels.h"
#include "ops/family/infer.h"
#include "ops/family/integer_matmul.h"
#include "ops/family/requantize.h"

enum { A, B, A_SCALE, B_SCALE, A_ZERO, B_ZERO, BIAS };

static nn_status check_bias(const nn_node_view *node) {
    const nn_fact *bias = nn_view_in(node, BIAS), *b = node->in[B];
    if (bias == NULL || bias->rank < 0) return NN_OK;
    int64_t columns = b->rank > 1 ? b->dims[b->rank - 1] : b->rank == 1 ? 1 : NN_DIM_UNKNOWN;
    int64_t count = nn_fact_count(bias);
    if (bias->rank == 1 && (count < 0 || !nn_dim_is_known(columns) || count == columns))
        return NN_OK;
    char text[128];
    return nn_view_fail(
        node, NN_BAD_INPUT, "bias of shape %s must have one element for each of %lld columns",
        nn_dims_text(bias->dims, bias->rank, text, sizeof text), (long long)columns);
}

static nn_status infer(const nn_node_view *node) {
    NN_TRY(nn_quant_check_8bit(node, A));
    NN_TRY(nn_quant_check_8bit(node, B));
    NN_TRY(nn_quant_check_zero_type(node, A, A_ZERO));
    NN_TRY(nn_quant_check_zero_type(node, B, B_ZERO));
    for (int input = A_SCALE; input <= BIAS; input++)
        if (input != A_ZERO && input != B_ZERO)
            NN_TRY(nn_check_types(node, input, input, NN_TYPE_BIT(NNOPT_FLOAT)));
    NN_TRY(nn_integer_matmul_check(node, A, A_SCALE, false));
    NN_TRY(nn_integer_matmul_check(node, A, A_ZERO, false));
    NN_TRY(nn_integer_matmul_check(node, B, B_SCALE, true));
    NN_TRY(nn_integer_matmul_check(node, B, B_ZERO, true));
    NN_TRY(check_bias(node));
    return nn_matmul_infer(node, A, B, NNOPT_FLOAT);
}

static void cost(const nn_node_view *node, nn_cost *out) {
    nn_matmul_cost(node, A, B, out);
}

static float scale_at(const nn_tensor *scale, int64_t start, int64_t size, int64_t line,
                      int64_t lines) {
    return (
        (const float *)scale->data)[nn_integer_matmul_parameter(scale, start, size, line, lines)];
}

static nn_status run(const nn_call *call) {
    nn_integer_matmul product = {.geometry = nn_matmul_geometry_of(call->node, A, B),
                                 .a = call->in[A],
                                 .b = call->in[B],
                                 .a_zero = nn_call_in(call, A_ZERO),
                                 .b_zero = nn_call_in(call, B_ZERO)};
    const nn_matmul_geometry *g = &product.geometry;
    const nn_tensor *bias = nn_call_in(call, BIAS);
    float *y = call->out[0]->data;
    nn_requant requant = nn_requant_make((nn_activation){0}, NNOPT_FLOAT, NULL, NULL);
    for (int64_t i = 0; i < g->batch; i++) {
        int64_t a, b;
        nn_matmul_offsets(g, i, &a, &b);
        for (int64_t m = 0; m < g->m; m++) {
            float left = scale_at(call->in[A_SCALE], a, g->m * g->k, m, g->m);
            for (int64_t n = 0; n < g->n; n++) {
                float right = scale_at(call->in[B_SCALE], b, g->k * g->n, n, g->n);
                float offset = bias != NULL ? ((const float *)bias->data)[n] : 0;
                *y++ = nn_requant_value(&requant, nn_integer_matmul_sum(&product, a, b, m, n),
                                        nn_requant_multiplier(&requant, left, right),
                                        nn_requant_offset(&requant, offset));
            }
        }
    }
    return NN_OK;
}

static const nn_kernel reference = {
    .name = "matmul_integer_to_float_reference", .exactness = NN_EXACT, .run = run};

static const nn_kernel *const kernels[] = {NN_INT8_PRODUCTS(matmul_integer_to_float), &reference,
                                           NULL};

const nn_op nn_op_matmul_integer_to_float = {
    .name = "MatMulIntegerToFloat",
    .domain = "com.microsoft",
    .since = 1,
    .min_inputs = 4,
    .max_inputs = 7,
    .min_outputs = 1,
    .max_outputs = 1,
    .infer = infer,
    .cost = cost,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
