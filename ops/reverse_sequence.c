#include "ops/family/copy.h"
#include "ops/family/movement.h"

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    nn_reverse_sequence_attrs *parsed = out;
    int64_t batch, time;
    NN_TRY(nn_attrs_int(attrs, "batch_axis", 1, &batch));
    NN_TRY(nn_attrs_int(attrs, "time_axis", 0, &time));
    if (!((batch == 0 && time == 1) || (batch == 1 && time == 0)))
        return nn_view_fail(node, NN_BAD_INPUT,
                            "batch_axis is %lld and time_axis %lld, not 0 and 1 in any order",
                            (long long)batch, (long long)time);
    parsed->batch_first = batch == 0;
    return NN_OK;
}

static nn_status infer(const nn_node_view *node) {
    const nn_reverse_sequence_attrs *attrs = node->attrs;
    const nn_fact *in = node->in[0], *lengths = node->in[1];
    NN_TRY(nn_check_types(node, 1, 1, NN_TYPE_BIT(NNOPT_INT64)));
    if (in->rank >= 0 && in->rank < 2)
        return nn_view_fail(node, NN_BAD_INPUT, "input 0 has rank %d, it needs 2 axes", in->rank);
    if (lengths->rank >= 0 && lengths->rank != 1)
        return nn_view_fail(node, NN_BAD_INPUT, "input 1 must be a vector, has rank %d",
                            lengths->rank);
    if (in->rank >= 0 && lengths->rank == 1) {
        int64_t batch = in->dims[attrs->batch_first ? 0 : 1], count = lengths->dims[0];
        if (nn_dim_is_known(batch) && nn_dim_is_known(count) && batch != count)
            return nn_view_fail(node, NN_BAD_INPUT, "%lld lengths for a batch of %lld",
                                (long long)count, (long long)batch);
    }
    return nn_infer_like(node);
}

static nn_status axes(const nn_node_view *node, nn_axis_relations *out) {
    const nn_reverse_sequence_attrs *attrs = node->attrs;
    int batch = attrs->batch_first ? 0 : 1;
    bool mixed[NN_MAX_RANK] = {0};
    mixed[1 - batch] = true;
    NN_TRY(nn_axes_same(node, out, nn_in_axis(1, 0), nn_out_axis(0, batch)));
    return nn_axes_along(node, out, mixed);
}

typedef struct reverse_work {
    const char *in;
    char *out;
    const int64_t *lengths;
    int64_t times, batch;
    size_t row_bytes;
    bool batch_first;
} reverse_work;

static void reverse_rows(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const reverse_work *work = argument;
    for (int64_t i = begin; i < end; i++) {
        int64_t sample = work->batch_first ? i / work->times : i % work->batch;
        int64_t time = work->batch_first ? i % work->times : i / work->batch;
        int64_t from = time < work->lengths[sample] ? work->lengths[sample] - 1 - time : time;
        int64_t row = work->batch_first ? sample * work->times + from : from * work->batch + sample;
        memcpy(work->out + (size_t)i * work->row_bytes, work->in + (size_t)row * work->row_bytes,
               work->row_bytes);
    }
}

static nn_status run(const nn_call *call) {
    const nn_reverse_sequence_attrs *attrs = call->node->attrs;
    const nn_tensor *in = call->in[0];
    int64_t length = nn_dims_product(in->dims, 2, in->rank);
    reverse_work work = {.in = in->data,
                         .out = call->out[0]->data,
                         .lengths = call->in[1]->data,
                         .times = in->dims[attrs->batch_first ? 1 : 0],
                         .batch = in->dims[attrs->batch_first ? 0 : 1],
                         .row_bytes = (size_t)length * nn_element_size(in->type),
                         .batch_first = attrs->batch_first};
    for (int64_t i = 0; i < work.batch; i++)
        if (work.lengths[i] < 0 || work.lengths[i] > work.times)
            return nn_view_fail(call->node, NN_BAD_INPUT,
                                "length %lld of sample %lld is outside of %lld steps",
                                (long long)work.lengths[i], (long long)i, (long long)work.times);
    if (work.row_bytes == 0) return NN_OK;
    nn_parallel(call->pool, work.times * work.batch, NN_GRAIN / length + 1, reverse_rows, &work);
    return NN_OK;
}

static const nn_kernel reference = {
    .name = "reverse_sequence_reference",
    .exactness = NN_EXACT,
    .accepts = nn_moves_bytes,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_reverse_sequence = {
    .name = "ReverseSequence",
    .domain = "",
    .since = 10,
    .min_inputs = 2,
    .max_inputs = 2,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(nn_reverse_sequence_attrs),
    .parse = parse,
    .infer = infer,
    .cost = nn_cost_of_moving,
    .axes = axes,
    .quant = NN_QUANT_MOVES,
    .kernels = kernels,
};
