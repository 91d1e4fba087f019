#include "ops/family/gemm.h"

#include "ops/cpu/kernels.h"
#include "ops/family/axes.h"
#include "ops/family/infer.h"
#include "ops/grad.h"

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    nn_gemm_attrs *gemm = out;
    int64_t transpose_a, transpose_b;
    (void)node;
    NN_TRY(nn_attrs_float(attrs, "alpha", 1, &gemm->alpha));
    NN_TRY(nn_attrs_float(attrs, "beta", 1, &gemm->beta));
    NN_TRY(nn_attrs_int(attrs, "transA", 0, &transpose_a));
    NN_TRY(nn_attrs_int(attrs, "transB", 0, &transpose_b));
    gemm->transpose_a = transpose_a != 0;
    gemm->transpose_b = transpose_b != 0;
    return NN_OK;
}

/* Dim `axis` of the matrix once transposed; unknown without a rank. */
static int64_t matrix_dim(const nn_fact *fact, bool transpose, int axis) {
    if (fact->rank == NN_RANK_UNKNOWN) return NN_DIM_UNKNOWN;
    return fact->dims[transpose ? 1 - axis : axis];
}

static nn_status infer(const nn_node_view *node) {
    const nn_gemm_attrs *attrs = node->attrs;
    const nn_fact *a = node->in[0], *b = node->in[1], *c = nn_view_in(node, 2);
    const nn_type_set types = NN_TYPES_FLOAT | NN_TYPE_BIT(NNOPT_INT32) | NN_TYPE_BIT(NNOPT_INT64) |
                              NN_TYPE_BIT(NNOPT_UINT32) | NN_TYPE_BIT(NNOPT_UINT64);
    NN_TRY(nn_check_types(node, 0, 2, types));
    NN_TRY(nn_check_same_types(node, 0, 2));
    for (int i = 0; i < 2; i++) {
        int rank = node->in[i]->rank;
        if (rank != NN_RANK_UNKNOWN && rank != 2)
            return nn_view_fail(node, NN_BAD_INPUT, "input %d has rank %d, must be a matrix", i,
                                rank);
    }
    int64_t columns = matrix_dim(a, attrs->transpose_a, 1),
            rows = matrix_dim(b, attrs->transpose_b, 0);
    if (nn_dim_is_known(columns) && nn_dim_is_known(rows) && columns != rows)
        return nn_view_fail(node, NN_BAD_INPUT, "%lld columns cannot be multiplied by %lld rows",
                            (long long)columns, (long long)rows);
    int64_t dims[2] = {matrix_dim(a, attrs->transpose_a, 0), matrix_dim(b, attrs->transpose_b, 1)};
    if (c != NULL && c->rank != NN_RANK_UNKNOWN) {
        int64_t joined[NN_MAX_RANK];
        int joined_rank;
        bool fits =
            c->rank <= 2 && nn_broadcast_dims(dims, 2, c->dims, c->rank, joined, &joined_rank);
        for (int i = 0; fits && i < 2; i++)
            fits = !nn_dim_is_known(dims[i]) || dims[i] == joined[i];
        if (!fits)
            return nn_view_fail(node, NN_BAD_INPUT, "input 2 does not broadcast to %lld x %lld",
                                (long long)dims[0], (long long)dims[1]);
    }
    nn_type type = nn_in_type(node, 0);
    return nn_set_output(node, 0, type != NNOPT_TYPE_NONE ? type : nn_in_type(node, 1), 2, dims);
}

