/* MaxPool, AveragePool and global pools, which take tensors in the layout that they come in. */
#include "ops/cpu/pooling.h"

#include "base/integers.h"
#include "ops/cpu/kernels.h"
#include "ops/family/pooling.h"

typedef struct pool_job {
    nn_pool_geometry geometry;
    const nn_pooling *set;
    nn_type type;
    bool average, count_include_pad;
    const char *x;
    char *y;
    int64_t element; /* bytes */
} pool_job;

enum {
    GLOBAL_BLOCK = 256,     /* channels of a global pool that are a piece of work */
    PLANE_PIECE = 4096,     /* elements of a plane that one float sum takes */
    WORK_PER_UNIT = 4096,   /* output elements of a piece of work, at least */
    IMAGE_PARTS = 8,        /* of rows, that a global average sums by themselves, */
    PARTED_IMAGE = 1 << 15, /* where an image has as many elements */
};

typedef struct pool_state {
    const nn_pooling *set; /* functions of the kernel's instruction set */
    int64_t parts;         /* of an image, for the threads; 0: whole images */
} pool_state;

static nn_status remember(nn_prepare *services, const nn_pooling *set, int64_t parts) {
    pool_state *state = nn_prepare_state(services, sizeof *state);
    if (state == NULL) return nn_fail_memory(sizeof *state);
    *state = (pool_state){set, parts};
    return NN_OK;
}

static const nn_pooling *functions_of(const nn_call *call) {
    return ((const pool_state *)call->state)->set;
}

/* ---- windows, channels last ---- */

/* What the windows along a row of the output share, and the place of the first tap of a window that
 * begins at column 0. */
static nn_pool_view row_view(const pool_job *job, const int64_t at[2], int64_t *offset) {
    const nn_window_axis *axes = job->geometry.axes;
    const int64_t pitch = job->geometry.in_pitch;
    const int64_t steps[] = {axes[1].in * axes[2].in * pitch, axes[2].in * pitch};
    int64_t counts[2];
    *offset = 0;
    for (int i = 0; i < 2; i++) {
        int64_t first, last;
        nn_pool_taps(&axes[i], at[i], &first, &last);
        counts[i] = last - first;
        *offset +=
            (at[i] * axes[i].stride - axes[i].pad_begin + first * axes[i].dilation) * steps[i];
    }
    if (counts[0] == 0 || counts[1] == 0) *offset = 0;
    return (nn_pool_view){.planes = counts[0],
                          .rows = counts[1],
                          .plane_step = steps[0] * axes[0].dilation,
                          .row_step = steps[1] * axes[1].dilation,
                          .column_step = pitch * axes[2].dilation};
}

/* Outputs [begin, end) of a row at depth and height `at`, whose windows have the same taps. `x` is
 * the row of the first tap. */
static void pool_pixels(const pool_job *job, const int64_t at[2], const nn_pool_view *view,
                        const char *x, int64_t begin, int64_t end, char *y) {
    const nn_window_axis *axes = job->geometry.axes, *width = &axes[NN_WIDTH];
    const int64_t pitch = job->geometry.in_pitch, out_pitch = job->geometry.out_pitch;
    int64_t first, last;
    nn_pool_taps(width, begin, &first, &last);
    nn_pool_windows windows = {.view = *view,
                               .channels = job->geometry.channels,
                               .count = end - begin,
                               .step = width->stride * pitch,
                               .out_step = out_pitch};
    windows.view.columns = last - first;
    int64_t start = (begin * width->stride - width->pad_begin + first * width->dilation) * pitch;
    /* An empty window has no place. */
    if (view->planes == 0 || view->rows == 0 || last == first) {
        windows.view = (nn_pool_view){0};
        x = job->x;
        windows.step = start = 0;
    }
    const void *from = x + start * job->element;
    void *to = y + begin * out_pitch * job->element;
    int64_t divisor = 1;
    for (int i = 0; job->average && i < NN_MAX_SPATIAL; i++)
        divisor *= nn_pool_divisor(&axes[i], i < 2 ? at[i] : begin, job->count_include_pad);
    const float scale = divisor > 0 ? 1.0f / (float)divisor : 0;
    if (job->average && job->type == NNOPT_BFLOAT16)
        job->set->average_bf16(&windows, from, to, scale);
    else if (job->average)
        job->set->average_f32(&windows, from, to, scale);
    else if (job->type == NNOPT_FLOAT)
        job->set->max_f32(&windows, from, to);
    else if (job->type == NNOPT_BFLOAT16)
        job->set->max_bf16(&windows, from, to);
    else if (job->type == NNOPT_UINT8)
        job->set->max_u8(&windows, from, to);
    else
        job->set->max_i8(&windows, from, to);
}

