#include "ops/family/axes.h"
#include "ops/family/infer.h"
#include "ops/family/loops.h"

#include <math.h>

static nn_status infer(const nn_node_view *node) {
    const nn_fact *in = node->in[0];
    NN_TRY(nn_check_types(node, 0, 0, NN_TYPES_FLOAT));
    if (in->rank < 0) return nn_set_output(node, 0, in->type, -1, NULL);
    if (in->rank < 2)
        return nn_view_fail(node, NN_BAD_INPUT, "input 0 has rank %d, matrices need 2 axes",
                            in->rank);
    int64_t rows = in->dims[in->rank - 2], columns = in->dims[in->rank - 1];
    if (nn_dim_is_known(rows) && nn_dim_is_known(columns) && rows != columns)
        return nn_view_fail(node, NN_BAD_INPUT,
                            "matrices of %lld rows and %lld columns are not "
                            "square",
                            (long long)rows, (long long)columns);
    return nn_set_output(node, 0, in->type, in->rank - 2, in->dims);
}

static void cost(const nn_node_view *node, nn_cost *out) {
    const nn_fact *in = node->in[0];
    out->flops = 2.0 / 3 * (double)nn_fact_count(in) * (double)in->dims[in->rank - 1];
}

static nn_status axes(const nn_node_view *node, nn_axis_relations *out) {
    int rank = node->in[0]->rank;
    for (int i = 0; i < rank - 2; i++)
        NN_TRY(nn_axes_same(node, out, nn_in_axis(0, i), nn_out_axis(0, i)));
    NN_TRY(nn_axes_fixed(node, out, nn_in_axis(0, rank - 2)));
    return nn_axes_fixed(node, out, nn_in_axis(0, rank - 1));
}

/* Gaussian elimination with partial pivoting; destroys the matrix. */
static double determinant(double *matrix, int64_t n) {
    double product = 1;
    for (int64_t k = 0; k < n; k++) {
        double *top = matrix + k * n;
        int64_t pivot = k;
        for (int64_t i = k + 1; i < n; i++)
            if (fabs(matrix[i * n + k]) > fabs(matrix[pivot * n + k])) pivot = i;
        if (pivot != k) {
            product = -product;
            for (int64_t j = k; j < n; j++) {
                double kept = top[j];
                top[j] = matrix[pivot * n + j];
                matrix[pivot * n + j] = kept;
            }
        }
        product *= top[k];
        if (top[k] == 0) return product;
        for (int64_t i = k + 1; i < n; i++) {
            double *row = matrix + i * n, factor = row[k] / top[k];
            for (int64_t j = k + 1; j < n; j++) row[j] -= factor * top[j];
        }
    }
    return product;
}

typedef struct det_work {
    const nn_tensor *in;
    nn_tensor *out;
    double *workspace;
    int64_t n;
} det_work;

static void det_matrices(void *argument, int64_t begin, int64_t end, int worker) {
    const det_work *work = argument;
    int64_t size = work->n * work->n;
    double *matrix = work->workspace + size * worker;
    for (int64_t i = begin; i < end; i++) {
        nn_load_double(work->in->type, nn_at(work->in->data, work->in->type, i * size), matrix,
                       size);
        double value = determinant(matrix, work->n);
        nn_store_double(work->out->type, &value, nn_at_out(work->out->data, work->out->type, i), 1);
    }
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *prepare) {
    const nn_fact *in = node->in[0];
    int64_t bytes;
    if (!nn_mul_size(in->dims[in->rank - 1], in->dims[in->rank - 2], &bytes) ||
        !nn_mul_size(bytes, (int64_t)sizeof(double) * target->threads, &bytes))
        return nn_view_fail(node, NN_BAD_INPUT, "matrices are too large");
    nn_prepare_workspace(prepare, (size_t)bytes);
    return NN_OK;
}

static nn_status run(const nn_call *call) {
    const nn_tensor *in = call->in[0];
    int64_t n = in->dims[in->rank - 1], cube = n * n * n;
    det_work work = {in, call->out[0], call->workspace, n};
    nn_parallel(call->pool, nn_tensor_count(call->out[0]), 1 + NN_GRAIN / (cube + 1), det_matrices,
                &work);
    return NN_OK;
}

static bool accepts(const nn_node_view *node, const nn_target *target) {
    (void)target;
    return nn_epilogue_is_empty(&node->epilogue) && nn_type_in(node->in[0]->type, NN_TYPES_FLOAT);
}

static const nn_kernel reference = {
    .name = "det_reference",
    .exactness = NN_ROUNDING,
    .accepts = accepts,
    .prepare = prepare,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_det = {
    .name = "Det",
    .domain = "",
    .since = 11,
    .min_inputs = 1,
    .max_inputs = 1,
    .min_outputs = 1,
    .max_outputs = 1,
    .infer = infer,
    .cost = cost,
    .axes = axes,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
