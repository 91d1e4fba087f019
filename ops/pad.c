#include "ops/family/copy.h"
#include "ops/family/fill.h"
#include "ops/family/movement.h"
#include "ops/family/packed.h"

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    static const char *const modes[] = {"constant", "reflect", "edge", "wrap"};
    nn_pad_attrs *parsed = out;
    const char *mode;
    int found = -1;
    NN_TRY(nn_attrs_string(attrs, "mode", "constant", &mode));
    for (int i = 0; i < 4; i++)
        if (strcmp(modes[i], mode) == 0) found = i;
    if (found < 0) return nn_view_fail(node, NN_BAD_INPUT, "attribute 'mode' is '%s'", mode);
    parsed->mode = (nn_pad_mode)found;
    parsed->from_input = node->opset >= 11;
    if (parsed->from_input)
        return node->in_count >= 2 ? NN_OK
                                   : nn_view_fail(node, NN_BAD_INPUT, "input 1 (pads) is missing");
    NN_TRY(nn_attrs_float(attrs, "value", 0, &parsed->value));
    return nn_list_attribute(node, attrs, node->opset < 2 ? "paddings" : "pads", 2 * NN_MAX_RANK,
                             &parsed->pads);
}

nn_status nn_pad_axes(const nn_node_view *node, int rank, nn_axis_pad pads[NN_MAX_RANK]) {
    const nn_pad_attrs *attrs = node->attrs;
    nn_list list = attrs->pads, axes = {.known = true};
    if (attrs->from_input) {
        NN_TRY(nn_list_input(node, 1, 2 * NN_MAX_RANK, &list));
        NN_TRY(nn_list_input(node, 3, NN_MAX_RANK, &axes));
    }
    for (int axis = 0; axis < rank; axis++) pads[axis] = (nn_axis_pad){.known = axes.present};
    if (!axes.known) {
        for (int axis = 0; axis < rank; axis++) pads[axis].known = false;
        return NN_OK;
    }
    bool seen[NN_MAX_RANK];
    int count = axes.present ? axes.count : rank;
    if (axes.present) NN_TRY(nn_check_axes(node, axes.values, axes.count, rank, seen));
    if (list.count >= 0 && list.count != 2 * count)
        return nn_view_fail(node, NN_BAD_INPUT, "pads need %d values, got %d", 2 * count,
                            list.count);
    for (int i = 0; i < count; i++) {
        int64_t axis = axes.present ? axes.values[i] : i;
        nn_axis_pad *pad = &pads[axis < 0 ? axis + rank : axis];
        const nn_fact *fact = attrs->from_input ? node->in[1] : NULL;
        *pad = (nn_axis_pad){.known = true};
        if (fact == NULL) {
            pad->before = list.values[i];
            pad->after = list.values[i + count];
        } else if (!nn_fact_element(fact, i, &pad->before) ||
                   !nn_fact_element(fact, i + count, &pad->after)) {
            *pad = (nn_axis_pad){.known = false};
        }
    }
    return NN_OK;
}

/* Reflection does not repeat the border, so it reaches no further than the opposite one. */
static nn_status padded_size(const nn_node_view *node, int axis, int64_t size,
                             const nn_axis_pad *pad, int64_t *out) {
    const nn_pad_attrs *attrs = node->attrs;
    int64_t total;
    *out = NN_DIM_UNKNOWN;
    if (pad->known && pad->before == 0 && pad->after == 0) *out = size;
    if (!pad->known || !nn_dim_is_known(size)) return NN_OK;
    if (__builtin_add_overflow(pad->before, pad->after, &total) ||
        __builtin_add_overflow(total, size, &total) || total < 0)
        return nn_view_fail(node, NN_BAD_INPUT,
                            "axis %d of size %lld cannot be padded by %lld and %lld", axis,
                            (long long)size, (long long)pad->before, (long long)pad->after);
    if (total > 0 && size == 0 && attrs->mode != NN_PAD_CONSTANT)
        return nn_view_fail(node, NN_BAD_INPUT, "axis %d is empty: nothing can be repeated", axis);
    *out = total;
    return NN_OK;
}