/* Output columns [*begin, *end) whose windows lie on data from end to end. */
static void find_inner(const nn_window_axis *width, int64_t *begin, int64_t *end) {
    const int64_t room = width->in - 1 - (width->kernel - 1) * width->dilation + width->pad_begin;
    *begin = nn_divide_up(width->pad_begin, width->stride);
    *end = room < 0 ? 0 : room / width->stride + 1;
    if (*begin > width->out) *begin = width->out;
    if (*end > width->out) *end = width->out;
    if (*end < *begin) *end = *begin;
}

/* The next output row: height, depth, plane (an image, or a channel of it). */
static void next_row(const nn_window_axis *axes, int64_t at[2], int64_t *plane) {
    if (++at[1] < axes[1].out) return;
    at[1] = 0;
    if (++at[0] < axes[0].out) return;
    at[0] = 0;
    ++*plane;
}

/* Output rows, counted over batch and depth. Windows that lie on data from end to end go together,
 * the others one by one. */
static void run_rows(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const pool_job *job = argument;
    const nn_pool_geometry *g = &job->geometry;
    const nn_window_axis *axes = g->axes, *width = &axes[NN_WIDTH];
    const int64_t pixel = g->in_pitch * job->element, out_pixel = g->out_pitch * job->element;
    int64_t inner, inner_end, image = begin / axes[1].out / axes[0].out;
    int64_t at[2] = {begin / axes[1].out % axes[0].out, begin % axes[1].out};
    find_inner(width, &inner, &inner_end);
    for (int64_t i = begin; i < end; i++, next_row(axes, at, &image)) {
        int64_t offset;
        const nn_pool_view view = row_view(job, at, &offset);
        const char *x = job->x + image * g->in_pixels * pixel + offset * job->element;
        char *y = job->y + i * width->out * out_pixel;
        for (int64_t o = 0; o < inner; o++) pool_pixels(job, at, &view, x, o, o + 1, y);
        if (inner < inner_end) pool_pixels(job, at, &view, x, inner, inner_end, y);
        for (int64_t o = inner_end; o < width->out; o++)
            pool_pixels(job, at, &view, x, o, o + 1, y);
    }
}

/* ---- windows, standard order ---- */

/* One row of outputs: the windows of all have these planes and rows. */
typedef struct pool_row {
    nn_pool_view view;
    int64_t divisor; /* along depth and height, for averages */
    const char *x;   /* row of the first tap */
    char *y;
} pool_row;

/* `count` outputs whose windows have this view. */
static void pool_row_with(const pool_job *job, const nn_pool_view *view, const void *x, void *y,
                          int64_t count, int64_t divisor) {
    const int64_t stride = job->geometry.axes[NN_WIDTH].stride;
    if (job->average)
        job->set->average_row_f32(view, x, stride, y, count,
                                  divisor > 0 ? 1.0f / (float)divisor : 0);
    else if (job->type == NNOPT_FLOAT)
        job->set->max_row_f32(view, x, stride, y, count);
    else if (job->type == NNOPT_UINT8)
        job->set->max_row_u8(view, x, stride, y, count);
    else
        job->set->max_row_i8(view, x, stride, y, count);
}

/* Outputs [begin, end) of a row, whose windows have the same taps along the width. */
static void pool_outputs(const pool_job *job, const pool_row *row, int64_t begin, int64_t end) {
    const nn_window_axis *width = &job->geometry.axes[NN_WIDTH];
    nn_pool_view view = row->view;
    int64_t first, last;
    nn_pool_taps(width, begin, &first, &last);
    view.columns = view.planes > 0 ? last - first : 0;
    int64_t start = begin * width->stride - width->pad_begin + first * width->dilation;
    if (view.columns == 0) view.planes = start = 0;
    const char *x = row->x + start * job->element;
    char *y = row->y + begin * job->element;
    const int64_t divisor =
        job->average ? row->divisor * nn_pool_divisor(width, begin, job->count_include_pad) : 0;
    pool_row_with(job, &view, x, y, end - begin, divisor);
}

