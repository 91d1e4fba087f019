#include "ops/family/gather_nd.h"
#include "ops/family/movement.h"

#include "ops/family/copy.h"

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    nn_gather_nd_attrs *parsed = out;
    int64_t batch_dims;
    NN_TRY(nn_attrs_int(attrs, "batch_dims", 0, &batch_dims));
    if (batch_dims < 0 || batch_dims >= NN_MAX_RANK)
        return nn_view_fail(node, NN_BAD_INPUT, "attribute 'batch_dims' is %lld",
                            (long long)batch_dims);
    parsed->batch_dims = (int)batch_dims;
    return NN_OK;
}

static nn_status infer(const nn_node_view *node) {
    const nn_gather_nd_attrs *attrs = node->attrs;
    const nn_fact *data = node->in[0], *indices = node->in[1];
    int64_t tuple, dims[2 * NN_MAX_RANK];
    int rank = 0;
    NN_TRY(nn_check_tuples(node, attrs->batch_dims, &tuple));
    if (tuple < 0) return nn_set_output(node, 0, data->type, -1, NULL);
    for (int i = 0; i < indices->rank - 1; i++) dims[rank++] = indices->dims[i];
    for (int i = attrs->batch_dims + (int)tuple; i < data->rank; i++) dims[rank++] = data->dims[i];
    return nn_set_output(node, 0, data->type, rank, dims);
}

static void cost(const nn_node_view *node, nn_cost *out) {
    double rows = (double)nn_fact_bytes(node->out[0]) + (double)nn_fact_bytes(node->in[1]);
    if (rows < out->bytes_read) out->bytes_read = rows;
}

typedef struct gather_nd_work {
    nn_slices slices;
    const char *data;
    char *out;
    size_t element;
} gather_nd_work;

static void gather_slices(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const gather_nd_work *work = argument;
    size_t bytes = (size_t)work->slices.length * work->element;
    for (int64_t i = begin; i < end; i++) {
        size_t offset = (size_t)nn_slice_offset(&work->slices, i) * work->element;
        memcpy(work->out + (size_t)i * bytes, work->data + offset, bytes);
    }
}

static nn_status run(const nn_call *call) {
    const nn_gather_nd_attrs *attrs = call->node->attrs;
    const nn_tensor *data = call->in[0];
    gather_nd_work work = {
        .data = data->data, .out = call->out[0]->data, .element = nn_element_size(data->type)};
    NN_TRY(nn_slices_of(call->node, data, call->in[1], attrs->batch_dims, &work.slices));
    if (work.slices.length == 0) return NN_OK;
    nn_parallel(call->pool, work.slices.count, NN_GRAIN / work.slices.length + 1, gather_slices,
                &work);
    return NN_OK;
}

static const nn_kernel reference = {
    .name = "gather_nd_reference",
    .exactness = NN_EXACT,
    .accepts = nn_moves_bytes,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_gather_nd = {
    .name = "GatherND",
    .domain = "",
    .since = 11,
    .min_inputs = 2,
    .max_inputs = 2,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(nn_gather_nd_attrs),
    .parse = parse,
    .infer = infer,
    .cost = cost,
    .quant = NN_QUANT_MOVES,
    .kernels = kernels,
};
