#include "ops/family/integer_matmul.h"

#include "ops/family/infer.h"

nn_status nn_integer_matmul_check(const nn_node_view *node, int data, int index, bool is_b) {
    const nn_fact *parameter = nn_view_in(node, index), *fact = node->in[data];
    int64_t count = parameter ? nn_fact_count(parameter) : -1;
    if (count < 0 || count == 1 || fact->rank < 1) return NN_OK;
    int64_t lines = 1, all = 1;
    if (fact->rank > 1) {
        lines = fact->dims[fact->rank - (is_b ? 1 : 2)];
        all = nn_dim_multiply(nn_dims_product(fact->dims, 0, fact->rank - 2), lines);
    }
    if (!nn_dim_is_known(lines) || !nn_dim_is_known(all) || count == lines || count == all)
        return NN_OK;
    return nn_view_fail(node, NN_BAD_INPUT, "input %d must have 1 or %lld elements, got %lld",
                        index, (long long)lines, (long long)count);
}

static int32_t zero_of(const nn_tensor *zero, nn_type type, int64_t start, int64_t size,
                       int64_t line, int64_t lines) {
    if (zero == NULL) return 0;
    return nn_quant_load(zero->data, type,
                         nn_integer_matmul_parameter(zero, start, size, line, lines));
}

int32_t nn_integer_matmul_sum(const nn_integer_matmul *product, int64_t a_start, int64_t b_start,
                              int64_t row, int64_t column) {
    const nn_matmul_geometry *g = &product->geometry;
    const nn_tensor *a = product->a, *b = product->b;
    int32_t a_zero = zero_of(product->a_zero, a->type, a_start, g->m * g->k, row, g->m);
    int32_t b_zero = zero_of(product->b_zero, b->type, b_start, g->k * g->n, column, g->n);
    uint32_t sum = 0;
    for (int64_t i = 0; i < g->k; i++) {
        int32_t left = nn_quant_load(a->data, a->type, a_start + row * g->k + i) - a_zero;
        int32_t right = nn_quant_load(b->data, b->type, b_start + i * g->n + column) - b_zero;
        sum += (uint32_t)(left * right);
    }
    return (int32_t)sum;
}