/* The row at a depth and height of plane `plane` of x. */
static pool_row row_at(const pool_job *job, int64_t plane, const int64_t at[2]) {
    const nn_window_axis *axes = job->geometry.axes;
    const int64_t steps[2] = {axes[1].in * axes[2].in, axes[2].in};
    pool_row row = {.divisor = 1};
    int64_t offset = plane * job->geometry.in_pixels, counts[2];
    for (int i = 0; i < 2; i++) {
        int64_t first, last;
        nn_pool_taps(&axes[i], at[i], &first, &last);
        counts[i] = last - first;
        offset +=
            (at[i] * axes[i].stride - axes[i].pad_begin + first * axes[i].dilation) * steps[i];
        if (job->average) row.divisor *= nn_pool_divisor(&axes[i], at[i], job->count_include_pad);
    }
    bool empty = counts[0] == 0 || counts[1] == 0;
    row.x = job->x + (empty ? 0 : offset) * job->element;
    row.view = (nn_pool_view){.planes = empty ? 0 : counts[0],
                              .rows = counts[1],
                              .plane_step = steps[0] * axes[0].dilation,
                              .row_step = steps[1] * axes[1].dilation,
                              .column_step = axes[2].dilation};
    return row;
}

/* What rows have in common whose windows lie on data from end to end. */
typedef struct inner_rows {
    bool exist; /* for all columns */
    int64_t begin[2], end[2];
    nn_pool_view view;
    int64_t divisor;
} inner_rows;

static inner_rows find_inner_rows(const pool_job *job) {
    const nn_window_axis *axes = job->geometry.axes;
    inner_rows out = {.divisor = 1};
    int64_t begin, end;
    for (int i = 0; i < 2; i++) find_inner(&axes[i], &out.begin[i], &out.end[i]);
    find_inner(&axes[NN_WIDTH], &begin, &end);
    out.exist = begin == 0 && end == axes[NN_WIDTH].out;
    for (int i = 0; i < NN_MAX_SPATIAL; i++) out.divisor *= axes[i].kernel;
    out.view = (nn_pool_view){.planes = axes[0].kernel,
                              .rows = axes[1].kernel,
                              .columns = axes[2].kernel,
                              .plane_step = axes[1].in * axes[2].in * axes[0].dilation,
                              .row_step = axes[2].in * axes[1].dilation,
                              .column_step = axes[2].dilation};
    return out;
}

static bool is_inner(const inner_rows *inner, const int64_t at[2]) {
    return inner->exist && at[0] >= inner->begin[0] && at[0] < inner->end[0] &&
           at[1] >= inner->begin[1] && at[1] < inner->end[1];
}

/* First element that the windows of such a row see. */
static int64_t inner_place(const pool_job *job, int64_t plane, const int64_t at[2]) {
    const nn_window_axis *axes = job->geometry.axes;
    const int64_t depth = at[0] * axes[0].stride - axes[0].pad_begin;
    const int64_t height = at[1] * axes[1].stride - axes[1].pad_begin;
    return ((plane * axes[0].in + depth) * axes[1].in + height) * axes[2].in - axes[2].pad_begin;
}

/* Output rows, counted over batch, channels and depth. Windows that lie on data from end to end go
 * together, the others one by one. */
static void run_plane_rows(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const pool_job *job = argument;
    const nn_window_axis *axes = job->geometry.axes, *width = &axes[NN_WIDTH];
    const inner_rows inside = find_inner_rows(job);
    int64_t inner, inner_end;
    find_inner(width, &inner, &inner_end);
    int64_t plane = begin / axes[1].out / axes[0].out;
    int64_t at[2] = {begin / axes[1].out % axes[0].out, begin % axes[1].out};
    for (int64_t i = begin; i < end; i++, next_row(axes, at, &plane)) {
        char *y = job->y + i * width->out * job->element;
        if (is_inner(&inside, at)) {
            pool_row_with(job, &inside.view, job->x + inner_place(job, plane, at) * job->element, y,
                          width->out, inside.divisor);
            continue;
        }
        pool_row row = row_at(job, plane, at);
        row.y = y;
        for (int64_t o = 0; o < inner; o++) pool_outputs(job, &row, o, o + 1);
        if (inner < inner_end) pool_outputs(job, &row, inner, inner_end);
        for (int64_t o = inner_end; o < width->out; o++) pool_outputs(job, &row, o, o + 1);
    }
}

