/* MaxPool, AveragePool and global pools of channels-last tensors. */
#include "ops/cpu/pooling.h"

#include "ops/cpu/kernels.h"
#include "ops/family/pooling.h"

typedef struct pool_job {
    nn_pool_geometry geometry;
    const nn_pooling *set;
    nn_type type;
    bool count_include_pad;
    const char *x;
    char *y;
    int64_t element; /* bytes */
} pool_job;

enum {
    GLOBAL_BLOCK = 256,   /* channels of a global pool that are a piece of work */
    WORK_PER_UNIT = 4096, /* output elements of a piece of work, at least */
};

/* Kernels keep the functions of their instruction set as state. */
static nn_status remember(nn_prepare *services, const nn_pooling *set) {
    const nn_pooling **state = nn_prepare_state(services, sizeof *state);
    if (state == NULL) return nn_fail_memory(sizeof *state);
    *state = set;
    return NN_OK;
}

static const nn_pooling *functions_of(const nn_call *call) {
    return *(const nn_pooling *const *)call->state;
}

static int64_t blocks_of(int64_t count, int64_t size) {
    return count / size + (count % size != 0);
}

/* ---- windows ---- */

/* What the windows along a row of the output share, and the place of the first tap of a window that
 * begins at column 0. */
static nn_pool_view row_view(const pool_job *job, const int64_t at[NN_MAX_SPATIAL],
                             int64_t *offset) {
    const nn_window_axis *axes = job->geometry.axes;
    const int64_t channels = job->geometry.channels;
    const int64_t steps[] = {axes[1].in * axes[2].in * channels, axes[2].in * channels};
    int64_t counts[2];
    *offset = 0;
    for (int i = 0; i < 2; i++) {
        int64_t first, last;
        nn_pool_taps(&axes[i], at[i], &first, &last);
        counts[i] = last - first;
        *offset +=
            (at[i] * axes[i].stride - axes[i].pad_begin + first * axes[i].dilation) * steps[i];
    }
    return (nn_pool_view){.planes = counts[0],
                          .rows = counts[1],
                          .plane_step = steps[0] * axes[0].dilation,
                          .row_step = steps[1] * axes[1].dilation,
                          .column_step = channels * axes[2].dilation};
}

/* Narrows the view to the window at column `column` and returns where that begins; an empty window
 * has no place. */
static int64_t narrow_view(const pool_job *job, int64_t column, nn_pool_view *view) {
    const nn_window_axis *axis = &job->geometry.axes[NN_WIDTH];
    int64_t start = column * axis->stride - axis->pad_begin, first = 0, last = axis->kernel;
    if (start < 0 || start + (axis->kernel - 1) * axis->dilation >= axis->in)
        nn_pool_taps(axis, column, &first, &last);
    view->columns = last - first;
    return (start + first * axis->dilation) * job->geometry.channels;
}

static void max_pixel(const pool_job *job, const nn_pool_view *view, const char *x, char *y) {
    const int64_t channels = job->geometry.channels;
    if (job->type == NNOPT_FLOAT)
        job->set->max_f32(view, (const float *)x, (float *)y, channels);
    else if (job->type == NNOPT_UINT8)
        job->set->max_u8(view, (const uint8_t *)x, (uint8_t *)y, channels);
    else
        job->set->max_i8(view, (const int8_t *)x, (int8_t *)y, channels);
}

static void average_pixel(const pool_job *job, const int64_t at[NN_MAX_SPATIAL],
                          const nn_pool_view *view, const char *x, char *y) {
    int64_t divisor = 1;
    for (int i = 0; i < NN_MAX_SPATIAL; i++)
        divisor *= nn_pool_divisor(&job->geometry.axes[i], at[i], job->count_include_pad);
    job->set->average_f32(view, (const float *)x, (float *)y, job->geometry.channels,
                          divisor > 0 ? 1.0f / (float)divisor : 0);
}

/* Output rows, counted over batch and depth. */
static void run_rows(const pool_job *job, int64_t begin, int64_t end, bool average) {
    const nn_pool_geometry *g = &job->geometry;
    const int64_t pixel = g->channels * job->element;
    for (int64_t i = begin; i < end; i++) {
        int64_t plane = i / g->axes[NN_HEIGHT].out, image = plane / g->axes[NN_DEPTH].out;
        int64_t at[NN_MAX_SPATIAL] = {plane % g->axes[NN_DEPTH].out, i % g->axes[NN_HEIGHT].out};
        const char *x = job->x + image * g->in_pixels * pixel;
        char *y = job->y + i * g->axes[NN_WIDTH].out * pixel;
        int64_t row;
        nn_pool_view view = row_view(job, at, &row);
        for (at[2] = 0; at[2] < g->axes[NN_WIDTH].out; at[2]++, y += pixel) {
            int64_t column = narrow_view(job, at[2], &view);
            bool is_empty = view.planes == 0 || view.rows == 0 || view.columns == 0;
            const char *first = is_empty ? x : x + (row + column) * job->element;
            nn_pool_view window = is_empty ? (nn_pool_view){0} : view;
            if (average)
                average_pixel(job, at, &window, first, y);
            else
                max_pixel(job, &window, first, y);
        }
    }
}

static void run_max_rows(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    run_rows(argument, begin, end, false);
}

static void run_average_rows(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    run_rows(argument, begin, end, true);
}

