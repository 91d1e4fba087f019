#include "ops/family/qgemm.h"
#include "ops/cpu/kernels.h"
#include "ops/family/axes.h"
#include "ops/family/infer.h"
#include "ops/family/requantize.h"

/* y [M, N] = alpha a_scale b_scale (a' b' + c), quantised when y_scale is given; a' and b' are the
 * matrices less their zero points, transposed as the attributes say. c is int32, broadcast to [M,
 * N]. */
enum { A, A_SCALE, A_ZERO, B, B_SCALE, B_ZERO, C, Y_SCALE, Y_ZERO };

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    nn_qgemm_attrs *a = out;
    int64_t transpose_a, transpose_b;
    (void)node;
    NN_TRY(nn_attrs_float(attrs, "alpha", 1, &a->alpha));
    NN_TRY(nn_attrs_int(attrs, "transA", 0, &transpose_a));
    NN_TRY(nn_attrs_int(attrs, "transB", 0, &transpose_b));
    a->transpose_a = transpose_a != 0;
    a->transpose_b = transpose_b != 0;
    return NN_OK;
}

static nn_status check_rank(const nn_node_view *node, int index) {
    int rank = node->in[index]->rank;
    if (rank < 0 || rank == 2) return NN_OK;
    return nn_view_fail(node, NN_BAD_INPUT, "input %d must have rank 2, has %d", index, rank);
}

static int64_t dim_of(const nn_fact *fact, int axis) {
    return fact->rank == 2 ? fact->dims[axis] : NN_DIM_UNKNOWN;
}

static nn_status check_addend(const nn_node_view *node, const int64_t *dims) {
    const nn_fact *c = nn_view_in(node, C);
    if (c == NULL) return NN_OK;
    NN_TRY(nn_check_types(node, C, C, NN_TYPE_BIT(NNOPT_INT32)));
    if (c->rank < 0) return NN_OK;
    int64_t both[NN_MAX_RANK];
    int rank;
    bool fits = c->rank <= 2 && nn_broadcast_dims(c->dims, c->rank, dims, 2, both, &rank);
    for (int i = 0; fits && i < 2; i++) fits = !nn_dim_is_known(dims[i]) || both[i] == dims[i];
    char text[64];
    if (fits) return NN_OK;
    return nn_view_fail(node, NN_BAD_INPUT, "input %d of shape %s does not broadcast to the result",
                        C, nn_dims_text(c->dims, c->rank, text, sizeof text));
}

static nn_status infer(const nn_node_view *node) {
    const nn_qgemm_attrs *attrs = node->attrs;
    const nn_fact *a = node->in[A], *b = node->in[B];
    const nn_fact *y_scale = nn_view_in(node, Y_SCALE), *y_zero = nn_view_in(node, Y_ZERO);
    NN_TRY(nn_quant_check_8bit(node, A));
    NN_TRY(nn_quant_check_8bit(node, B));
    NN_TRY(check_rank(node, A));
    NN_TRY(check_rank(node, B));
    int64_t dims[2] = {dim_of(a, attrs->transpose_a ? 1 : 0),
                       dim_of(b, attrs->transpose_b ? 0 : 1)};
    int64_t a_inner = dim_of(a, attrs->transpose_a ? 0 : 1);
    int64_t b_inner = dim_of(b, attrs->transpose_b ? 1 : 0);
    if (nn_dim_is_known(a_inner) && nn_dim_is_known(b_inner) && a_inner != b_inner)
        return nn_view_fail(node, NN_BAD_INPUT, "inner sizes %lld and %lld differ",
                            (long long)a_inner, (long long)b_inner);
    NN_TRY(nn_quant_check_parameters(node, A, A_SCALE, A_ZERO, NN_DIM_UNKNOWN));
    NN_TRY(nn_quant_check_parameters(node, B, B_SCALE, B_ZERO, dims[1]));
    NN_TRY(nn_quant_check_parameters(node, -1, Y_SCALE, Y_ZERO, NN_DIM_UNKNOWN));
    NN_TRY(check_addend(node, dims));
    if ((y_scale == NULL) != (y_zero == NULL))
        return nn_view_fail(node, NN_BAD_INPUT,
                            "scale and zero point of the result must come together");
    return nn_set_output(node, 0, y_zero ? y_zero->type : NNOPT_FLOAT, 2, dims);
}