static nn_status run_windows(const nn_call *call, bool average) {
    const nn_pool_attrs *attrs = call->node->attrs;
    pool_job job = {
        .geometry = nn_pool_geometry_of(call->node),
        .set = functions_of(call),
        .type = call->in[0]->type,
        .average = average,
        .count_include_pad = attrs->count_include_pad,
        .x = call->in[0]->data,
        .y = call->out[0]->data,
        .element = nn_type_bits(call->in[0]->type) / 8,
    };
    const nn_pool_geometry *g = &job.geometry;
    bool standard = call->layout == NN_LAYOUT_STANDARD;
    /* Few channels are whole shorter vectors, or leave less of them empty. */
    if (!standard && job.type == NNOPT_FLOAT && job.set->narrow != NULL &&
        g->channels <= job.set->narrow->lanes)
        job.set = job.set->narrow;
    int64_t rows = g->batch * g->axes[NN_DEPTH].out * g->axes[NN_HEIGHT].out;
    int64_t row = g->axes[NN_WIDTH].out;
    if (standard)
        rows *= g->channels;
    else
        row *= g->channels;
    nn_parallel(call->pool, rows, row > 0 ? nn_divide_up(WORK_PER_UNIT, row) : 1,
                standard ? run_plane_rows : run_rows, &job);
    return NN_OK;
}

static nn_status run_max(const nn_call *call) {
    return run_windows(call, false);
}

static nn_status run_average(const nn_call *call) {
    return run_windows(call, true);
}

/* ---- whole planes ---- */

typedef struct global_job {
    const nn_pooling *set;
    int64_t channels, out_pitch, blocks;
    nn_pool_view view;
    nn_type type;
    const char *x;
    char *y;
    int64_t element; /* bytes */
    float scale;
    int64_t parts; /* of each image */
    float *sums;   /* of them */
} global_job;

static void run_global_blocks(const global_job *job, int64_t begin, int64_t end, bool average) {
    int64_t image_size = job->view.planes * job->view.plane_step;
    for (int64_t i = begin; i < end; i++) {
        int64_t image = i / job->blocks, c = i % job->blocks * GLOBAL_BLOCK;
        int64_t count = job->channels - c < GLOBAL_BLOCK ? job->channels - c : GLOBAL_BLOCK;
        const void *x = job->x + (image * image_size + c) * job->element;
        void *y = job->y + (image * job->out_pitch + c) * job->element;
        const bool is_bf16 = job->type == NNOPT_BFLOAT16;
        const nn_pool_windows plane = {.view = job->view, .channels = count, .count = 1};
        if (average && is_bf16)
            job->set->average_bf16(&plane, x, y, job->scale);
        else if (average)
            job->set->average_f32(&plane, x, y, job->scale);
        else if (is_bf16)
            job->set->max_bf16(&plane, x, y);
        else
            job->set->max_f32(&plane, x, y);
    }
}

static void run_global_max_blocks(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    run_global_blocks(argument, begin, end, false);
}

static void run_global_average_blocks(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    run_global_blocks(argument, begin, end, true);
}

/* In standard order a plane lies in one piece; averages add pieces of it in double, so that no
 * float adds up too many. */
typedef struct plane_job {
    const nn_pooling *set;
    const float *x;
    float *y;
    int64_t pixels;
    bool average;
} plane_job;

static void run_planes(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const plane_job *job = argument;
    const int64_t pixels = job->pixels;
    const float *x = job->x + begin * pixels;
    float *y = job->y + begin;
    if (job->average && pixels <= PLANE_PIECE) {
        job->set->rows->sum_rows(x, pixels, y, end - begin);
        job->set->rows->scale(y, pixels > 0 ? 1 / (float)pixels : 0, 0, y, end - begin);
        return;
    }
    for (int64_t i = begin; i < end; i++, x += pixels, y++) {
        double sum = 0;
        for (int64_t k = 0; k < pixels && job->average; k += PLANE_PIECE)
            sum += job->set->rows->sum(x + k, pixels - k < PLANE_PIECE ? pixels - k : PLANE_PIECE);
        *y = job->average ? (float)(sum / (double)pixels) : job->set->max_plane_f32(x, pixels);
    }
}