static nn_status run_windows(const nn_call *call, nn_task task) {
    const nn_pool_attrs *attrs = call->node->attrs;
    pool_job job = {
        .geometry = nn_pool_geometry_of(call->node),
        .set = functions_of(call),
        .type = call->in[0]->type,
        .count_include_pad = attrs->count_include_pad,
        .x = call->in[0]->data,
        .y = call->out[0]->data,
        .element = nn_type_bits(call->in[0]->type) / 8,
    };
    const nn_pool_geometry *g = &job.geometry;
    int64_t rows = g->batch * g->axes[NN_DEPTH].out * g->axes[NN_HEIGHT].out;
    int64_t row = g->axes[NN_WIDTH].out * g->channels;
    nn_parallel(call->pool, rows, row > 0 ? blocks_of(WORK_PER_UNIT, row) : 1, task, &job);
    return NN_OK;
}

static nn_status run_max(const nn_call *call) {
    return run_windows(call, run_max_rows);
}

static nn_status run_average(const nn_call *call) {
    return run_windows(call, run_average_rows);
}

/* ---- whole planes ---- */

typedef struct global_job {
    const nn_pooling *set;
    int64_t channels, blocks;
    nn_pool_view view;
    const float *x;
    float *y;
    float scale;
} global_job;

static void run_global_blocks(const global_job *job, int64_t begin, int64_t end, bool average) {
    int64_t image_size = job->view.planes * job->view.plane_step;
    for (int64_t i = begin; i < end; i++) {
        int64_t image = i / job->blocks, c = i % job->blocks * GLOBAL_BLOCK;
        int64_t count = job->channels - c < GLOBAL_BLOCK ? job->channels - c : GLOBAL_BLOCK;
        const float *x = job->x + image * image_size + c;
        float *y = job->y + image * job->channels + c;
        if (average)
            job->set->average_f32(&job->view, x, y, count, job->scale);
        else
            job->set->max_f32(&job->view, x, y, count);
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

/* Tensors come as N, spatial axes, C. */
static nn_status run_global(const nn_call *call, nn_task task) {
    const nn_tensor *x = call->in[0];
    int64_t channels = x->dims[x->rank - 1], columns = x->dims[x->rank - 2], rows = 1;
    for (int i = 1; i < x->rank - 2; i++) rows *= x->dims[i];
    global_job job = {
        .set = functions_of(call),
        .channels = channels,
        .blocks = blocks_of(channels, GLOBAL_BLOCK),
        .view = {1, rows, columns, rows * columns * channels, columns * channels, channels},
        .x = x->data,
        .y = call->out[0]->data,
        .scale = rows * columns > 0 ? 1.0f / (float)(rows * columns) : 0,
    };
    nn_parallel(call->pool, x->dims[0] * job.blocks, 1, task, &job);
    return NN_OK;
}

static nn_status run_global_max(const nn_call *call) {
    return run_global(call, run_global_max_blocks);
}

static nn_status run_global_average(const nn_call *call) {
    return run_global(call, run_global_average_blocks);
}

/* ---- kernels ---- */

static bool has_channels_last(const nn_node_view *node) {
    int rank = node->in[0]->rank;
    return rank >= 3 && rank <= NN_MAX_SPATIAL + 2 && nn_epilogue_is_empty(&node->epilogue);
}

static bool accepts_float(const nn_node_view *node, const nn_target *target) {
    (void)target;
    return has_channels_last(node) && node->in[0]->type == NNOPT_FLOAT;
}

static bool accepts_max(const nn_node_view *node, const nn_target *target) {
    nn_type type = node->in[0]->type;
    bool wants_indices = node->out_count > 1 && node->out[1] != NULL;
    (void)target;
    return has_channels_last(node) && !wants_indices &&
           (type == NNOPT_FLOAT || type == NNOPT_UINT8 || type == NNOPT_INT8);
}

#define POOL_KERNEL(stem, set, level, exact, accepts_node, run_node)                               \
    const nn_kernel nn_kernel_##stem##_##set = {                                                   \
        .name = #stem "_" #set,                                                                    \
        .isa = level,                                                                              \
        .exactness = exact,                                                                        \
        .layout = NN_LAYOUT_CHANNELS_LAST,                                                         \
        .layout_inputs = 1,                                                                        \
        .accepts = accepts_node,                                                                   \
        .prepare = prepare_##set,                                                                  \
        .run = run_node,                                                                           \
    };

#define POOL_KERNELS(set, level)                                                                   \
    static nn_status prepare_##set(const nn_node_view *node, const nn_target *target,              \
                                   nn_prepare *services) {                                         \
        (void)node;                                                                                \
        (void)target;                                                                              \
        return remember(services, &nn_pooling_##set);                                              \
    }                                                                                              \
    POOL_KERNEL(max_pool, set, level, NN_EXACT, accepts_max, run_max)                              \
    POOL_KERNEL(average_pool_f32, set, level, NN_ROUNDING, accepts_float, run_average)             \
    POOL_KERNEL(global_max_pool_f32, set, level, NN_EXACT, accepts_float, run_global_max)          \
    POOL_KERNEL(global_average_pool_f32, set, level, NN_ROUNDING, accepts_float, run_global_average)

POOL_KERNELS(portable, NN_ISA_PORTABLE)
#if defined(__x86_64__)
POOL_KERNELS(avx2, NN_ISA_AVX2)
POOL_KERNELS(avx512, NN_ISA_AVX512)
#endif