static void cost(const nn_node_view *node, nn_cost *out) {
    const nn_qgemm_attrs *attrs = node->attrs;
    double outputs = (double)nn_fact_count(node->out[0]);
    out->macs = outputs * (double)node->in[A]->dims[attrs->transpose_a ? 0 : 1];
    out->flops = 2 * out->macs;
}

static nn_status axes(const nn_node_view *node, nn_axis_relations *out) {
    const nn_qgemm_attrs *attrs = node->attrs;
    int a_rows = attrs->transpose_a ? 1 : 0, b_columns = attrs->transpose_b ? 0 : 1;
    NN_TRY(nn_axes_contract(node, out, nn_in_axis(A, 1 - a_rows), nn_in_axis(B, 1 - b_columns)));
    NN_TRY(nn_axes_same(node, out, nn_in_axis(A, a_rows), nn_out_axis(0, 0)));
    NN_TRY(nn_axes_same(node, out, nn_in_axis(B, b_columns), nn_out_axis(0, 1)));
    for (int input = B_SCALE; input <= B_ZERO; input++)
        if (nn_fact_count(node->in[input]) != 1)
            NN_TRY(nn_axes_same(node, out, nn_in_axis(input, 0), nn_out_axis(0, 1)));
    return nn_axes_add_broadcast(node, out, C);
}

/* ---- reference --------------------------------------------------------------------------------
 */

/* Steps with which c is walked over rows and columns; 0 where it repeats. */
static void addend_steps(const nn_tensor *c, int64_t *row_step, int64_t *column_step) {
    *row_step = *column_step = 0;
    if (c == NULL || c->rank == 0) return;
    *column_step = c->dims[c->rank - 1] == 1 ? 0 : 1;
    if (c->rank == 2) *row_step = c->dims[0] == 1 ? 0 : c->dims[1];
}

static nn_status run(const nn_call *call) {
    const nn_qgemm_attrs *attrs = call->node->attrs;
    const nn_tensor *a = call->in[A], *b = call->in[B], *b_zero = call->in[B_ZERO];
    const nn_tensor *b_scale = call->in[B_SCALE], *c = nn_call_in(call, C);
    nn_tensor *y = call->out[0];
    int64_t rows = y->dims[0], columns = y->dims[1], inner = a->dims[attrs->transpose_a ? 0 : 1];
    int64_t a_row = attrs->transpose_a ? 1 : inner, a_step = attrs->transpose_a ? rows : 1;
    int64_t b_column = attrs->transpose_b ? inner : 1, b_step = attrs->transpose_b ? 1 : columns;
    int64_t c_row, c_column;
    addend_steps(c, &c_row, &c_column);
    nn_requant requant = nn_requant_make((nn_activation){0}, y->type, nn_call_in(call, Y_SCALE),
                                         nn_call_in(call, Y_ZERO));
    nn_quant qa = nn_quant_read(call->in[A_SCALE], call->in[A_ZERO], a->type);
    const float *scales = b_scale->data;
    bool scale_per_column = nn_tensor_count(b_scale) > 1,
         zero_per_column = nn_tensor_count(b_zero) > 1;
    for (int64_t m = 0; m < rows; m++)
        for (int64_t n = 0; n < columns; n++) {
            int32_t zero = nn_quant_load(b_zero->data, b->type, zero_per_column ? n : 0);
            uint32_t sum = c ? (uint32_t)((const int32_t *)c->data)[m * c_row + n * c_column] : 0;
            for (int64_t k = 0; k < inner; k++) {
                int32_t left = nn_quant_load(a->data, a->type, m * a_row + k * a_step) - qa.zero;
                int32_t right = nn_quant_load(b->data, b->type, n * b_column + k * b_step) - zero;
                sum += (uint32_t)(left * right);
            }
            float scale = scales[scale_per_column ? n : 0];
            nn_requant_store(&requant, y->data, m * columns + n, (int32_t)sum,
                             nn_requant_multiplier(&requant, attrs->alpha * qa.scale, scale), 0);
        }
    return NN_OK;
}

static const nn_kernel reference = {.name = "qgemm_reference", .exactness = NN_EXACT, .run = run};

static const nn_kernel *const kernels[] = {NN_INT8_PRODUCTS(qgemm), &reference, NULL};

const nn_op nn_op_qgemm = {
    .name = "QGemm",
    .domain = "com.microsoft",
    .since = 1,
    .min_inputs = 6,
    .max_inputs = 9,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(nn_qgemm_attrs),
    .parse = parse,
    .infer = infer,
    .cost = cost,
    .axes = axes,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
