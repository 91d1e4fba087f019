#include "ops/family/copy.h"
#include "ops/family/index.h"
#include "ops/family/movement.h"

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    (void)node;
    nn_axis_attrs *parsed = out;
    return nn_attrs_int(attrs, "axis", 0, &parsed->axis);
}

static void pick_elements(const nn_node_view *node) {
    const nn_fact *data = node->in[0], *indices = node->in[1];
    int data_count = nn_elements_count(data), count = nn_elements_count(indices);
    if (data->rank != 1 || data_count < 0 || count < 0 || node->out[0] == NULL) return;
    nn_elements_begin(node->out[0], count);
    for (int i = 0; i < count; i++) {
        int64_t index;
        if (!nn_fact_element(indices, i, &index)) continue;
        if (index < 0) index += data_count;
        if (index >= 0 && index < data_count)
            nn_elements_set(node->out[0], i, nn_elements_get(data, (int)index));
    }
}

static nn_status infer(const nn_node_view *node) {
    const nn_axis_attrs *attrs = node->attrs;
    const nn_fact *data = node->in[0], *indices = node->in[1];
    int64_t dims[2 * NN_MAX_RANK];
    int axis, rank = 0;
    NN_TRY(nn_check_types(node, 1, 1, NN_TYPE_BIT(NNOPT_INT32) | NN_TYPE_BIT(NNOPT_INT64)));
    if (data->rank < 0 || indices->rank < 0) return nn_set_output(node, 0, data->type, -1, NULL);
    NN_TRY(nn_check_axis(node, attrs->axis, data->rank, &axis));
    for (int i = 0; i < axis; i++) dims[rank++] = data->dims[i];
    for (int i = 0; i < indices->rank; i++) dims[rank++] = indices->dims[i];
    for (int i = axis + 1; i < data->rank; i++) dims[rank++] = data->dims[i];
    NN_TRY(nn_check_constant_indices(node, 1, data->dims[axis]));
    NN_TRY(nn_set_output(node, 0, data->type, rank, dims));
    pick_elements(node);
    return NN_OK;
}

static void cost(const nn_node_view *node, nn_cost *out) {
    double rows = (double)nn_fact_bytes(node->out[0]) + (double)nn_fact_bytes(node->in[1]);
    if (rows < out->bytes_read) out->bytes_read = rows;
}

static nn_status axes(const nn_node_view *node, nn_axis_relations *out) {
    const nn_axis_attrs *attrs = node->attrs;
    const nn_fact *data = node->in[0], *indices = node->in[1];
    int axis = 0;
    NN_TRY(nn_check_axis(node, attrs->axis, data->rank, &axis));
    NN_TRY(nn_axes_fixed(node, out, nn_in_axis(0, axis)));
    for (int i = 0; i < data->rank; i++)
        if (i != axis)
            NN_TRY(nn_axes_same(node, out, nn_in_axis(0, i),
                                nn_out_axis(0, i < axis ? i : i + indices->rank - 1)));
    for (int i = 0; i < indices->rank; i++)
        NN_TRY(nn_axes_same(node, out, nn_in_axis(1, i), nn_out_axis(0, axis + i)));
    return NN_OK;
}

typedef struct gather_work {
    const nn_tensor *indices;
    int64_t size, count;
    size_t row_bytes;
    const char *data;
    char *out;
} gather_work;

static void gather_rows(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const gather_work *work = argument;
    for (int64_t i = begin; i < end; i++) {
        int64_t block = i / work->count, index = nn_index_at(work->indices, i % work->count);
        if (index < 0) index += work->size;
        memcpy(work->out + (size_t)i * work->row_bytes,
               work->data + (size_t)(block * work->size + index) * work->row_bytes,
               work->row_bytes);
    }
}

static nn_status run(const nn_call *call) {
    const nn_axis_attrs *attrs = call->node->attrs;
    const nn_tensor *data = call->in[0], *indices = call->in[1];
    int axis;
    NN_TRY(nn_check_axis(call->node, attrs->axis, data->rank, &axis));
    NN_TRY(nn_check_indices(call->node, indices, data->dims[axis]));
    int64_t outer = nn_dims_product(data->dims, 0, axis);
    int64_t inner = nn_dims_product(data->dims, axis + 1, data->rank);
    gather_work work = {.indices = indices,
                        .size = data->dims[axis],
                        .count = nn_tensor_count(indices),
                        .row_bytes = (size_t)inner * nn_element_size(data->type),
                        .data = data->data,
                        .out = call->out[0]->data};
    if (work.row_bytes == 0) return NN_OK;
    nn_parallel(call->pool, outer * work.count, NN_GRAIN / inner + 1, gather_rows, &work);
    return NN_OK;
}

static const nn_kernel reference = {
    .name = "gather_reference",
    .exactness = NN_EXACT,
    .accepts = nn_moves_bytes,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_gather = {
    .name = "Gather",
    .domain = "",
    .since = 1,
    .min_inputs = 2,
    .max_inputs = 2,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(nn_axis_attrs),
    .parse = parse,
    .infer = infer,
    .cost = cost,
    .axes = axes,
    .quant = NN_QUANT_MOVES,
    .kernels = kernels,
};
