/* DepthwiseBlock on channels-last floats, in bands of output rows: the rows of the expanded map
 * that a band reads are made into a ring that stays in L2, filtered there, and multiplied by the
 * last convolution while they are in L1. Nothing of the expanded map goes to memory. */
#include "base/integers.h"
#include "ops/cpu/kernels.h"

#include "ops/cpu/float32/depthwise/depthwise_rows_f32.h"
#include "ops/cpu/float32/direct/direct_operands.h"
#include "ops/family/depthwise_block.h"

#include <stdio.h>

enum {
    UNITS_PER_THREAD = 4,
    UNIT_OF_BOTH = 16,   /* a unit has so many times the rows that it shares with its neighbour */
    PROJECT_PIXELS = 56, /* that are projected at once, at least: four tiles of 14 */
    LEAST_RING_BYTES = 256 << 10,
};

typedef struct block_set {
    const nn_tiles_f32 *tiles;
    const nn_depthwise_f32 *depthwise;
} block_set;

typedef struct block_state {
    bool expands, projects;
    bool expands_pixels; /* by a 1x1 convolution, row by row of the map */
    bool in_planes;
    int64_t in_channels, channels, out_channels;
    int64_t in_floats; /* of an image */
    nn_direct_plan expand, project;
    nn_direct_operands expand_operands, project_operands;
    nn_depthwise_plan depthwise;
    const float *w, *bias; /* of the depthwise convolution */
    int64_t band_rows;     /* output rows that are done from one state of the ring */
    int64_t parts;         /* of the channels, each a unit's */
    int64_t unit_rows;     /* those that a thread does one after the other */
    int64_t image_units;   /* units of rows in an image */
    int64_t held;          /* rows of the expanded map in the ring */
    int64_t group_rows;    /* output rows that are projected at once */
    size_t ring_at, filtered_at, expand_at, project_at, worker_bytes; /* of a worker's workspace */
} block_state;

static bool is_constant(const nn_node_view *node, int index) {
    return nn_view_in(node, index) == NULL || nn_view_constant(node, index) != NULL;
}

static bool accepts(const nn_node_view *node, const nn_target *target) {
    if (target->precision != NN_PRECISION_FP32 || node->out[0]->type != NNOPT_FLOAT ||
        nn_fact_count(node->out[0]) <= 0 || nn_fact_count(node->in[NN_BLOCK_X]) <= 0)
        return false;
    for (int i = NN_BLOCK_W; i < NN_BLOCK_INPUTS; i++)
        if (!is_constant(node, i)) return false;
    const nn_depthwise_block_attrs *attrs = node->attrs;
    if (nn_view_in(node, NN_BLOCK_EXPAND_W) == NULL) return !attrs->in_planes;
    const nn_conv_geometry expand = nn_depthwise_block_expand_geometry(node);
    if (nn_direct_is_pointwise(expand.axes)) return !attrs->in_planes;
    /* nn_direct_run_rows; rows of planes are read where a kernel's row is more than a number */
    return expand.axes[NN_WIDTH].out > 1 && (!attrs->in_planes || expand.axes[NN_WIDTH].kernel > 1);
}

static uint32_t standard_inputs(const nn_node_view *node) {
    const nn_depthwise_block_attrs *attrs = node->attrs;
    return attrs->in_planes ? 1u << NN_BLOCK_X : 0;
}

/* ---- plan ---- */

static size_t reserve(size_t *total, size_t bytes) {
    size_t at = *total;
    *total += nn_aligned(bytes);
    return at;
}

static int64_t at_least_one(int64_t count) {
    return count > 1 ? count : 1;
}

/* Rows that output rows [first, first + count) reach, those outside too. */
static int64_t rows_under(const nn_window_axis *height, int64_t count) {
    return (count - 1) * height->stride + (height->kernel - 1) * height->dilation + 1;
}

/* Units of rows that one image should make. Neighbours expand the rows that both reach, each for
 * itself: more units than there must be (`fewest`) only where that is little. */
static int64_t row_pieces(const block_state *state, const nn_conv_geometry *g, int threads,
                          int64_t fewest) {
    const nn_window_axis *height = &g->axes[NN_HEIGHT];
    const int64_t both = (height->kernel - 1) * height->dilation;
    int64_t pieces = threads > 1 ? at_least_one(threads * UNITS_PER_THREAD / g->batch) : 1;
    if (state->expands && pieces > fewest) {
        const int64_t most = height->in / at_least_one(UNIT_OF_BOTH * both) / threads * threads;
        if (pieces > most) pieces = most > fewest ? most : fewest;
    }
    return pieces;
}

