#include "ops/family/copy.h"
#include "ops/family/movement.h"

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    nn_slice_attrs *parsed = out;
    parsed->from_input = node->opset >= 10;
    if (parsed->from_input)
        return node->in_count >= 3
                   ? NN_OK
                   : nn_view_fail(node, NN_BAD_INPUT, "needs starts and ends, has %d inputs",
                                  node->in_count);
    NN_TRY(nn_list_attribute(node, attrs, "starts", NN_MAX_RANK, &parsed->starts));
    NN_TRY(nn_list_attribute(node, attrs, "ends", NN_MAX_RANK, &parsed->ends));
    return nn_list_attribute(node, attrs, "axes", NN_MAX_RANK, &parsed->axes);
}

static int64_t clamp(int64_t value, int64_t low, int64_t high) {
    if (value < low) return low;
    return value > high ? high : value;
}

static nn_axis_slice slice_axis(int64_t size, int64_t start, int64_t end, int64_t step) {
    nn_axis_slice slice = {.known = true, .step = step};
    if (start < 0) start = start < -size ? -1 : start + size;
    if (end < 0) end = end < -size ? -1 : end + size;
    if (step > 0) {
        start = clamp(start, 0, size);
        end = clamp(end, 0, size);
        slice.count = end > start ? (end - start - 1) / step + 1 : 0;
    } else {
        start = clamp(start, size > 0 ? 0 : -1, size - 1);
        end = clamp(end, -1, size - 1);
        /* The negation of the smallest step overflows; it takes one element like any other so
         * large. */
        int64_t back = step == INT64_MIN ? INT64_MAX : -step;
        slice.count = start > end ? (start - end - 1) / back + 1 : 0;
    }
    slice.start = slice.count > 0 ? start : 0;
    if (slice.count <= 1) slice.step = 1;
    slice.whole = slice.count == size && slice.start == 0 && slice.step == 1;
    return slice;
}

static nn_status lists_agree(const nn_node_view *node, const nn_list *starts, const nn_list *ends,
                             const nn_list *axes, const nn_list *steps) {
    const nn_list *others[] = {ends, axes, steps};
    static const char *const names[] = {"ends", "axes", "steps"};
    for (int i = 0; i < 3; i++)
        if (others[i]->present && starts->count >= 0 && others[i]->count >= 0 &&
            others[i]->count != starts->count)
            return nn_view_fail(node, NN_BAD_INPUT, "starts has %d values but %s has %d",
                                starts->count, names[i], others[i]->count);
    return NN_OK;
}

static bool value_of(const nn_node_view *node, const nn_list *list, int input, int index,
                     int64_t fallback, int64_t *out) {
    *out = fallback;
    if (!list->present) return true;
    const nn_slice_attrs *attrs = node->attrs;
    if (attrs->from_input) return nn_fact_element(nn_view_in(node, input), index, out);
    *out = list->values[index];
    return true;
}

nn_status nn_slice_axes(const nn_node_view *node, const int64_t *dims, int rank,
                        nn_axis_slice slices[NN_MAX_RANK], bool *axes_known) {
    const nn_slice_attrs *attrs = node->attrs;
    nn_list starts = attrs->starts, ends = attrs->ends, axes = attrs->axes;
    nn_list steps = {.known = true};
    if (attrs->from_input) {
        NN_TRY(nn_list_input(node, 1, NN_MAX_RANK, &starts));
        NN_TRY(nn_list_input(node, 2, NN_MAX_RANK, &ends));
        NN_TRY(nn_list_input(node, 3, NN_MAX_RANK, &axes));
        NN_TRY(nn_list_input(node, 4, NN_MAX_RANK, &steps));
    }
    NN_TRY(lists_agree(node, &starts, &ends, &axes, &steps));
    int count = starts.count >= 0 ? starts.count : ends.count;
    *axes_known = count >= 0 && axes.known;
    if (!*axes_known) return NN_OK;
    bool seen[NN_MAX_RANK] = {false};
    if (!axes.present && count > rank)
        return nn_view_fail(node, NN_BAD_INPUT, "cuts %d axes of an input of rank %d", count, rank);
    if (axes.present) NN_TRY(nn_check_axes(node, axes.values, axes.count, rank, seen));
    for (int axis = 0; axis < rank; axis++)
        slices[axis] =
            (nn_axis_slice){.known = true, .whole = true, .step = 1, .count = dims[axis]};
    for (int i = 0; i < count; i++) {
        int64_t start, end, step;
        int axis =
            axes.present ? (int)(axes.values[i] < 0 ? axes.values[i] + rank : axes.values[i]) : i;
        bool has_start = value_of(node, &starts, 1, i, 0, &start);
        bool has_end = value_of(node, &ends, 2, i, 0, &end);
        bool has_step = value_of(node, &steps, 4, i, 1, &step);
        if (has_step && step == 0) return nn_view_fail(node, NN_BAD_INPUT, "step %d is 0", i);
        bool known = has_start && has_end && has_step;
        bool keeps_all = known && start == 0 && step == 1 && end >= INT32_MAX;
        if (known && nn_dim_is_known(dims[axis]))
            slices[axis] = slice_axis(dims[axis], start, end, step);
        else if (!keeps_all)
            slices[axis] = (nn_axis_slice){.count = NN_DIM_UNKNOWN};
    }
    return NN_OK;
}

