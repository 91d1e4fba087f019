/* Depthwise convolution with bf16 in memory and float sums (depthwise_bf16.h), for plans of that
 * precision. */
#include "ops/cpu/bf16/depthwise_bf16.h"

#include "base/integers.h"
#include "ops/cpu/bf16/bf16_operands.h"
#include "ops/cpu/kernels.h"

#include <stdio.h>

enum {
    PIXELS = NN_DEPTHWISE_BF16_PIXELS,
    CHANNELS = NN_DEPTHWISE_BF16_CHANNELS,
    WORK_PER_UNIT = 4096, /* output elements that a thread takes at least */
};

static const nn_conv_inputs inputs = {.x = 0, .w = 1, .bias = 2};

typedef struct depthwise_state {
    nn_conv_geometry geometry;
    const uint32_t *packed; /* [tap][channels padded] */
    const float *packed_bias;
    int64_t padded;                  /* channels */
    int64_t kernel_rows, row_pixels; /* pointers that a tile needs for each kernel row */
    size_t zeros_bytes, pixels_bytes, worker_bytes; /* parts of the workspace, the first for all */
} depthwise_state;

static bool is_bf16(const nn_fact *fact) {
    return fact->type == NNOPT_BFLOAT16;
}

static bool accepts(const nn_node_view *node, const nn_target *target) {
    const nn_epilogue *epilogue = &node->epilogue;
    (void)target;
    if (!is_bf16(node->in[inputs.x]) || !is_bf16(node->out[0]) ||
        (epilogue->has_residual && !is_bf16(node->in[epilogue->residual])) ||
        nn_view_constant(node, inputs.w) == NULL || !nn_bf16_is_constant(node, inputs.w) ||
        !nn_bf16_is_constant(node, inputs.bias) || nn_fact_count(node->out[0]) <= 0 ||
        nn_fact_count(node->in[inputs.x]) <= 0)
        return false;
    nn_conv_geometry g = nn_conv_geometry_of(node, node->attrs, inputs);
    return g.groups > 1 && g.group_in_channels == 1 && g.group_out_channels == 1;
}

/* Of each 32 channels first those that are the first four of eight. */
static int64_t channel_at(int64_t place) {
    const int64_t lane = place % CHANNELS, upper = lane / (CHANNELS / 2);
    return place - lane + lane % (CHANNELS / 2) / 4 * 8 + upper * 4 + lane % 4;
}

static nn_status pack_weights(const nn_node_view *node, const void *argument, void *out) {
    const depthwise_state *state = argument;
    const nn_conv_geometry *g = &state->geometry;
    const float *w = nn_view_constant(node, inputs.w)->data;
    const int64_t width = g->axes[NN_WIDTH].kernel;
    uint32_t *packed = out;
    for (int64_t tap = 0; tap < g->taps; tap++)
        for (int64_t i = 0; i < state->padded; i++) {
            const int64_t c = channel_at(i);
            const float *own = w + c * g->taps + tap;
            uint32_t pair = 0;
            if (c < g->out_channels) pair = nn_float_to_bfloat16(*own);
            if (c < g->out_channels && tap + width < g->taps)
                pair |= (uint32_t)nn_float_to_bfloat16(own[width]) << 16;
            *packed++ = pair;
        }
    return NN_OK;
}

static nn_status pack_bias(const nn_node_view *node, const void *argument, void *out) {
    const depthwise_state *state = argument;
    const nn_tensor *bias = nn_view_constant(node, inputs.bias);
    float *packed = out;
    for (int64_t i = 0; i < state->padded; i++) {
        int64_t c = channel_at(i);
        bool given = bias != NULL && c < state->geometry.out_channels;
        *packed++ = given ? ((const float *)bias->data)[c] : 0;
    }
    return NN_OK;
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *services) {
    depthwise_state *state = nn_prepare_state(services, sizeof *state);
    if (state == NULL) return nn_fail_memory(sizeof *state);
    const nn_conv_geometry g = state->geometry = nn_conv_geometry_of(node, node->attrs, inputs);
    const nn_window_axis *width = &g.axes[NN_WIDTH];
    const void *packed;
    char variant[64];
    state->padded = nn_round_up(g.out_channels, CHANNELS);
    snprintf(variant, sizeof variant, "depthwise bf16 of %lld", (long long)state->padded);
    NN_TRY(nn_prepare_pack(services, 1u << inputs.w, variant,
                           (size_t)(g.taps * state->padded) * sizeof(uint32_t), pack_weights, state,
                           &packed));
    state->packed = packed;
    NN_TRY(nn_prepare_pack(services, 1u << inputs.bias, variant,
                           (size_t)state->padded * sizeof(float), pack_bias, state, &packed));
    state->packed_bias = packed;
    state->kernel_rows = g.axes[NN_DEPTH].kernel * g.axes[NN_HEIGHT].kernel;
    state->row_pixels = nn_depthwise_bf16_is_any(width->kernel, width->stride, width->dilation)
                            ? width->kernel * PIXELS
                            : (PIXELS - 1) * width->stride + width->kernel;
    state->zeros_bytes = nn_aligned(state->padded * (int64_t)sizeof(uint16_t));
    state->pixels_bytes =
        nn_aligned(state->kernel_rows * state->row_pixels * (int64_t)sizeof(void *));
    state->worker_bytes =
        state->pixels_bytes + nn_aligned(state->kernel_rows * (int64_t)sizeof(void *));
    nn_prepare_workspace(services,
                         state->zeros_bytes + state->worker_bytes * (size_t)target->threads);
    return NN_OK;
}

/* ---- running ---- */