/* What makes `rows` rows of the expanded map. */
static nn_direct_problem expansion(const block_state *state, const nn_conv_geometry *expand,
                                   int64_t rows) {
    if (state->expands_pixels) {
        nn_direct_problem pixels = nn_direct_product(rows * expand->axes[NN_WIDTH].in,
                                                     state->channels, state->in_channels);
        pixels.compares_rows = false;
        return pixels;
    }
    const int64_t in_channels = state->in_planes ? 1 : state->in_channels;
    nn_direct_problem problem = {
        .images = 1,
        .groups = 1,
        .k = in_channels,
        .columns = state->channels,
        .in_pitch = in_channels,
    };
    memcpy(problem.axes, expand->axes, sizeof problem.axes);
    /* Planes are those of a volume of one channel, all of which the kernel reaches. */
    if (state->in_planes)
        problem.axes[NN_DEPTH] = (nn_window_axis){.in = state->in_channels,
                                                  .out = 1,
                                                  .kernel = state->in_channels,
                                                  .stride = 1,
                                                  .dilation = 1};
    nn_direct_dense_output(&problem, state->channels);
    return problem;
}

/* Parts of the channels for the threads, as even as the panels of the expansion allow, where units
 * of rows would expand much twice. A projection needs all channels. */
static int64_t choose_parts(const block_state *state, const nn_conv_geometry *g,
                            const nn_conv_geometry *expand_geometry, const nn_tiles_f32 *tiles,
                            int threads) {
    if (!state->expands || state->projects || g->batch >= threads) return 1;
    if (row_pieces(state, g, threads, 1) > 1) return 1;
    const nn_direct_problem whole = expansion(state, expand_geometry, g->axes[NN_HEIGHT].in);
    nn_direct_plan expand;
    nn_direct_plan_make(&whole, tiles, 1, &(nn_epilogue){0}, &expand);
    if (expand.panels * expand.shape->columns != state->channels) return 1;
    int64_t parts = threads;
    while (threads % parts != 0 || expand.panels % parts != 0) parts--;
    return parts;
}

/* The filter, whose blocks of channels lie in one part each. */
static void plan_depthwise(block_state *state, const nn_conv_geometry *g,
                           const nn_conv_geometry *expand, const block_set *set,
                           const nn_epilogue *epilogue, int threads) {
    nn_depthwise_plan *plan = &state->depthwise;
    state->parts = choose_parts(state, g, expand, set->tiles, threads);
    nn_depthwise_plan_make(g, set->depthwise, epilogue, state->parts, plan);
    if (state->parts == 1 || state->channels / state->parts % plan->channel_block == 0) return;
    state->parts = 1;
    nn_depthwise_plan_make(g, set->depthwise, epilogue, 1, plan);
}

static void choose_units(block_state *state, int threads) {
    const nn_conv_geometry *g = &state->depthwise.geometry;
    const nn_window_axis *height = &g->axes[NN_HEIGHT];
    const int64_t fewest = nn_divide_up(threads, g->batch * state->parts);
    const int64_t pieces = state->parts > 1 ? fewest : row_pieces(state, g, threads, fewest);
    /* Rows that are done at once are the same ones for any number of units, and so are their bits.
     */
    state->unit_rows =
        nn_round_up(nn_divide_up(height->out, pieces), state->depthwise.rows_at_once);
    state->image_units = nn_divide_up(height->out, state->unit_rows);
}

static void choose_bands(block_state *state) {
    const nn_conv_geometry *g = &state->depthwise.geometry;
    const nn_window_axis *height = &g->axes[NN_HEIGHT], *width = &g->axes[NN_WIDTH];
    const int64_t l2 = nn_cpu_get()->l2_bytes > 0 ? nn_cpu_get()->l2_bytes : 1 << 20;
    const int64_t row_bytes = width->in * (state->channels / state->parts) * (int64_t)sizeof(float);
    /* An eighth for the ring: what the other steps read and write stays beside it. A small cache
     * gives half, since few rows at once cost more than what then leaves it. */
    const int64_t ring_bytes = nn_max(l2 / 8, nn_min(l2 / 2, LEAST_RING_BYTES));
    const int64_t fitting = ring_bytes / row_bytes - rows_under(height, 1);
    const int64_t at_once = state->depthwise.rows_at_once;
    state->band_rows = nn_round_up(at_least_one(fitting / height->stride + 1), at_once);
    if (state->band_rows > state->unit_rows) state->band_rows = state->unit_rows;
    state->held = height->in;
    if (state->expands && rows_under(height, state->band_rows) < height->in)
        state->held = rows_under(height, state->band_rows);
    state->group_rows = nn_round_up(at_least_one(PROJECT_PIXELS / width->out), at_once);
    if (state->group_rows > state->band_rows) state->group_rows = state->band_rows;
}

