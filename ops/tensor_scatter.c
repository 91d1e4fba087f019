#include "ops/family/copy.h"
#include "ops/family/packed.h"
#include "ops/family/tensor_scatter.h"

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    nn_tensor_scatter_attrs *parsed = out;
    const char *mode;
    NN_TRY(nn_attrs_int(attrs, "axis", -2, &parsed->axis));
    NN_TRY(nn_attrs_string(attrs, "mode", "linear", &mode));
    parsed->circular = strcmp(mode, "circular") == 0;
    if (!parsed->circular && strcmp(mode, "linear") != 0)
        return nn_view_fail(node, NN_BAD_INPUT,
                            "attribute 'mode' is '%s', not 'linear' or 'circular'", mode);
    return NN_OK;
}

static nn_status find_axis(const nn_node_view *node, int rank, int *axis) {
    const nn_tensor_scatter_attrs *attrs = node->attrs;
    NN_TRY(nn_check_axis(node, attrs->axis, rank, axis));
    if (*axis == 0)
        return nn_view_fail(node, NN_BAD_INPUT, "axis 0 is the batch, not the sequence");
    return NN_OK;
}

static nn_status infer(const nn_node_view *node) {
    const nn_fact *past = node->in[0], *update = node->in[1], *indices = nn_view_in(node, 2);
    int axis;
    NN_TRY(nn_check_same_types(node, 0, 1));
    NN_TRY(nn_check_types(node, 2, 2, NN_TYPE_BIT(NNOPT_INT64)));
    NN_TRY(nn_infer_like(node));
    if (past->rank < 0) return NN_OK;
    NN_TRY(find_axis(node, past->rank, &axis));
    if (update->rank >= 0 && update->rank != past->rank)
        return nn_view_fail(node, NN_BAD_INPUT, "the cache has rank %d but the update has rank %d",
                            past->rank, update->rank);
    for (int i = 0; i < update->rank; i++) {
        int64_t size = past->dims[i], given = update->dims[i];
        if (!nn_dim_is_known(size) || !nn_dim_is_known(given)) continue;
        if (i == axis ? given > size : given != size)
            return nn_view_fail(node, NN_BAD_INPUT,
                                "axis %d of the update has size %lld, of the cache %lld", i,
                                (long long)given, (long long)size);
    }
    if (indices != NULL && indices->rank >= 0 && indices->rank != 1)
        return nn_view_fail(node, NN_BAD_INPUT, "input 2 must be a vector, has rank %d",
                            indices->rank);
    if (indices != NULL && indices->rank == 1 && nn_dim_is_known(indices->dims[0]) &&
        nn_dim_is_known(past->dims[0]) && indices->dims[0] != past->dims[0])
        return nn_view_fail(node, NN_BAD_INPUT, "%lld write indices for a batch of %lld",
                            (long long)indices->dims[0], (long long)past->dims[0]);
    return NN_OK;
}

typedef struct scatter_work {
    const char *update;
    char *cache;
    const int64_t *first;               /* NULL: zeros */
    int64_t capacity, length, prefixes; /* of the axis, of it in the update; rows of a sample */
    size_t row_bytes;
} scatter_work;

static void write_rows(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const scatter_work *work = argument;
    for (int64_t i = begin; i < end; i++) {
        int64_t start = work->first != NULL ? work->first[i / work->prefixes] : 0;
        /* Linear writes stay inside, so that this changes only circular ones. */
        start = start % work->capacity;
        if (start < 0) start += work->capacity;
        int64_t until_end = work->capacity - start;
        int64_t head = work->length < until_end ? work->length : until_end;
        char *row = work->cache + (size_t)(i * work->capacity) * work->row_bytes;
        const char *from = work->update + (size_t)(i * work->length) * work->row_bytes;
        memcpy(row + (size_t)start * work->row_bytes, from, (size_t)head * work->row_bytes);
        memcpy(row, from + (size_t)head * work->row_bytes,
               (size_t)(work->length - head) * work->row_bytes);
    }
}

static nn_status run_bytes(const nn_call *call) {
    const nn_tensor_scatter_attrs *attrs = call->node->attrs;
    const nn_tensor *past = call->in[0], *update = call->in[1];
    const nn_tensor *indices = call->in_count > 2 ? call->in[2] : NULL;
    int axis;
    NN_TRY(find_axis(call->node, past->rank, &axis));
    int64_t row = nn_dims_product(past->dims, axis + 1, past->rank);
    scatter_work work = {.update = update->data,
                         .cache = call->out[0]->data,
                         .first = indices != NULL ? indices->data : NULL,
                         .capacity = past->dims[axis],
                         .length = update->dims[axis],
                         .prefixes = nn_dims_product(past->dims, 1, axis),
                         .row_bytes = (size_t)row * nn_element_size(past->type)};
    for (int64_t i = 0; work.first != NULL && !attrs->circular && i < past->dims[0]; i++)
        if (work.first[i] < 0 || work.first[i] > work.capacity - work.length)
            return nn_view_fail(
                call->node, NN_BAD_INPUT, "%lld rows from index %lld on do not fit a cache of %lld",
                (long long)work.length, (long long)work.first[i], (long long)work.capacity);
    NN_TRY(nn_copy_run(call));
    if (work.row_bytes == 0 || work.length == 0) return NN_OK;
    nn_parallel(call->pool, nn_dims_product(past->dims, 0, axis), 1 + NN_GRAIN / row,
                write_rows, &work);
    return NN_OK;
}

static nn_status run(const nn_call *call) {
    return nn_packed_run(call, run_bytes);
}

static const nn_kernel reference = {
    .name = "tensor_scatter_reference",
    .exactness = NN_EXACT,
    .in_place = 1,
    .accepts = nn_packed_accepts,
    .prepare = nn_packed_prepare,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_tensor_scatter = {
    .name = "TensorScatter",
    .domain = "",
    .since = 24,
    .min_inputs = 2,
    .max_inputs = 3,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(nn_tensor_scatter_attrs),
    .parse = parse,
    .infer = infer,
    .cost = nn_cost_of_moving,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