static nn_status infer(const nn_node_view *node) {
    const nn_fact *in = node->in[0];
    nn_axis_pad pads[NN_MAX_RANK];
    int64_t dims[NN_MAX_RANK];
    if (in->rank < 0) return nn_set_output(node, 0, in->type, -1, NULL);
    NN_TRY(nn_pad_axes(node, in->rank, pads));
    for (int axis = 0; axis < in->rank; axis++)
        NN_TRY(padded_size(node, axis, in->dims[axis], &pads[axis], &dims[axis]));
    return nn_set_output(node, 0, in->type, in->rank, dims);
}

static nn_status axes(const nn_node_view *node, nn_axis_relations *out) {
    const nn_pad_attrs *attrs = node->attrs;
    int rank = node->in[0]->rank;
    nn_axis_pad pads[NN_MAX_RANK];
    NN_TRY(nn_pad_axes(node, rank, pads));
    for (int axis = 0; axis < rank; axis++) {
        nn_axis_end from = nn_in_axis(0, axis), to = nn_out_axis(0, axis);
        const nn_axis_pad *pad = &pads[axis];
        if (pad->known && pad->before == 0 && pad->after == 0)
            NN_TRY(nn_axes_same(node, out, from, to));
        else if (pad->known && attrs->mode == NN_PAD_CONSTANT && pad->before >= 0 &&
                 pad->after >= 0)
            NN_TRY(nn_axes_offset(node, out, from, to, pad->before));
        else
            NN_TRY(nn_axes_mixed(node, out, from, to));
    }
    return NN_OK;
}

/* ---- running ---- */

/* Where element `i` of a padded axis comes from; -1: the constant. */
static int64_t source_index(nn_pad_mode mode, int64_t i, int64_t size) {
    if (i >= 0 && i < size) return i;
    switch (mode) {
    case NN_PAD_CONSTANT:
        return -1;
    case NN_PAD_EDGE:
        return i < 0 ? 0 : size - 1;
    case NN_PAD_WRAP:
        return ((i % size) + size) % size;
    case NN_PAD_REFLECT:
        break;
    }
    if (size == 1) return 0;
    int64_t period = 2 * (size - 1);
    i = ((i % period) + period) % period;
    return i < size ? i : period - i;
}

typedef struct pad_work {
    nn_pad_mode mode;
    int rank;
    const char *in;
    char *out;
    size_t size;
    int64_t in_dims[NN_MAX_RANK], out_dims[NN_MAX_RANK];
    int64_t before[NN_MAX_RANK], in_steps[NN_MAX_RANK];
    const void *value; /* one element */
} pad_work;

/* Makes rows long: what lies behind the last padded axis belongs to its elements, and can be
 * counted among them where an element is repeated as often as it is, or where all are the same. */
static void merge_last_axes(pad_work *work) {
    for (int last = work->rank - 1; last > 0; last--) {
        int64_t size = work->in_dims[last];
        bool is_whole = work->before[last] == 0 && work->out_dims[last] == size;
        if (!is_whole || (size != 1 && work->mode != NN_PAD_CONSTANT)) return;
        work->in_dims[last - 1] *= size;
        work->out_dims[last - 1] *= size;
        work->before[last - 1] *= size;
        work->rank--;
    }
}

enum { FEW = 8 }; /* elements: not worth a call */

/* Elements [begin, end) of a row of the output, which lie in front of the row of the input or
 * behind it. */
static void pad_side(const pad_work *work, char *target, const char *row, int64_t begin,
                     int64_t end) {
    const int last = work->rank - 1;
    target += begin * (int64_t)work->size;
    if (work->mode == NN_PAD_CONSTANT) {
        if (work->size == sizeof(uint32_t) && end - begin <= FEW)
            for (; begin < end; begin++, target += sizeof(uint32_t))
                memcpy(target, work->value, sizeof(uint32_t));
        else
            nn_fill(NULL, target, work->value, work->size, end - begin);
        return;
    }
    for (int64_t i = begin; i < end; i++, target += work->size) {
        int64_t index = source_index(work->mode, i - work->before[last], work->in_dims[last]);
        memcpy(target, row + index * (int64_t)work->size, work->size);
    }
}

/* Writes one row of the output from the input's row, or the constant when there is none. */
static void pad_row(const pad_work *work, char *target, const char *row) {
    int last = work->rank - 1;
    int64_t width = work->out_dims[last], size = work->in_dims[last];
    int64_t before = work->before[last];
    if (row == NULL) {
        nn_fill(NULL, target, work->value, work->size, width);
        return;
    }
    int64_t begin = before > 0 ? before : 0, end = before + size < width ? before + size : width;
    if (begin > width) begin = width;
    if (end < begin) end = begin;
    pad_side(work, target, row, 0, begin);
    memcpy(target + begin * (int64_t)work->size, row + (begin - before) * (int64_t)work->size,
           (size_t)(end - begin) * work->size);
    pad_side(work, target, row, end, width);
}