nn_gemm_geometry nn_gemm_geometry_of(const nn_node_view *node) {
    const nn_gemm_attrs *attrs = node->attrs;
    const nn_fact *a = node->in[0], *b = node->in[1], *c = nn_view_in(node, 2);
    bool ta = attrs->transpose_a, tb = attrs->transpose_b;
    nn_gemm_geometry out = {
        .m = matrix_dim(a, ta, 0),
        .n = matrix_dim(b, tb, 1),
        .k = matrix_dim(a, ta, 1),
        .a_row = ta ? 1 : a->dims[1],
        .a_column = ta ? a->dims[1] : 1,
        .b_row = tb ? 1 : b->dims[1],
        .b_column = tb ? b->dims[1] : 1,
    };
    if (c == NULL || c->rank == 0) return out;
    int64_t c_columns = c->dims[c->rank - 1], c_rows = c->rank == 2 ? c->dims[0] : 1;
    out.c_column = c_columns == 1 ? 0 : 1;
    out.c_row = c_rows == 1 ? 0 : c_columns;
    return out;
}

static void cost(const nn_node_view *node, nn_cost *out) {
    nn_gemm_geometry g = nn_gemm_geometry_of(node);
    out->macs = (double)g.m * (double)g.n * (double)g.k;
    out->flops = 2 * out->macs;
    if (nn_view_in(node, 2) != NULL) out->flops += (double)g.m * (double)g.n;
}

static nn_status axes(const nn_node_view *node, nn_axis_relations *out) {
    const nn_gemm_attrs *attrs = node->attrs;
    int a_row = attrs->transpose_a ? 1 : 0, b_row = attrs->transpose_b ? 1 : 0;
    NN_TRY(nn_axes_same(node, out, nn_in_axis(0, a_row), nn_out_axis(0, 0)));
    NN_TRY(nn_axes_same(node, out, nn_in_axis(1, 1 - b_row), nn_out_axis(0, 1)));
    NN_TRY(nn_axes_contract(node, out, nn_in_axis(0, 1 - a_row), nn_in_axis(1, b_row)));
    return nn_axes_add_broadcast(node, out, 2);
}

/* alpha a b, each factor as it is or transposed; the result transposed when asked for. */
static nn_term *product(nn_grad *grad, float alpha, nn_term *a, bool transpose_a, nn_term *b,
                        bool transpose_b) {
    return nn_expand(grad->build, "Gemm", NN_TERMS(a, b),
                     NN_ATTRS(nn_attr_float("alpha", alpha), nn_attr_int("transA", transpose_a),
                              nn_attr_int("transB", transpose_b)));
}

/* y = alpha A B + beta c with A = a or a', B = b or b': dA = dy B', dB = A' dy, dc = beta dy. */
static nn_status grad(nn_grad *grad) {
    const nn_gemm_attrs *attrs = grad->node->attrs;
    nn_term *dy = grad->out_gradient[0], *a = grad->in[0], *b = grad->in[1];
    bool ta = attrs->transpose_a, tb = attrs->transpose_b;
    grad->in_gradient[0] = ta ? product(grad, attrs->alpha, b, tb, dy, true)
                              : product(grad, attrs->alpha, dy, false, b, !tb);
    grad->in_gradient[1] = tb ? product(grad, attrs->alpha, dy, true, a, ta)
                              : product(grad, attrs->alpha, a, !ta, dy, false);
    if (grad->node->in_count < 3 || grad->in[2] == NULL) return NN_OK;
    nn_term *scaled = nn_grad_binary(grad, "Mul", dy, nn_grad_number(grad, attrs->beta));
    grad->in_gradient[2] = nn_grad_sum_to(grad, scaled, grad->in[2]);
    return NN_OK;
}

static const nn_kernel *const kernels[] = {NN_BF16_PRODUCT(gemm) NN_LINEAR_KERNELS(gemm),
                                           &nn_kernel_gemm_reference, NULL};

const nn_op nn_op_gemm = {
    .name = "Gemm",
    .domain = "",
    .since = 1,
    .min_inputs = 2,
    .max_inputs = 3,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(nn_gemm_attrs),
    .parse = parse,
    .infer = infer,
    .cost = cost,
    .axes = axes,
    .quant = NN_QUANT_COMPUTES,
    .grad = grad,
    .kernels = kernels,
};
