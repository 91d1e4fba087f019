/* Depthwise convolution of channels-last floats (depthwise_f32.h). With a multiplier, where each
 * input channel feeds several outputs, the input is first spread out to as many channels. */
#include "ops/cpu/depthwise_f32.h"

#include "ops/cpu/conv_kernels.h"
#include "ops/cpu/kernels.h"
#include "ops/family/convolution.h"

#include <math.h>
#include <stdio.h>

enum {
    UNITS_PER_THREAD = 4,
    LEAST_BLOCK = 64,   /* channels of a unit of work, at least */
    FINISH_BLOCK = 512, /* channels, when an activation is done after the tile */
};

static const nn_conv_inputs inputs = {.x = 0, .w = 1, .bias = 2};

typedef struct depthwise_state {
    nn_conv_geometry geometry;
    const nn_depthwise_f32 *set;
    const float *packed, *packed_bias; /* [tap][channels padded]; NULL: packed in each run */
    int64_t padded;                    /* channels, to whole vectors */
    int64_t channel_block, channel_blocks;
    bool tile_finishes; /* the epilogue is a residual and a clip */
    float low, high;
    /* Offsets into workspace: what all workers share, then a part for each worker. */
    size_t packed_at, bias_at, spread_at, zeros_at, workers_at;
    size_t worker_bytes, rows_at, table_at, raw_at; /* within a worker's part */
} depthwise_state;

static bool accepts(const nn_node_view *node, const nn_target *target) {
    (void)target;
    if (node->out[0]->type != NNOPT_FLOAT || nn_fact_count(node->out[0]) <= 0 ||
        nn_fact_count(node->in[0]) <= 0)
        return false;
    nn_conv_geometry g = nn_conv_geometry_of(node, node->attrs, inputs);
    return g.groups > 1 && g.group_in_channels == 1;
}

static int64_t padded_to(int64_t count, int64_t lanes) {
    return (count + lanes - 1) / lanes * lanes;
}

static void pack(const depthwise_state *state, const float *w, float *packed) {
    const nn_conv_geometry *g = &state->geometry;
    for (int64_t tap = 0; tap < g->taps; tap++, packed += state->padded) {
        for (int64_t c = 0; c < g->out_channels; c++) packed[c] = w[c * g->taps + tap];
        for (int64_t c = g->out_channels; c < state->padded; c++) packed[c] = 0;
    }
}

static void pack_bias(const depthwise_state *state, const float *bias, float *packed) {
    int64_t channels = bias ? state->geometry.out_channels : 0;
    for (int64_t c = 0; c < channels; c++) packed[c] = bias[c];
    for (int64_t c = channels; c < state->padded; c++) packed[c] = 0;
}

static nn_status pack_weights_once(const nn_node_view *node, const void *argument, void *out) {
    pack(argument, nn_view_constant(node, inputs.w)->data, out);
    return NN_OK;
}

static nn_status pack_bias_once(const nn_node_view *node, const void *argument, void *out) {
    const nn_tensor *bias = nn_view_constant(node, inputs.bias);
    pack_bias(argument, bias ? bias->data : NULL, out);
    return NN_OK;
}

static size_t reserve(size_t *total, int64_t bytes) {
    size_t at = *total;
    *total += ((size_t)bytes + NN_ALIGNMENT - 1) / NN_ALIGNMENT * NN_ALIGNMENT;
    return at;
}