static void cut_elements(const nn_node_view *node, const nn_axis_slice *slice) {
    int count = nn_elements_count(node->in[0]);
    if (count < 0 || !slice->known || slice->count < 0 || node->out[0] == NULL) return;
    nn_elements_begin(node->out[0], (int)slice->count);
    for (int i = 0; i < slice->count; i++)
        nn_elements_set(node->out[0], i,
                        nn_elements_get(node->in[0], (int)(slice->start + i * slice->step)));
}

static nn_status infer(const nn_node_view *node) {
    const nn_fact *in = node->in[0];
    nn_axis_slice slices[NN_MAX_RANK];
    int64_t dims[NN_MAX_RANK];
    bool axes_known;
    if (in->rank < 0) return nn_set_output(node, 0, in->type, -1, NULL);
    NN_TRY(nn_slice_axes(node, in->dims, in->rank, slices, &axes_known));
    for (int axis = 0; axis < in->rank; axis++)
        dims[axis] = axes_known ? slices[axis].count : NN_DIM_UNKNOWN;
    NN_TRY(nn_set_output(node, 0, in->type, in->rank, dims));
    if (in->rank == 1 && axes_known) cut_elements(node, &slices[0]);
    return NN_OK;
}

static nn_status axes(const nn_node_view *node, nn_axis_relations *out) {
    const nn_fact *in = node->in[0];
    nn_axis_slice slices[NN_MAX_RANK];
    bool axes_known;
    NN_TRY(nn_slice_axes(node, in->dims, in->rank, slices, &axes_known));
    for (int axis = 0; axis < in->rank; axis++) {
        nn_axis_end from = nn_in_axis(0, axis), to = nn_out_axis(0, axis);
        if (axes_known && slices[axis].whole)
            NN_TRY(nn_axes_same(node, out, from, to));
        else if (axes_known && slices[axis].known && slices[axis].step == 1)
            NN_TRY(nn_axes_offset(node, out, to, from, slices[axis].start));
        else
            NN_TRY(nn_axes_mixed(node, out, from, to));
    }
    return NN_OK;
}

typedef struct slice_state {
    bool is_known;
    nn_axis_slice slices[NN_MAX_RANK];
} slice_state;

static bool has_constant_lists(const nn_node_view *node) {
    for (int i = 1; i < node->in_count; i++)
        if (node->in[i] != NULL && nn_view_constant(node, i) == NULL) return false;
    return true;
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *services) {
    slice_state *state = nn_prepare_state(services, sizeof *state);
    if (state == NULL) return nn_fail_memory(sizeof *state);
    (void)target;
    *state = (slice_state){.is_known = has_constant_lists(node)};
    if (!state->is_known) return NN_OK;
    const nn_fact *in = node->in[0];
    NN_TRY(nn_slice_axes(node, in->dims, in->rank, state->slices, &state->is_known));
    for (int axis = 0; axis < in->rank; axis++)
        if (!state->slices[axis].known) state->is_known = false;
    return NN_OK;
}

/* Lists that are no constants are read from the tensors themselves. */
static nn_status run_slices(const nn_call *call, const int64_t *dims, int rank,
                            nn_axis_slice slices[NN_MAX_RANK]) {
    const nn_slice_attrs *attrs = call->node->attrs;
    const nn_fact *facts[5] = {NULL};
    nn_fact own[5];
    nn_node_view node = *call->node;
    bool axes_known;
    for (int i = 0; attrs->from_input && i < call->in_count && i < 5; i++) {
        if (call->in[i] == NULL) continue;
        own[i] = nn_fact_of_tensor(call->in[i], true);
        facts[i] = &own[i];
    }
    node.in = facts;
    return nn_slice_axes(&node, dims, rank, slices, &axes_known);
}

static nn_status run(const nn_call *call) {
    const nn_tensor *in = call->in[0];
    nn_tensor *out = call->out[0];
    int rank = in->rank;
    const slice_state *state = call->state;
    int64_t dims[NN_MAX_RANK];
    nn_walk walk;
    nn_axis_slice own[NN_MAX_RANK];
    const nn_axis_slice *slices = state->is_known ? state->slices : own;
    if (!state->is_known) {
        for (int place = 0; place < rank; place++)
            dims[nn_logical_axis(call->layout, rank, place)] = in->dims[place];
        NN_TRY(run_slices(call, dims, rank, own));
    }
    nn_slice_walk(in, out, call->layout, slices, &walk);
    size_t size = nn_element_size(in->type);
    nn_copy_strided(call->pool, size, walk.dims, walk.rank, out->data, walk.target,
                    (const char *)in->data + walk.begin * (int64_t)size, walk.source);
    return NN_OK;
}

static const nn_kernel reference = {
    .name = "slice_reference",
    .exactness = NN_EXACT,
    .layout = NN_LAYOUT_ANY,
    .layout_inputs = 1,
    .accepts = nn_moves_bytes,
    .prepare = prepare,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_slice = {
    .name = "Slice",
    .domain = "",
    .since = 1,
    .min_inputs = 1,
    .max_inputs = 5,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(nn_slice_attrs),
    .parse = parse,
    .infer = infer,
    .cost = nn_cost_of_moving,
    .axes = axes,
    .quant = NN_QUANT_MOVES,
    .kernels = kernels,
};
