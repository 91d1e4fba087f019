#include "ops/family/matmul.h"

#include "ops/family/axes.h"
#include "ops/family/infer.h"

static bool same_known(int64_t a, int64_t b) {
    return !nn_dim_is_known(a) || !nn_dim_is_known(b) || a == b;
}

nn_status nn_matmul_infer(const nn_node_view *node, int a_index, int b_index, nn_type output_type) {
    const nn_fact *a = node->in[a_index], *b = node->in[b_index];
    if (a->rank == 0 || b->rank == 0)
        return nn_view_fail(node, NN_BAD_INPUT, "input %d is a scalar, must be a matrix or vector",
                            a->rank == 0 ? a_index : b_index);
    if (a->rank == NN_RANK_UNKNOWN || b->rank == NN_RANK_UNKNOWN)
        return nn_set_output(node, 0, output_type, NN_RANK_UNKNOWN, NULL);
    int64_t a_columns = a->dims[a->rank - 1], b_rows = b->dims[b->rank > 1 ? b->rank - 2 : 0];
    if (!same_known(a_columns, b_rows))
        return nn_view_fail(node, NN_BAD_INPUT, "%lld columns cannot be multiplied by %lld rows",
                            (long long)a_columns, (long long)b_rows);
    int64_t dims[NN_MAX_RANK];
    int rank;
    if (!nn_broadcast_dims(a->dims, a->rank > 2 ? a->rank - 2 : 0, b->dims,
                           b->rank > 2 ? b->rank - 2 : 0, dims, &rank))
        return nn_view_fail(node, NN_BAD_INPUT, "batch axes of the two inputs do not broadcast");
    if (a->rank > 1) dims[rank++] = a->dims[a->rank - 2];
    if (b->rank > 1) dims[rank++] = b->dims[b->rank - 1];
    return nn_set_output(node, 0, output_type, rank, dims);
}

nn_matmul_geometry nn_matmul_geometry_of(const nn_node_view *node, int a_index, int b_index) {
    const nn_fact *a = node->in[a_index], *b = node->in[b_index];
    nn_matmul_geometry out = {
        .batch = 1,
        .m = a->rank > 1 ? a->dims[a->rank - 2] : 1,
        .n = b->rank > 1 ? b->dims[b->rank - 1] : 1,
        .k = a->dims[a->rank - 1],
    };
    int a_rank = a->rank > 2 ? a->rank - 2 : 0, b_rank = b->rank > 2 ? b->rank - 2 : 0;
    out.batch_rank = a_rank > b_rank ? a_rank : b_rank;
    int64_t a_step = out.m * out.k, b_step = out.k * out.n;
    for (int axis = out.batch_rank - 1; axis >= 0; axis--) {
        int a_axis = axis - (out.batch_rank - a_rank), b_axis = axis - (out.batch_rank - b_rank);
        int64_t a_size = a_axis >= 0 ? a->dims[a_axis] : 1,
                b_size = b_axis >= 0 ? b->dims[b_axis] : 1;
        out.batch_dims[axis] = a_size == 1 ? b_size : a_size;
        out.a_steps[axis] = a_size == 1 ? 0 : a_step;
        out.b_steps[axis] = b_size == 1 ? 0 : b_step;
        a_step *= a_size;
        b_step *= b_size;
        out.batch *= out.batch_dims[axis];
    }
    return out;
}

void nn_matmul_offsets(const nn_matmul_geometry *geometry, int64_t index, int64_t *a, int64_t *b) {
    *a = *b = 0;
    for (int axis = geometry->batch_rank - 1; axis >= 0; axis--) {
        int64_t position = index % geometry->batch_dims[axis];
        index /= geometry->batch_dims[axis];
        *a += position * geometry->a_steps[axis];
        *b += position * geometry->b_steps[axis];
    }
}

void nn_matmul_cost(const nn_node_view *node, int a, int b, nn_cost *out) {
    nn_matmul_geometry g = nn_matmul_geometry_of(node, a, b);
    out->macs = (double)g.batch * (double)g.m * (double)g.n * (double)g.k;
    out->flops = 2 * out->macs;
}

/* Relates the batch axes of one input, of which `batch_rank` come before its matrix. */
static nn_status relate_batch(const nn_node_view *node, int index, int batch_rank, int result_rank,
                              nn_axis_relations *out) {
    const nn_fact *in = node->in[index], *result = node->out[0];
    for (int axis = 0; axis < batch_rank; axis++) {
        int target = axis + result_rank - batch_rank;
        if (in->dims[axis] != 1 || result->dims[target] == 1)
            NN_TRY(nn_axes_same(node, out, nn_in_axis(index, axis), nn_out_axis(0, target)));
    }
    return NN_OK;
}

nn_status nn_matmul_axes(const nn_node_view *node, int a, int b, nn_axis_relations *out) {
    int a_rank = node->in[a]->rank, b_rank = node->in[b]->rank;
    int a_batch = a_rank > 2 ? a_rank - 2 : 0, b_batch = b_rank > 2 ? b_rank - 2 : 0;
    int batch = a_batch > b_batch ? a_batch : b_batch;
    NN_TRY(relate_batch(node, a, a_batch, batch, out));
    NN_TRY(relate_batch(node, b, b_batch, batch, out));
    int target = batch;
    if (a_rank > 1)
        NN_TRY(nn_axes_same(node, out, nn_in_axis(a, a_rank - 2), nn_out_axis(0, target++)));
    if (b_rank > 1)
        NN_TRY(nn_axes_same(node, out, nn_in_axis(b, b_rank - 1), nn_out_axis(0, target)));
    return nn_axes_contract(node, out, nn_in_axis(a, a_rank - 1),
                            nn_in_axis(b, b_rank > 1 ? b_rank - 2 : 0));
}