static nn_status run_global_standard(const nn_call *call, bool average) {
    const nn_tensor *x = call->in[0];
    plane_job job = {functions_of(call), x->data, call->out[0]->data, 1, average};
    for (int i = 2; i < x->rank; i++) job.pixels *= x->dims[i];
    int64_t grain = job.pixels > 0 ? nn_divide_up(4 * WORK_PER_UNIT, job.pixels) : 1;
    nn_parallel(call->pool, x->dims[0] * x->dims[1], grain, run_planes, &job);
    return NN_OK;
}

/* Channels last: N, spatial axes, C. */
static global_job global_job_of(const nn_call *call) {
    const nn_tensor *x = call->in[0];
    int64_t channels = x->dims[x->rank - 1], columns = x->dims[x->rank - 2], rows = 1;
    const int64_t pitch = nn_view_in_pitch(call->node, 0, channels);
    for (int i = 1; i < x->rank - 2; i++) rows *= x->dims[i];
    return (global_job){
        .set = functions_of(call),
        .channels = channels,
        .out_pitch = nn_view_out_pitch(call->node, 0, channels),
        .blocks = nn_divide_up(channels, GLOBAL_BLOCK),
        .view = {1, rows, columns, rows * columns * pitch, columns * pitch, pitch},
        .type = x->type,
        .x = x->data,
        .y = call->out[0]->data,
        .element = nn_type_bits(x->type) / 8,
        .scale = rows * columns > 0 ? 1.0f / (float)(rows * columns) : 0,
    };
}

static nn_status run_global(const nn_call *call, nn_task task, bool average) {
    if (call->layout == NN_LAYOUT_STANDARD) return run_global_standard(call, average);
    global_job job = global_job_of(call);
    nn_parallel(call->pool, call->in[0]->dims[0] * job.blocks, 1, task, &job);
    return NN_OK;
}

static nn_status run_global_max(const nn_call *call) {
    return run_global(call, run_global_max_blocks, false);
}

/* ---- averages of large images ---- */

/* Threads sum rows of an image, mostly those that they made themselves: what another core wrote
 * comes at a fifth of the speed. Sums of parts [image][part][channels] stand in the workspace. As
 * many parts on any number of threads, so that results do not depend on it. */
static int64_t parts_of(const nn_node_view *node, const nn_target *target) {
    const nn_fact *x = node->in[0];
    const bool large = nn_fact_count(x) / nn_max(x->dims[0], 1) >= PARTED_IMAGE;
    const bool several = target->threads > 1 || target->deterministic;
    return several && large && x->type == NNOPT_FLOAT && x->rank > 3 && x->dims[2] >= IMAGE_PARTS
               ? IMAGE_PARTS
               : 0;
}

static nn_status prepare_global_average(const nn_node_view *node, const nn_target *target,
                                        nn_prepare *services, const nn_pooling *set) {
    const nn_fact *x = node->in[0];
    const int64_t parts = parts_of(node, target);
    nn_prepare_workspace(services, (size_t)(x->dims[0] * parts * x->dims[1]) * sizeof(float));
    return remember(services, set, parts);
}

static void sum_parts(void *argument, int64_t begin, int64_t end, int worker) {
    const global_job *job = argument;
    const nn_pool_view *view = &job->view;
    (void)worker;
    for (int64_t i = begin; i < end; i++) {
        const int64_t image = i / job->parts, part = i % job->parts;
        const int64_t first = view->rows * part / job->parts;
        const int64_t last = view->rows * (part + 1) / job->parts;
        nn_pool_windows rows = {.view = *view, .channels = job->channels, .count = 1};
        rows.view.rows = last - first;
        const float *x = (const float *)job->x + image * view->plane_step + first * view->row_step;
        job->set->average_f32(&rows, x, job->sums + i * job->channels, 1);
    }
}

static nn_status run_global_parts(const nn_call *call, int64_t parts) {
    global_job job = global_job_of(call);
    const nn_pool_windows sums = {
        .view = {1, parts, 1, parts * job.channels, job.channels, job.channels},
        .channels = job.channels,
        .count = 1,
    };
    job.parts = parts;
    job.sums = call->workspace;
    nn_parallel(call->pool, call->in[0]->dims[0] * parts, 1, sum_parts, &job);
    for (int64_t image = 0; image < call->in[0]->dims[0]; image++)
        job.set->average_f32(&sums, job.sums + image * parts * job.channels,
                             (float *)job.y + image * job.out_pitch, job.scale);
    return NN_OK;
}

