#include "ops/family/copy.h"
#include "ops/family/index.h"

typedef struct gather_attrs {
    int64_t axis;
} gather_attrs;

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    (void)node;
    gather_attrs *parsed = out;
    return nn_attrs_int(attrs, "axis", 0, &parsed->axis);
}

static nn_status infer(const nn_node_view *node) {
    const gather_attrs *attrs = node->attrs;
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

typedef struct gather_work {
    const nn_tensor *data, *indices;
    char *out;
    int axis;
    size_t size;
    nn_loops loops; /* operand 0 the output and indices, 1 the data without the gathered axis */
    int64_t axis_step;
} gather_work;

static void gather_runs(void *argument, nn_cursor *cursor) {
    const gather_work *work = argument;
    int64_t step = work->loops.steps[1][work->loops.rank - 1], run;
    while ((run = nn_cursor_next(cursor)) > 0)
        for (int64_t i = 0; i < run; i++) {
            int64_t place = cursor->offset[0] + i, index = nn_index_at(work->indices, place);
            if (index < 0) index += work->data->dims[work->axis];
            int64_t from = cursor->offset[1] + i * step + index * work->axis_step;
            memcpy(work->out + (size_t)place * work->size,
                   (const char *)work->data->data + (size_t)from * work->size, work->size);
        }
}

static nn_status run(const nn_call *call) {
    const gather_attrs *attrs = call->node->attrs;
    const nn_tensor *data = call->in[0], *indices = call->in[1];
    gather_work work = {.data = data,
                        .indices = indices,
                        .out = call->out[0]->data,
                        .size = nn_element_size(data->type)};
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
    .attr_size = sizeof(gather_attrs),
    .parse = parse,
    .infer = infer,
    .cost = nn_cost_of_moving,
    .quant = NN_QUANT_MOVES,
    .kernels = kernels,
};
