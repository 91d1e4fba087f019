#include "ops/family/scatter.h"

nn_status nn_scatter_elements_infer(const nn_node_view *node) {
    const nn_scatter_attrs *attrs = node->attrs;
    const nn_fact *data = node->in[0], *indices = node->in[1], *updates = node->in[2];
    int axis;
    NN_TRY(nn_check_types(node, 1, 1, NN_TYPE_BIT(NNOPT_INT32) | NN_TYPE_BIT(NNOPT_INT64)));
    NN_TRY(nn_scatter_check_types(node));
    NN_TRY(nn_infer_like(node));
    if (data->rank < 0) return NN_OK;
    NN_TRY(nn_check_axis(node, attrs->axis, data->rank, &axis));
    for (int i = 1; i < 3; i++)
        if (node->in[i]->rank >= 0 && node->in[i]->rank != data->rank)
            return nn_view_fail(node, NN_BAD_INPUT, "data has rank %d but input %d has rank %d",
                                data->rank, i, node->in[i]->rank);
    for (int i = 0; i < data->rank; i++) {
        int64_t size = indices->rank < 0 ? NN_DIM_UNKNOWN : indices->dims[i];
        int64_t given = updates->rank < 0 ? NN_DIM_UNKNOWN : updates->dims[i];
        if (nn_dim_is_known(size) && nn_dim_is_known(given) && size != given)
            return nn_view_fail(node, NN_BAD_INPUT,
                                "axis %d of the indices has size %lld, of the updates %lld", i,
                                (long long)size, (long long)given);
        bool known = nn_dim_is_known(size) && nn_dim_is_known(data->dims[i]);
        if (i != axis && known && size > data->dims[i])
            return nn_view_fail(node, NN_BAD_INPUT,
                                "axis %d of the indices has size %lld, of the data only %lld", i,
                                (long long)size, (long long)data->dims[i]);
    }
    return nn_check_constant_indices(node, 1, data->dims[axis]);
}

enum { PLACES = NN_BLOCK };

typedef struct scatter_work {
    const nn_tensor *indices;
    const char *updates;
    char *data;
    nn_scatter_row row;
    size_t element;
    /* Of the scattered axis: how many indices, elements between them, elements of the data. */
    int64_t count, index_step, data_step, size;
    /* The other axes: operand 0 indices and updates, 1 the data. Runs of different places never
     * meet; along the axis the order of the updates is kept. */
    nn_loops loops;
} scatter_work;

static int64_t index_of(const scatter_work *work, int64_t place) {
    int64_t index = nn_index_at(work->indices, place);
    return (index < 0 ? index + work->size : index) * work->data_step;
}

/* The neighbours of a run are updated together, index by index. */
static void scatter_columns(const scatter_work *work, int64_t from, int64_t to, int64_t to_step,
                            int64_t run) {
    int64_t places[PLACES];
    for (int64_t begin = 0; begin < run; begin += PLACES) {
        int64_t count = run - begin < PLACES ? run - begin : PLACES;
        for (int64_t k = 0; k < work->count; k++) {
            int64_t first = from + begin + k * work->index_step;
            for (int64_t i = 0; i < count; i++)
                places[i] = to + (begin + i) * to_step + index_of(work, first + i);
            work->row(work->data, places, work->updates + (size_t)first * work->element, count);
        }
    }
}

static void scatter_row(const scatter_work *work, int64_t from, int64_t to) {
    int64_t places[PLACES];
    for (int64_t begin = 0; begin < work->count; begin += PLACES) {
        int64_t count = work->count - begin < PLACES ? work->count - begin : PLACES;
        int64_t first = from + begin;
        for (int64_t i = 0; i < count; i++) places[i] = to + index_of(work, first + i);
        work->row(work->data, places, work->updates + (size_t)first * work->element, count);
    }
}

static void scatter_chunk(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const scatter_work *work = argument;
    nn_cursor cursor;
    int last = work->loops.rank - 1;
    int64_t from_step = work->loops.steps[0][last], to_step = work->loops.steps[1][last], run;
    nn_cursor_start(&cursor, &work->loops, begin, end);
    while ((run = nn_cursor_next(&cursor)) > 0) {
        if (from_step == 1 && work->index_step != 1) {
            scatter_columns(work, cursor.offset[0], cursor.offset[1], to_step, run);
            continue;
        }
        for (int64_t i = 0; i < run; i++)
            scatter_row(work, cursor.offset[0] + i * from_step, cursor.offset[1] + i * to_step);
    }
}

static nn_status run(const nn_call *call) {
    const nn_scatter_attrs *attrs = call->node->attrs;
    const nn_tensor *data = call->in[0], *indices = call->in[1];
    int64_t steps[NN_MAX_RANK], index_steps[NN_MAX_RANK], dims[NN_MAX_RANK];
    int axis;
    NN_TRY(nn_check_axis(call->node, attrs->axis, data->rank, &axis));
    NN_TRY(nn_check_indices(call->node, indices, data->dims[axis]));
    NN_TRY(nn_copy_run(call));
    if (nn_tensor_count(indices) == 0) return NN_OK;
    nn_dense_steps(data->dims, data->rank, steps);
    nn_dense_steps(indices->dims, indices->rank, index_steps);
    for (int i = 0; i < indices->rank; i++) dims[i] = i == axis ? 1 : indices->dims[i];
    scatter_work work = {.indices = indices,
                         .updates = call->in[2]->data,
                         .data = call->out[0]->data,
                         .row = nn_scatter_row_of(attrs->reduction, data->type),
                         .element = nn_element_size(data->type),
                         .count = indices->dims[axis],
                         .index_step = index_steps[axis],
                         .data_step = steps[axis],
                         .size = data->dims[axis]};
    nn_loops_init(&work.loops, dims, indices->rank);
    nn_loops_add(&work.loops, index_steps);
    nn_loops_add(&work.loops, steps);
    nn_loops_collapse(&work.loops);
    nn_parallel(call->pool, work.loops.count, NN_GRAIN / work.count + 1, scatter_chunk, &work);
    return NN_OK;
}

static const nn_kernel reference = {
    .name = "scatter_elements_reference",
    .exactness = NN_EXACT,
    .in_place = 1,
    .accepts = nn_scatter_accepts,
    .run = run,
};

const nn_kernel *const nn_scatter_elements_kernels[] = {&reference, NULL};