static void choose_blocks(depthwise_state *state, int threads) {
    const nn_conv_geometry *g = &state->geometry;
    int64_t rows = g->batch * g->axes[NN_DEPTH].out * g->axes[NN_HEIGHT].out;
    int64_t wanted = threads > 1 ? (int64_t)threads * UNITS_PER_THREAD : 1;
    state->channel_block = g->out_channels;
    if (rows < wanted) {
        int64_t blocks = (wanted + rows - 1) / rows;
        int64_t block = padded_to((g->out_channels + blocks - 1) / blocks, state->set->lanes);
        state->channel_block = block > LEAST_BLOCK ? block : LEAST_BLOCK;
    }
    if (!state->tile_finishes && state->channel_block > FINISH_BLOCK)
        state->channel_block = FINISH_BLOCK;
    state->channel_blocks = (g->out_channels + state->channel_block - 1) / state->channel_block;
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *services,
                         const nn_depthwise_f32 *set) {
    depthwise_state *state = nn_prepare_state(services, sizeof *state);
    if (state == NULL) return nn_fail_memory(sizeof *state);
    nn_conv_geometry g = state->geometry = nn_conv_geometry_of(node, node->attrs, inputs);
    state->set = set;
    state->padded = padded_to(g.out_channels, set->lanes);
    state->tile_finishes = nn_epilogue_as_clip(&node->epilogue, &state->low, &state->high);
    choose_blocks(state, target->threads);

    const int64_t size = sizeof(float);
    size_t workspace = 0;
    char variant[64];
    const void *packed;
    if (nn_view_constant(node, inputs.w) != NULL) {
        snprintf(variant, sizeof variant, "depthwise of %lld", (long long)state->padded);
        NN_TRY(nn_prepare_pack(services, 1u << inputs.w, variant,
                               (size_t)(g.taps * state->padded * size), pack_weights_once, state,
                               &packed));
        state->packed = packed;
    } else {
        state->packed_at = reserve(&workspace, g.taps * state->padded * size);
    }
    if (nn_view_in(node, inputs.bias) == NULL || nn_view_constant(node, inputs.bias) != NULL) {
        snprintf(variant, sizeof variant, "bias of %lld", (long long)state->padded);
        NN_TRY(nn_prepare_pack(services, 1u << inputs.bias, variant, (size_t)(state->padded * size),
                               pack_bias_once, state, &packed));
        state->packed_bias = packed;
    } else {
        state->bias_at = reserve(&workspace, state->padded * size);
    }
    if (g.group_out_channels > 1)
        state->spread_at = reserve(&workspace, g.batch * g.in_pixels * g.out_channels * size);
    state->zeros_at = reserve(&workspace, state->padded * size);
    state->workers_at = workspace;
    const nn_window_axis *width = &g.axes[NN_WIDTH];
    int64_t kernel_rows = g.axes[NN_DEPTH].kernel * g.axes[NN_HEIGHT].kernel;
    state->rows_at = reserve(&state->worker_bytes, kernel_rows * (int64_t)sizeof(nn_depthwise_row));
    state->table_at = reserve(&state->worker_bytes,
                              kernel_rows * nn_depthwise_table(width->kernel, width->stride) *
                                  (int64_t)sizeof(float *));
    if (!state->tile_finishes)
        state->raw_at =
            reserve(&state->worker_bytes, NN_DEPTHWISE_PIXELS * state->channel_block * size);
    nn_prepare_workspace(services, workspace + state->worker_bytes * (size_t)target->threads);
    return NN_OK;
}

/* ---- running ---- */

typedef struct depthwise_job {
    const depthwise_state *state;
    const nn_epilogue *epilogue;
    const float *x, *w, *bias, *residual, *zeros;
    float *y;
    char *workers;
} depthwise_job;

/* Lists the kernel rows that lie on the input for output row (depth, height). */
static int64_t list_rows(const depthwise_job *job, const float *image, int64_t depth,
                         int64_t height, nn_depthwise_row *rows) {
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
            rows[count++] = (nn_depthwise_row){
                .x = image + (in_d * h->in + in_h) * w->in * g->out_channels,
                .w = job->w + (kd * h->kernel + kh) * w->kernel * state->padded,
            };
        }
    return count;
}

static void finish_tile(const depthwise_job *job, const nn_depthwise_tile *tile,
                        const float *residual, float *y) {
    const int64_t pitch = job->state->geometry.out_channels;
    for (int i = 0; i < tile->pixels; i++) {
        float *raw = tile->y + i * tile->y_pitch;
        job->state->set->finish(job->epilogue, residual ? residual + i * pitch : NULL, raw,
                                tile->channels);
        memcpy(y + i * pitch, raw, (size_t)tile->channels * sizeof *y);
    }
}