static void reserve_workspace(block_state *state) {
    const nn_window_axis *width = &state->depthwise.geometry.axes[NN_WIDTH];
    const size_t pixel = (size_t)state->channels * sizeof(float);
    reserve(&state->worker_bytes, state->depthwise.worker_bytes);
    if (state->expands) {
        state->ring_at = reserve(&state->worker_bytes, (size_t)(state->held * width->in) * pixel);
        state->expand_at = reserve(&state->worker_bytes, state->expand.worker_bytes);
    }
    if (state->projects) {
        state->filtered_at =
            reserve(&state->worker_bytes, (size_t)(state->group_rows * width->out) * pixel);
        state->project_at = reserve(&state->worker_bytes, state->project.worker_bytes);
    }
}

/* ---- preparing ---- */

static nn_status pack_depthwise(const nn_node_view *node, const void *argument, void *out) {
    nn_depthwise_pack(argument, nn_view_constant(node, NN_BLOCK_W)->data, out);
    return NN_OK;
}

static nn_status pack_depthwise_bias(const nn_node_view *node, const void *argument, void *out) {
    const nn_tensor *bias = nn_view_constant(node, NN_BLOCK_BIAS);
    nn_depthwise_pack_bias(argument, bias ? bias->data : NULL, out);
    return NN_OK;
}

static nn_status prepare_depthwise(nn_prepare *services, block_state *state) {
    const nn_depthwise_plan *plan = &state->depthwise;
    char variant[64];
    const void *packed;
    snprintf(variant, sizeof variant, "depthwise of %lld%s", (long long)plan->padded,
             plan->transforms ? ", transformed" : "");
    NN_TRY(nn_prepare_pack(services, 1u << NN_BLOCK_W, variant,
                           (size_t)nn_depthwise_packed_floats(plan) * sizeof(float), pack_depthwise,
                           plan, &packed));
    state->w = packed;
    snprintf(variant, sizeof variant, "bias of %lld", (long long)plan->padded);
    NN_TRY(nn_prepare_pack(services, 1u << NN_BLOCK_BIAS, variant,
                           (size_t)plan->padded * sizeof(float), pack_depthwise_bias, plan,
                           &packed));
    state->bias = packed;
    return NN_OK;
}