static void pad_rows(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const pad_work *work = argument;
    int last = work->rank - 1;
    int64_t row_bytes = work->out_dims[last] * (int64_t)work->size;
    int64_t place[NN_MAX_RANK], rest = begin; /* of the row in the output */
    for (int axis = last - 1; axis >= 0; axis--) {
        place[axis] = rest % work->out_dims[axis];
        rest /= work->out_dims[axis];
    }
    for (int64_t i = begin; i < end; i++) {
        int64_t offset = 0;
        bool is_constant = work->in_dims[last] == 0;
        for (int axis = 0; axis < last; axis++) {
            int64_t own = place[axis] - work->before[axis];
            int64_t index = source_index(work->mode, own, work->in_dims[axis]);
            if (index < 0) is_constant = true;
            offset += index * work->in_steps[axis];
        }
        const char *row = work->in + offset * (int64_t)work->size;
        pad_row(work, work->out + i * row_bytes, is_constant ? NULL : row);
        for (int axis = last - 1; axis >= 0 && ++place[axis] == work->out_dims[axis]; axis--)
            place[axis] = 0;
    }
}

/* In run the pads are read from the tensors themselves. */
static nn_status run_pads(const nn_call *call, int rank, nn_axis_pad pads[NN_MAX_RANK]) {
    const nn_fact *facts[4] = {NULL};
    nn_fact own[4];
    nn_node_view node = *call->node;
    for (int i = 0; i < call->in_count && i < 4; i++) {
        if (call->in[i] == NULL) continue;
        own[i] = nn_fact_of_tensor(call->in[i], true);
        facts[i] = &own[i];
    }
    node.in = facts;
    return nn_pad_axes(&node, rank, pads);
}

static nn_status run_bytes(const nn_call *call) {
    const nn_pad_attrs *attrs = call->node->attrs;
    const nn_tensor *in = call->in[0];
    nn_tensor *out = call->out[0];
    nn_axis_pad pads[NN_MAX_RANK];
    if (in->rank == 0) return nn_copy_run(call);
    NN_TRY(run_pads(call, in->rank, pads));
    pad_work work = {.mode = attrs->mode,
                     .rank = in->rank,
                     .in = in->data,
                     .out = out->data,
                     .size = nn_element_size(in->type)};
    uint64_t own_value[2] = {0};
    nn_tensor holder = {.type = in->type, .data = own_value};
    if (nn_element_size(in->type) > 0) nn_fill_zero(in->type, own_value, 1);
    const nn_tensor *given = attrs->from_input && call->in_count > 2 ? call->in[2] : NULL;
    if (!attrs->from_input) nn_tensor_set(&holder, 0, attrs->value);
    work.value = given != NULL && nn_tensor_count(given) > 0 ? given->data : own_value;
    for (int place = 0; place < in->rank; place++) {
        work.in_dims[place] = in->dims[place];
        work.out_dims[place] = out->dims[place];
        work.before[place] = pads[nn_logical_axis(call->layout, in->rank, place)].before;
    }
    int64_t total = nn_tensor_count(out);
    if (total == 0) return NN_OK;
    merge_last_axes(&work);
    nn_dense_steps(work.in_dims, work.rank, work.in_steps);
    int64_t width = work.out_dims[work.rank - 1];
    nn_parallel(call->pool, total / width, NN_GRAIN / width + 1, pad_rows, &work);
    return NN_OK;
}

static nn_status run(const nn_call *call) {
    return nn_packed_run(call, run_bytes);
}

static const nn_kernel reference = {
    .name = "pad_reference",
    .exactness = NN_EXACT,
    .layout = NN_LAYOUT_ANY,
    .layout_inputs = 1,
    .accepts = nn_packed_accepts,
    .prepare = nn_packed_prepare,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_pad = {
    .name = "Pad",
    .domain = "",
    .since = 1,
    .min_inputs = 1,
    .max_inputs = 4,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(nn_pad_attrs),
    .parse = parse,
    .infer = infer,
    .cost = nn_cost_of_moving,
    .axes = axes,
    .quant = NN_QUANT_MOVES,
    .kernels = kernels,
};