static nn_status run_global_average(const nn_call *call) {
    const pool_state *state = call->state;
    if (state->parts > 0 && call->layout != NN_LAYOUT_STANDARD)
        return run_global_parts(call, state->parts);
    return run_global(call, run_global_average_blocks, true);
}

/* ---- kernels ---- */

static bool has_layouts(const nn_node_view *node) {
    int rank = node->in[0]->rank;
    return rank >= 3 && rank <= NN_MAX_SPATIAL + 2 && nn_epilogue_is_empty(&node->epilogue);
}

static bool accepts_float(const nn_node_view *node, const nn_target *target) {
    (void)target;
    return has_layouts(node) && node->in[0]->type == NNOPT_FLOAT;
}

static bool accepts_max(const nn_node_view *node, const nn_target *target) {
    nn_type type = node->in[0]->type;
    bool wants_indices = node->out_count > 1 && node->out[1] != NULL;
    (void)target;
    return has_layouts(node) && !wants_indices &&
           (type == NNOPT_FLOAT || type == NNOPT_UINT8 || type == NNOPT_INT8);
}

#define POOL_KERNEL(stem, set, level, exact, accepts_node, prepare_node, run_node)                 \
    const nn_kernel nn_kernel_##stem##_##set = {                                                   \
        .name = #stem "_" #set,                                                                    \
        .isa = level,                                                                              \
        .exactness = exact,                                                                        \
        .layout = NN_LAYOUT_ANY,                                                                   \
        .layout_inputs = 1,                                                                        \
        .pitched_inputs = 1,                                                                       \
        .pitched_output = true,                                                                    \
        .accepts = accepts_node,                                                                   \
        .prepare = prepare_node##_##set,                                                           \
        .run = run_node,                                                                           \
    };

#define POOL_KERNELS(set, level)                                                                   \
    static nn_status prepare_##set(const nn_node_view *node, const nn_target *target,              \
                                   nn_prepare *services) {                                         \
        (void)node;                                                                                \
        (void)target;                                                                              \
        return remember(services, &nn_pooling_##set, 0);                                           \
    }                                                                                              \
    static nn_status prepare_average_##set(const nn_node_view *node, const nn_target *target,      \
                                           nn_prepare *services) {                                 \
        return prepare_global_average(node, target, services, &nn_pooling_##set);                  \
    }                                                                                              \
    POOL_KERNEL(max_pool, set, level, NN_EXACT, accepts_max, prepare, run_max)                     \
    POOL_KERNEL(average_pool_f32, set, level, NN_ROUNDING, accepts_float, prepare, run_average)    \
    POOL_KERNEL(global_max_pool_f32, set, level, NN_EXACT, accepts_float, prepare, run_global_max) \
    POOL_KERNEL(global_average_pool_f32, set, level, NN_ROUNDING, accepts_float, prepare_average,  \
                run_global_average)

POOL_KERNELS(portable, NN_ISA_PORTABLE)
#if defined(__x86_64__)
POOL_KERNELS(avx2, NN_ISA_AVX2)
POOL_KERNELS(avx512, NN_ISA_AVX512)

static bool accepts_bf16(const nn_node_view *node, const nn_target *target) {
    bool wants_indices = node->out_count > 1 && node->out[1] != NULL;
    (void)target;
    return has_layouts(node) && !wants_indices && node->in[0]->type == NNOPT_BFLOAT16 &&
           node->out[0]->type == NNOPT_BFLOAT16;
}

/* Plans in bf16 have their maps channels last. */
#    define POOL_BF16_KERNEL(stem, exact, run_node)                                                \
        const nn_kernel nn_kernel_##stem##_bf16_avx512 = {                                         \
            .name = #stem "_bf16_avx512",                                                          \
            .isa = NN_ISA_AVX512,                                                                  \
            .precision = NN_PRECISION_BF16,                                                        \
            .exactness = exact,                                                                    \
            .layout = NN_LAYOUT_CHANNELS_LAST,                                                     \
            .layout_inputs = 1,                                                                    \
            .accepts = accepts_bf16,                                                               \
            .prepare = prepare_avx512,                                                             \
            .run = run_node,                                                                       \
        };
POOL_BF16_KERNEL(max_pool, NN_EXACT, run_max)
POOL_BF16_KERNEL(average_pool, NN_ROUNDING, run_average)
POOL_BF16_KERNEL(global_max_pool, NN_EXACT, run_global_max)
POOL_BF16_KERNEL(global_average_pool, NN_ROUNDING, run_global_average)
#endif