/* A convolution of `weights` weights a column, input `w`, whose bias is the next one. */
static nn_status prepare_conv(const nn_node_view *node, nn_prepare *services,
                              nn_direct_problem *problem, int w, int64_t weights,
                              const nn_tiles_f32 *tiles, const nn_epilogue *epilogue,
                              nn_direct_plan *plan, nn_direct_operands *operands) {
    size_t none; /* all is constant */
    nn_direct_plan_make(problem, tiles, 1, epilogue, plan);
    *operands = (nn_direct_operands){
        .w = w,
        .bias = w + 1,
        .source = {.column_step = weights,
                   .k_step = weights / problem->k,
                   .tap_step = 1,
                   .scale = 1},
        .bias_step = 1,
        .bias_scale = 1,
    };
    return nn_direct_operands_prepare(node, plan, services, operands, &none);
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *services,
                         const block_set *set) {
    const nn_depthwise_block_attrs *attrs = node->attrs;
    const nn_conv_geometry g = nn_depthwise_block_geometry(node);
    const nn_epilogue expand_work = nn_depthwise_block_behind_expand(attrs);
    const nn_epilogue depthwise_work = nn_depthwise_block_behind_depthwise(attrs);
    block_state *state = nn_prepare_state(services, sizeof *state);
    if (state == NULL) return nn_fail_memory(sizeof *state);
    state->expands = nn_view_in(node, NN_BLOCK_EXPAND_W) != NULL;
    state->projects = nn_view_in(node, NN_BLOCK_PROJECT_W) != NULL;
    const nn_fact *x = node->in[NN_BLOCK_X];
    nn_conv_geometry expand = {0};
    if (state->expands) expand = nn_depthwise_block_expand_geometry(node);
    state->expands_pixels = state->expands && nn_direct_is_pointwise(expand.axes);
    state->in_planes = attrs->in_planes;
    state->in_channels = x->dims[1];
    state->in_floats = x->dims[1] * x->dims[2] * x->dims[3];
    state->channels = g.out_channels;
    state->out_channels = node->out[0]->dims[1];
    plan_depthwise(state, &g, &expand, set, state->projects ? &depthwise_work : &node->epilogue,
                   target->threads);
    NN_TRY(prepare_depthwise(services, state));
    choose_units(state, target->threads);
    choose_bands(state);
    const nn_window_axis *width = &g.axes[NN_WIDTH];
    if (state->expands) {
        nn_direct_problem problem = expansion(state, &expand, state->held);
        problem.sharing = nn_direct_sharing(node, NN_BLOCK_EXPAND_W, target);
        NN_TRY(prepare_conv(node, services, &problem, NN_BLOCK_EXPAND_W,
                            expand.taps * state->in_channels, set->tiles, &expand_work,
                            &state->expand, &state->expand_operands));
    }
    if (state->projects) {
        nn_direct_problem problem =
            nn_direct_product(state->group_rows * width->out, state->out_channels, state->channels);
        problem.sharing = nn_direct_sharing(node, NN_BLOCK_PROJECT_W, target);
        problem.compares_rows = false;
        NN_TRY(prepare_conv(node, services, &problem, NN_BLOCK_PROJECT_W, state->channels,
                            set->tiles, &node->epilogue, &state->project,
                            &state->project_operands));
    }
    reserve_workspace(state);
    nn_prepare_workspace(services, state->worker_bytes * (size_t)target->threads);
    return NN_OK;
}

/* ---- running ---- */

typedef struct block_job {
    const block_state *state;
    const float *x, *residual;
    float *y;
    char *workers;
} block_job;

/* Expands rows [begin, end) of an image into the ring. */
static void expand_rows(const block_state *state, const float *image, int64_t begin, int64_t end,
                        int64_t part, char *own) {
    const int64_t panels = state->expand.panels / state->parts;
    const int64_t width = state->depthwise.geometry.axes[NN_WIDTH].in;
    float *ring = (float *)(own + state->ring_at);
    while (begin < end) {
        const int64_t place = begin % state->held;
        int64_t count = state->held - place;
        if (count > end - begin) count = end - begin;
        float *y = ring + place * width * state->channels;
        if (state->expands_pixels)
            nn_direct_run_pixels(&state->expand, state->expand_operands.packed,
                                 state->expand_operands.packed_bias,
                                 image + begin * width * state->in_channels, NULL, y, count * width,
                                 part * panels, (part + 1) * panels, own + state->expand_at);
        else
            nn_direct_run_rows(&state->expand, state->expand_operands.packed,
                               state->expand_operands.packed_bias, image, y, begin, begin + count,
                               part * panels, (part + 1) * panels, own + state->expand_at);
        begin += count;
    }
}

/* Output rows [begin, end), few enough for one projection; their input rows are there. */
static void filter_rows(const block_job *job, int64_t image, int64_t begin, int64_t end,
                        int64_t part, char *own) {
    const block_state *state = job->state;
    const int64_t blocks = state->depthwise.channel_blocks / state->parts;
    const nn_conv_geometry *g = &state->depthwise.geometry;
    const int64_t width = g->axes[NN_WIDTH].out;
    const int64_t at = (image * g->axes[NN_HEIGHT].out + begin) * width * state->out_channels;
    float *filtered = state->projects ? (float *)(own + state->filtered_at) : job->y + at;
    const float *residual = job->residual ? job->residual + at : NULL;
    nn_depthwise_row_call row = {
        .x = state->expands ? (const float *)(own + state->ring_at)
                            : job->x + image * state->in_floats,
        .held = state->held,
        .w = state->w,
        .bias = state->bias,
        .y_row = width * state->channels,
    };
    for (row.height = begin; row.height < end; row.height += row.rows) {
        const int64_t offset = (row.height - begin) * row.y_row;
        row.rows = (int)nn_min(state->depthwise.rows_at_once, end - row.height);
        row.y = filtered + offset;
        row.residual = residual != NULL && !state->projects ? residual + offset : NULL;
        for (int64_t block = part * blocks; block < (part + 1) * blocks; block++)
            nn_depthwise_run_rows(&state->depthwise, &row, block, own);
    }
    if (state->projects)
        nn_direct_run_pixels(&state->project, state->project_operands.packed,
                             state->project_operands.packed_bias, filtered, residual, job->y + at,
                             (end - begin) * width, 0, state->project.panels,
                             own + state->project_at);
}

