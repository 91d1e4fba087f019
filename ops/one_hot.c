#include "ops/family/copy.h"
#include "ops/family/fill.h"
#include "ops/family/movement.h"

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    (void)node;
    nn_axis_attrs *parsed = out;
    return nn_attrs_int(attrs, "axis", -1, &parsed->axis);
}

static nn_status infer(const nn_node_view *node) {
    const nn_axis_attrs *attrs = node->attrs;
    const nn_fact *indices = node->in[0], *values = node->in[2];
    int64_t dims[NN_MAX_RANK + 1], depth;
    int axis;
    NN_TRY(nn_check_types(node, 0, 1, NN_TYPES_NUMBER));
    NN_TRY(nn_check_scalar(node, 1));
    if (values->rank >= 0 && nn_fact_count(values) != -1 && nn_fact_count(values) != 2)
        return nn_view_fail(node, NN_BAD_INPUT, "input 2 has %lld values, not off and on",
                            (long long)nn_fact_count(values));
    if (!nn_scalar_input(node, 1, 0, &depth))
        depth = NN_DIM_UNKNOWN;
    else if (depth < 0)
        return nn_view_fail(node, NN_BAD_INPUT, "depth is %lld", (long long)depth);
    if (indices->rank < 0) return nn_set_output(node, 0, values->type, -1, NULL);
    NN_TRY(nn_check_axis(node, attrs->axis, indices->rank + 1, &axis));
    for (int i = 0; i < axis; i++) dims[i] = indices->dims[i];
    dims[axis] = depth;
    for (int i = axis; i < indices->rank; i++) dims[i + 1] = indices->dims[i];
    return nn_set_output(node, 0, values->type, indices->rank + 1, dims);
}

typedef struct one_hot_work {
    const nn_call *call;
    int64_t depth, inner;
    size_t element;
} one_hot_work;

/* Indices of floating types are truncated; -1 where none of the places is meant. */
static int64_t find_place(const one_hot_work *work, int64_t i) {
    const nn_tensor *indices = work->call->in[0];
    if (indices->type == NNOPT_UINT64) {
        uint64_t index = ((const uint64_t *)indices->data)[i];
        return index < (uint64_t)work->depth ? (int64_t)index : -1;
    }
    int64_t index = nn_tensor_get_int(indices, i);
    /* Negative indices came with version 11. */
    if (index < 0 && index >= -work->depth && work->call->node->opset >= 11) index += work->depth;
    return index >= 0 && index < work->depth ? index : -1;
}

static void set_places(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const one_hot_work *work = argument;
    const char *on = (const char *)work->call->in[2]->data + work->element;
    for (int64_t i = begin; i < end; i++) {
        int64_t place = find_place(work, i);
        if (place < 0) continue;
        int64_t to = (i / work->inner * work->depth + place) * work->inner + i % work->inner;
        memcpy((char *)work->call->out[0]->data + (size_t)to * work->element, on, work->element);
    }
}

static nn_status run(const nn_call *call) {
    const nn_axis_attrs *attrs = call->node->attrs;
    const nn_tensor *indices = call->in[0], *values = call->in[2];
    nn_tensor *out = call->out[0];
    int axis;
    NN_TRY(nn_check_axis(call->node, attrs->axis, out->rank, &axis));
    one_hot_work work = {.call = call,
                         .depth = out->dims[axis],
                         .inner = nn_dims_product(out->dims, axis + 1, out->rank),
                         .element = nn_element_size(values->type)};
    nn_fill(call->pool, out->data, values->data, work.element, nn_tensor_count(out));
    nn_parallel(call->pool, nn_tensor_count(indices), NN_GRAIN, set_places, &work);
    return NN_OK;
}

static bool accepts(const nn_node_view *node, const nn_target *target) {
    (void)target;
    return nn_epilogue_is_empty(&node->epilogue) && nn_element_size(node->in[2]->type) > 0;
}

static const nn_kernel reference = {
    .name = "one_hot_reference",
    .exactness = NN_EXACT,
    .accepts = accepts,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_one_hot = {
    .name = "OneHot",
    .domain = "",
    .since = 9,
    .min_inputs = 3,
    .max_inputs = 3,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(nn_axis_attrs),
    .parse = parse,
    .infer = infer,
    .cost = nn_cost_of_moving,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