/* One output row, channels [channel, channel + channels). */
static void run_row(const depthwise_job *job, int64_t row, int64_t channel, int64_t channels,
                    char *own) {
    const depthwise_state *state = job->state;
    const nn_conv_geometry *g = &state->geometry;
    const nn_window_axis *width = &g->axes[NN_WIDTH];
    int64_t plane = row / g->axes[NN_HEIGHT].out, image = plane / g->axes[NN_DEPTH].out;
    nn_depthwise_row *rows = (nn_depthwise_row *)(own + state->rows_at);
    float *raw = (float *)(own + state->raw_at);
    nn_depthwise_tile tile = {
        .rows = rows,
        .columns = width->in,
        .pitch = g->out_channels,
        .w_step = state->padded,
        .taps = width->kernel,
        .stride = width->stride,
        .dilation = width->dilation,
        .zeros = job->zeros,
        .bias = job->bias + channel,
        .channels = channels,
        .low = state->low,
        .high = state->high,
        .pixel_table = (const float **)(own + state->table_at),
    };
    tile.row_count = list_rows(job, job->x + image * g->in_pixels * g->out_channels,
                               plane % g->axes[NN_DEPTH].out, row % g->axes[NN_HEIGHT].out, rows);
    for (int64_t i = 0; i < tile.row_count; i++) {
        rows[i].x += channel;
        rows[i].w += channel;
    }
    for (int64_t begin = 0; begin < width->out; begin += NN_DEPTHWISE_PIXELS) {
        int64_t left = width->out - begin;
        int64_t at = (row * width->out + begin) * g->out_channels + channel;
        const float *residual = job->residual ? job->residual + at : NULL;
        tile.pixels = left < NN_DEPTHWISE_PIXELS ? (int)left : NN_DEPTHWISE_PIXELS;
        tile.column = begin * width->stride - width->pad_begin;
        tile.residual = state->tile_finishes ? residual : NULL;
        tile.y = state->tile_finishes ? job->y + at : raw;
        tile.y_pitch = state->tile_finishes ? g->out_channels : channels;
        state->set->run(&tile);
        if (!state->tile_finishes) finish_tile(job, &tile, residual, job->y + at);
    }
}

static void run_units(void *argument, int64_t begin, int64_t end, int worker) {
    const depthwise_job *job = argument;
    const depthwise_state *state = job->state;
    char *own = job->workers + state->worker_bytes * (size_t)worker;
    for (int64_t i = begin; i < end; i++) {
        int64_t channel = i % state->channel_blocks * state->channel_block;
        int64_t left = state->geometry.out_channels - channel;
        run_row(job, i / state->channel_blocks, channel,
                left < state->channel_block ? left : state->channel_block, own);
    }
}

/* Repeats each channel of the pixels [begin, end) as often as it has outputs. */
typedef struct spread_job {
    const float *x;
    float *y;
    int64_t channels, multiplier;
} spread_job;

static void spread_pixels(void *argument, int64_t begin, int64_t end, int worker) {
    const spread_job *job = argument;
    (void)worker;
    const float *x = job->x + begin * job->channels;
    float *y = job->y + begin * job->channels * job->multiplier;
    for (int64_t i = 0; i < (end - begin) * job->channels; i++)
        for (int64_t j = 0; j < job->multiplier; j++) *y++ = x[i];
}

static nn_status run(const nn_call *call) {
    const depthwise_state *state = call->state;
    const nn_conv_geometry *g = &state->geometry;
    const nn_epilogue *epilogue = &call->node->epilogue;
    char *workspace = call->workspace;
    float *zeros = (float *)(workspace + state->zeros_at);
    depthwise_job job = {
        .state = state,
        .epilogue = epilogue,
        .x = call->in[inputs.x]->data,
        .w = state->packed,
        .bias = state->packed_bias,
        .residual = epilogue->has_residual ? call->in[epilogue->residual]->data : NULL,
        .zeros = zeros,
        .y = call->out[0]->data,
        .workers = workspace + state->workers_at,
    };
    memset(zeros, 0, (size_t)state->padded * sizeof *zeros);
    if (job.w == NULL) {
        float *packed = (float *)(workspace + state->packed_at);
        pack(state, call->in[inputs.w]->data, packed);
        job.w = packed;
    }
    if (job.bias == NULL) {
        float *packed = (float *)(workspace + state->bias_at);
        pack_bias(state, call->in[inputs.bias]->data, packed);
        job.bias = packed;
    }
    if (g->group_out_channels > 1) {
        spread_job spread = {job.x, (float *)(workspace + state->spread_at), g->in_channels,
                             g->group_out_channels};
        nn_parallel(call->pool, g->batch * g->in_pixels, 1024, spread_pixels, &spread);
        job.x = spread.y;
    }
    int64_t rows = g->batch * g->axes[NN_DEPTH].out * g->axes[NN_HEIGHT].out;
    nn_parallel(call->pool, rows * state->channel_blocks, 1, run_units, &job);
    return NN_OK;
}

NN_CONV_KERNELS(depthwise_f32, nn_depthwise_f32)
