#include "ops/family/copy.h"
#include "ops/family/index.h"
#include "ops/family/movement.h"

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    (void)node;
    nn_axis_attrs *parsed = out;
    return nn_attrs_int(attrs, "axis", 0, &parsed->axis);
}

static nn_status infer(const nn_node_view *node) {
    const nn_axis_attrs *attrs = node->attrs;
    const nn_fact *data = node->in[0], *indices = node->in[1];
    int axis;
    NN_TRY(nn_check_types(node, 1, 1, NN_TYPE_BIT(NNOPT_INT32) | NN_TYPE_BIT(NNOPT_INT64)));
    NN_TRY(nn_set_output(node, 0, data->type, indices->rank, indices->dims));
    if (data->rank < 0 || indices->rank < 0) return NN_OK;
    if (data->rank != indices->rank)
        return nn_view_fail(node, NN_BAD_INPUT, "data has rank %d but indices have rank %d",
                            data->rank, indices->rank);
    NN_TRY(nn_check_axis(node, attrs->axis, data->rank, &axis));
    for (int i = 0; i < data->rank; i++) {
        bool known = nn_dim_is_known(data->dims[i]) && nn_dim_is_known(indices->dims[i]);
        if (i != axis && known && indices->dims[i] > data->dims[i])
            return nn_view_fail(node, NN_BAD_INPUT,
                                "axis %d of the indices has size %lld, of the data only %lld", i,
                                (long long)indices->dims[i], (long long)data->dims[i]);
    }
    return nn_check_constant_indices(node, 1, data->dims[axis]);
}

/* One run: the element at data[i * step + index[i] * axis_step]; indices below 0 count from `size`.
 */
typedef void (*gather_row)(const void *data, int64_t step, int64_t axis_step, int64_t size,
                           const void *indices, void *out, int64_t count);

#define GATHER_ROW(name, type, index_type)                                                         \
    static void name(const void *data, int64_t step, int64_t axis_step, int64_t size,              \
                     const void *indices, void *out, int64_t count) {                              \
        const type *from = data;                                                                   \
        const index_type *at = indices;                                                            \
        type *to = out;                                                                            \
        if (step == 0 && axis_step == 1) {                                                         \
            for (int64_t i = 0; i < count; i++) to[i] = from[at[i] + (at[i] < 0 ? size : 0)];      \
        } else {                                                                                   \
            for (int64_t i = 0; i < count; i++)                                                    \
                to[i] = from[i * step + (at[i] + (at[i] < 0 ? size : 0)) * axis_step];             \
        }                                                                                          \
    }
#define GATHER_ROWS(bytes, type)                                                                   \
    GATHER_ROW(gather_##bytes##_of_32, type, int32_t)                                              \
    GATHER_ROW(gather_##bytes##_of_64, type, int64_t)
typedef struct pair {
    uint64_t halves[2];
} pair;
GATHER_ROWS(1, uint8_t)
GATHER_ROWS(2, uint16_t)
GATHER_ROWS(4, uint32_t)
GATHER_ROWS(8, uint64_t)
GATHER_ROWS(16, pair)

static gather_row row_for(size_t size, bool wide) {
    switch (size) {
    case 1:
        return wide ? gather_1_of_64 : gather_1_of_32;
    case 2:
        return wide ? gather_2_of_64 : gather_2_of_32;
    case 4:
        return wide ? gather_4_of_64 : gather_4_of_32;
    case 8:
        return wide ? gather_8_of_64 : gather_8_of_32;
    default:
        return wide ? gather_16_of_64 : gather_16_of_32;
    }
}

typedef struct gather_work {
    const nn_tensor *data, *indices;
    char *out;
    int axis;
    size_t size;
    nn_loops loops; /* operand 0 the output and indices, 1 the data without the gathered axis */
    int64_t axis_step;
    gather_row row;
} gather_work;

static void gather_runs(void *argument, nn_cursor *cursor) {
    const gather_work *work = argument;
    int64_t step = work->loops.steps[1][work->loops.rank - 1], run;
    while ((run = nn_cursor_next(cursor)) > 0)
        work->row((const char *)work->data->data + (size_t)cursor->offset[1] * work->size, step,
                  work->axis_step, work->data->dims[work->axis],
                  nn_at(work->indices->data, work->indices->type, cursor->offset[0]),
                  work->out + (size_t)cursor->offset[0] * work->size, run);
}

static nn_status run(const nn_call *call) {
    const nn_axis_attrs *attrs = call->node->attrs;
    const nn_tensor *data = call->in[0], *indices = call->in[1];
    gather_work work = {.data = data,
                        .indices = indices,
                        .out = call->out[0]->data,
                        .size = nn_element_size(data->type)};
    work.row = row_for(work.size, indices->type == NNOPT_INT64);
    NN_TRY(nn_check_axis(call->node, attrs->axis, data->rank, &work.axis));
    NN_TRY(nn_check_indices(call->node, indices, data->dims[work.axis]));
    int64_t steps[NN_MAX_RANK], out_steps[NN_MAX_RANK];
    nn_dense_steps(indices->dims, indices->rank, out_steps);
    nn_dense_steps(data->dims, data->rank, steps);
    work.axis_step = steps[work.axis];
    steps[work.axis] = 0;
    nn_loops_init(&work.loops, indices->dims, indices->rank);
    nn_loops_add(&work.loops, out_steps);
    nn_loops_add(&work.loops, steps);
    nn_loops_collapse(&work.loops);
    nn_loops_run(&work.loops, call->pool, gather_runs, &work);
    return NN_OK;
}

static const nn_kernel reference = {
    .name = "gather_elements_reference",
    .exactness = NN_EXACT,
    .accepts = nn_moves_bytes,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_gather_elements = {
    .name = "GatherElements",
    .domain = "",
    .since = 11,
    .min_inputs = 2,
    .max_inputs = 2,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(nn_axis_attrs),
    .parse = parse,
    .infer = infer,
    .cost = nn_cost_of_moving,
    .quant = NN_QUANT_MOVES,
    .kernels = kernels,
};