/* A part of the channels of output rows [begin, end) of an image, band by band. */
static void run_bands(const block_job *job, int64_t image, int64_t begin, int64_t end, int64_t part,
                      char *own) {
    const block_state *state = job->state;
    const nn_conv_geometry *g = &state->depthwise.geometry;
    const nn_window_axis *height = &g->axes[NN_HEIGHT];
    const float *x = job->x + image * state->in_floats;
    int64_t there = 0; /* rows before this one were expanded */
    if (state->in_planes)
        nn_direct_prefetch_rows(&state->expand, x,
                                nn_max(begin * height->stride - height->pad_begin, 0));
    for (int64_t first = begin; first < end; first += state->band_rows) {
        const int64_t last = first + state->band_rows < end ? first + state->band_rows : end;
        int64_t from = first * height->stride - height->pad_begin;
        int64_t to = from + rows_under(height, last - first);
        if (from < there) from = there;
        if (to > height->in) to = height->in;
        if (state->expands && from < to) expand_rows(state, x, from, to, part, own);
        if (to > there) there = to;
        for (int64_t row = first; row < last; row += state->group_rows) {
            int64_t group_end = row + state->group_rows;
            filter_rows(job, image, row, group_end < last ? group_end : last, part, own);
        }
    }
}

static void run_units(void *argument, int64_t begin, int64_t end, int worker) {
    const block_job *job = argument;
    const block_state *state = job->state;
    const int64_t rows = state->depthwise.geometry.axes[NN_HEIGHT].out;
    char *own = job->workers + state->worker_bytes * (size_t)worker;
    nn_depthwise_start(&state->depthwise, own);
    for (int64_t i = begin; i < end; i++) {
        const int64_t unit = i / state->parts;
        const int64_t first = unit % state->image_units * state->unit_rows;
        const int64_t last = nn_min(first + state->unit_rows, rows);
        run_bands(job, unit / state->image_units, first, last, i % state->parts, own);
    }
}

static nn_status run(const nn_call *call) {
    const block_state *state = call->state;
    block_job job = {
        .state = state,
        .x = call->in[NN_BLOCK_X]->data,
        .residual = nn_call_residual_data(call),
        .y = call->out[0]->data,
        .workers = call->workspace,
    };
    nn_parallel(call->pool, state->parts * state->image_units * state->depthwise.geometry.batch, 1,
                run_units, &job);
    return NN_OK;
}

#define KERNEL(set, level)                                                                         \
    static nn_status prepare_##set(const nn_node_view *node, const nn_target *target,              \
                                   nn_prepare *services) {                                         \
        static const block_set functions = {&nn_tiles_f32_##set, &nn_depthwise_f32_##set};         \
        return prepare(node, target, services, &functions);                                        \
    }                                                                                              \
    const nn_kernel nn_kernel_depthwise_block_f32_##set = {                                        \
        .name = "depthwise_block_f32_" #set,                                                       \
        .isa = level,                                                                              \
        .exactness = NN_ROUNDING,                                                                  \
        .layout = NN_LAYOUT_CHANNELS_LAST,                                                         \
        .layout_inputs = 1 << NN_BLOCK_X,                                                          \
        .standard_inputs = standard_inputs,                                                        \
        .in_place = 1 << NN_BLOCK_INPUTS, /* the residual */                                       \
        .reads_pieces = 1 << NN_BLOCK_EXPAND_W | 1 << NN_BLOCK_PROJECT_W,                          \
        .accepts = accepts,                                                                        \
        .prepare = prepare_##set,                                                                  \
        .run = run,                                                                                \
    };

KERNEL(portable, NN_ISA_PORTABLE)
#if defined(__x86_64__)
KERNEL(avx2, NN_ISA_AVX2)
KERNEL(avx512, NN_ISA_AVX512)
#endif
