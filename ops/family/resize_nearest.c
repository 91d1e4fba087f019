/* Resize to the nearest elements, which are copied. */
#include "ops/family/copy.h"
#include "ops/family/loops.h"
#include "ops/family/resize_tables.h"

#define GATHER_ROW(bits, type)                                                                     \
    static void gather_##bits(void *target, const void *source, const int64_t *indices,            \
                              int64_t count) {                                                     \
        type *to = target;                                                                         \
        const type *from = source;                                                                 \
        if (indices == NULL) /* every element twice: what most networks ask for */                 \
            for (int64_t i = 0; i < count / 2; i++) to[2 * i] = to[2 * i + 1] = from[i];           \
        else                                                                                       \
            for (int64_t i = 0; i < count; i++) to[i] = from[indices[i]];                          \
    }
typedef struct pair {
    uint64_t halves[2];
} pair;
GATHER_ROW(8, uint8_t)
GATHER_ROW(16, uint16_t)
GATHER_ROW(32, uint32_t)
GATHER_ROW(64, uint64_t)
GATHER_ROW(128, pair)

static void gather_row(size_t size, void *target, const void *source, const int64_t *indices,
                       int64_t count) {
    if (size == 1)
        gather_8(target, source, indices, count);
    else if (size == 2)
        gather_16(target, source, indices, count);
    else if (size == 4)
        gather_32(target, source, indices, count);
    else if (size == 8)
        gather_64(target, source, indices, count);
    else
        gather_128(target, source, indices, count);
}

/* The output is lines of `width` places, the last axis that changes; each place is `row` elements,
 * the axes after it. */
typedef struct nearest_work {
    const nn_resize_plan *plan;
    const nn_tensor *in;
    nn_tensor *out;
    int64_t in_steps[NN_MAX_RANK];
    int line_axis; /* -1: nothing changes */
    int64_t width, row;
    int64_t step;      /* elements from place to place of the output: `row` unless it has gaps */
    bool extrapolates; /* some place of the output may be outside */
    bool doubles;      /* places 2 i and 2 i + 1 are both i */
    uint64_t value[2]; /* what stands outside */
} nearest_work;

static void fill_row(const nearest_work *work, char *target, size_t size) {
    for (int64_t i = 0; i < work->row; i++) memcpy(target + (size_t)i * size, work->value, size);
}

static void fill_line(const nearest_work *work, char *target, const char *source, size_t size) {
    const int64_t *indices =
        work->line_axis >= 0 ? work->plan->tables[work->line_axis].indices : (const int64_t[]){0};
    if (work->row == 1 && work->step == 1 && !work->extrapolates && source != NULL) {
        gather_row(size, target, source, work->doubles ? NULL : indices, work->width);
        return;
    }
    size_t bytes = (size_t)work->row * size;
    for (int64_t k = 0; k < work->width; k++, target += (size_t)work->step * size) {
        if (source == NULL || indices[k] < 0)
            fill_row(work, target, size);
        else
            memcpy(target, source + (size_t)indices[k] * bytes, bytes);
    }
}

static void nearest_lines(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const nearest_work *work = argument;
    size_t size = nn_element_size(work->in->type);
    size_t line_bytes = (size_t)(work->width * work->step) * size;
    int64_t previous = -1;
    for (int64_t i = begin; i < end; i++) {
        int64_t rest = i, offset = 0;
        bool outside = false;
        for (int axis = work->line_axis - 1; axis >= 0; axis--) {
            int64_t index = work->plan->tables[axis].indices[rest % work->out->dims[axis]];
            rest /= work->out->dims[axis];
            outside = outside || index < 0;
            offset += index * work->in_steps[axis];
        }
        char *target = (char *)work->out->data + (size_t)i * line_bytes;
        const char *source = (const char *)work->in->data + offset * (int64_t)size;
        if (!outside && offset == previous && work->step == work->row)
            memcpy(target, target - line_bytes, line_bytes);
        else
            fill_line(work, target, outside ? NULL : source, size);
        previous = outside ? -1 : offset;
    }
}

static bool doubles_places(const int64_t *indices, int64_t count) {
    for (int64_t i = 0; i < count; i++)
        if (indices[i] != i / 2) return false;
    return count % 2 == 0;
}

void nn_resize_run_nearest(const nn_call *call, const nn_resize_plan *plan) {
    const nn_tensor *in = call->in[0];
    nn_tensor *out = call->out[0];
    nearest_work work = {.plan = plan,
                         .in = in,
                         .out = out,
                         .line_axis = plan->rank - 1,
                         .width = 1,
                         .row = 1,
                         .extrapolates = plan->attrs->coordinates == NN_COORDINATES_CROP};
    nn_tensor holder = {.type = in->type, .data = work.value};
    nn_tensor_set(&holder, 0, (double)plan->attrs->extrapolation);
    nn_dense_steps(in->dims, in->rank, work.in_steps);
    const int64_t pitch = nn_view_out_pitch(call->node, 0, 0);
    const int least = pitch > 0 ? in->rank - 2 : -1; /* pixels apart are places */
    for (; work.line_axis > least && plan->axes[work.line_axis].unchanged; work.line_axis--)
        work.row *= in->dims[work.line_axis];
    work.step = pitch > 0 ? pitch : work.row;
    if (work.line_axis >= 0) {
        work.width = out->dims[work.line_axis];
        work.doubles = doubles_places(plan->tables[work.line_axis].indices, work.width);
    }
    int64_t line = work.width * work.row;
    nn_parallel(call->pool, nn_tensor_count(out) / line, NN_GRAIN / line + 1, nearest_lines, &work);
}