typedef struct depthwise_job {
    const depthwise_state *state;
    const nn_epilogue *epilogue;
    const uint16_t *x, *residual, *zeros;
    uint16_t *y;
    char *workers;
    int64_t row_tiles;
} depthwise_job;

/* Pointers to what one kernel row reads of the input row `x` under the tile at `column`. */
static void fill_pixels(const depthwise_job *job, const uint16_t *x, int64_t column,
                        const uint16_t **pixels) {
    const nn_conv_geometry *g = &job->state->geometry;
    const nn_window_axis *width = &g->axes[NN_WIDTH];
    const bool any = nn_depthwise_bf16_is_any(width->kernel, width->stride, width->dilation);
    const int64_t first = column * width->stride - width->pad_begin;
    if (!any && first >= 0 && first + job->state->row_pixels <= width->in) {
        x += first * g->out_channels;
        for (int64_t i = 0; i < job->state->row_pixels; i++, x += g->out_channels) pixels[i] = x;
        return;
    }
    for (int64_t i = 0; i < job->state->row_pixels; i++) {
        int64_t at =
            any ? first + i % PIXELS * width->stride + i / PIXELS * width->dilation : first + i;
        pixels[i] = at >= 0 && at < width->in ? x + at * g->out_channels : job->zeros;
    }
}

/* Lists the kernel rows that lie on the input for output row (depth, height). */
static int64_t list_rows(const depthwise_job *job, const uint16_t *image, int64_t depth,
                         int64_t height, int64_t column, const uint16_t **pixels,
                         const uint32_t **rows) {
    const depthwise_state *state = job->state;
    const nn_conv_geometry *g = &state->geometry;
    const nn_window_axis *d = &g->axes[NN_DEPTH], *h = &g->axes[NN_HEIGHT];
    const nn_window_axis *w = &g->axes[NN_WIDTH];
    int64_t count = 0;
    for (int64_t kd = 0; kd < d->kernel; kd++)
        for (int64_t kh = 0; kh < h->kernel; kh++) {
            int64_t in_d = depth * d->stride - d->pad_begin + kd * d->dilation;
            int64_t in_h = height * h->stride - h->pad_begin + kh * h->dilation;
            if (in_d < 0 || in_d >= d->in || in_h < 0 || in_h >= h->in) continue;
            fill_pixels(job, image + (in_d * h->in + in_h) * w->in * g->out_channels, column,
                        pixels + count * state->row_pixels);
            rows[count++] = state->packed + (kd * h->kernel + kh) * w->kernel * state->padded;
        }
    return count;
}

/* Tiles, counted over batch, depth and rows. */
static void run_tiles(void *argument, int64_t begin, int64_t end, int worker) {
    const depthwise_job *job = argument;
    const depthwise_state *state = job->state;
    const nn_conv_geometry *g = &state->geometry;
    const nn_window_axis *width = &g->axes[NN_WIDTH];
    char *own = job->workers + state->worker_bytes * (size_t)worker;
    const uint16_t **pixels = (const uint16_t **)own;
    const uint32_t **rows = (const uint32_t **)(own + state->pixels_bytes);
    for (int64_t i = begin; i < end; i++) {
        const int64_t row = i / job->row_tiles, column = i % job->row_tiles * PIXELS;
        const int64_t plane = row / g->axes[NN_HEIGHT].out, image = plane / g->axes[NN_DEPTH].out;
        const int64_t left = width->out - column,
                      at = (row * width->out + column) * g->out_channels;
        nn_depthwise_bf16_tile tile = {
            .pixels = pixels,
            .rows = rows,
            .w_step = state->padded,
            .taps = width->kernel,
            .stride = width->stride,
            .dilation = width->dilation,
            .bias = state->packed_bias,
            .residual = job->residual != NULL ? job->residual + at : NULL,
            .y = job->y + at,
            .y_pitch = g->out_channels,
            .count = left < PIXELS ? (int)left : PIXELS,
            .channels = g->out_channels,
            .epilogue = job->epilogue,
        };
        tile.row_count = list_rows(job, job->x + image * g->in_pixels * g->out_channels,
                                   plane % g->axes[NN_DEPTH].out, row % g->axes[NN_HEIGHT].out,
                                   column, pixels, rows);
        nn_depthwise_bf16_run(&tile);
    }
}

static nn_status run(const nn_call *call) {
    const depthwise_state *state = call->state;
    const nn_conv_geometry *g = &state->geometry;
    const nn_epilogue *epilogue = &call->node->epilogue;
    memset(call->workspace, 0, state->zeros_bytes);
    depthwise_job job = {
        .state = state,
        .epilogue = epilogue,
        .x = call->in[inputs.x]->data,
        .residual = nn_call_residual_data(call),
        .zeros = call->workspace,
        .y = call->out[0]->data,
        .workers = (char *)call->workspace + state->zeros_bytes,
        .row_tiles = nn_divide_up(g->axes[NN_WIDTH].out, PIXELS),
    };
    int64_t rows = g->batch * g->axes[NN_DEPTH].out * g->axes[NN_HEIGHT].out;
    nn_parallel(call->pool, rows * job.row_tiles, WORK_PER_UNIT / (PIXELS * g->out_channels) + 1,
                run_tiles, &job);
    return NN_OK;
}

const nn_kernel nn_kernel_depthwise_bf16_avx512bf16 = {
    .name = "depthwise_bf16_avx512bf16",
    .isa = NN_ISA_BF16,
    .precision = NN_PRECISION_BF16,
    .exactness = NN_ROUNDING,
    .layout = NN_LAYOUT_CHANNELS_LAST,
    .layout_inputs = 1,
    .in_place = 1 << 3, /* the residual, which comes after the bias */
    .accepts = accepts,
    .prepare = prepare,
    .run = run,
};
