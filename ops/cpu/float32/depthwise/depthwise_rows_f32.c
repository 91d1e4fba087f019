#include "ops/cpu/float32/depthwise/depthwise_rows_f32.h"

#include "base/integers.h"

enum {
    LEAST_BLOCK = 64,   /* channels of a unit of work, at least */
    FINISH_BLOCK = 512, /* channels, when an activation is done after the tile */
    /* Smaller maps wait longer for a transformed kernel, 15 numbers for 9, than they save. */
    TRANSFORMED_PIXELS = 64,
};

static size_t reserve(size_t *total, int64_t bytes) {
    size_t at = *total;
    *total += nn_aligned((size_t)bytes);
    return at;
}

static void choose_blocks(nn_depthwise_plan *plan, int64_t blocks) {
    const int64_t channels = plan->geometry.out_channels;
    plan->channel_block = channels;
    if (blocks > 1) {
        int64_t block = nn_round_up(nn_divide_up(channels, blocks), plan->set->lanes);
        plan->channel_block = block > LEAST_BLOCK ? block : LEAST_BLOCK;
    }
    if (!plan->tile_finishes) {
        const int64_t pieces = nn_divide_up(plan->channel_block, FINISH_BLOCK);
        plan->channel_block =
            nn_round_up(nn_divide_up(plan->channel_block, pieces), plan->set->lanes);
    }
    plan->channel_blocks = nn_divide_up(channels, plan->channel_block);
}

/* Do the input rows of an output row wait in L1 for the next one? Two output rows at once gain by
 * reading less from L2, and where a row is so short that what is done once for each row counts. */
static bool stays_in_l1(const nn_conv_geometry *geometry) {
    const nn_window_axis *height = &geometry->axes[NN_HEIGHT], *width = &geometry->axes[NN_WIDTH];
    const int64_t l1 = nn_cpu_get()->l1d_bytes > 0 ? nn_cpu_get()->l1d_bytes : 32 << 10;
    const int64_t row_bytes = width->in * geometry->in_pitch * (int64_t)sizeof(float);
    return height->kernel * row_bytes <= l1 / 2;
}

/* Kernels of 3x3 whose two output rows multiply 12 times for 18. */
static bool can_transform(const nn_window_axis *axes) {
    for (int i = NN_HEIGHT; i <= NN_WIDTH; i++)
        if (axes[i].kernel != 3 || axes[i].stride != 1 || axes[i].dilation != 1) return false;
    return axes[NN_DEPTH].kernel == 1 && axes[NN_HEIGHT].in > 1 &&
           axes[NN_HEIGHT].out * axes[NN_WIDTH].out >= TRANSFORMED_PIXELS;
}

void nn_depthwise_plan_make(const nn_conv_geometry *geometry, const nn_depthwise_f32 *set,
                            const nn_epilogue *epilogue, int64_t blocks, nn_depthwise_plan *out) {
    const nn_window_axis *axes = geometry->axes, *width = &axes[NN_WIDTH];
    *out = (nn_depthwise_plan){
        .geometry = *geometry, .set = set, .epilogue = *epilogue, .rows_at_once = 1};
    out->padded = nn_round_up(geometry->out_channels, set->lanes);
    out->tile_finishes = nn_epilogue_as_clip(epilogue, &out->low, &out->high);
    choose_blocks(out, blocks);

    out->transforms = set->pairs && nn_cpu_get()->halves_512 && can_transform(axes);
    if (set->pairs && axes[NN_HEIGHT].dilation == 1 &&
        (out->transforms || !stays_in_l1(geometry) || width->out < NN_DEPTHWISE_PIXELS) &&
        nn_depthwise_can_pair(width->kernel, width->stride, width->dilation))
        out->rows_at_once = 2;
    const int64_t kernel_rows = axes[NN_DEPTH].kernel * axes[NN_HEIGHT].kernel;
    const int64_t table = NN_DEPTHWISE_PIXELS * width->kernel;
    size_t *total = &out->worker_bytes;
    out->zeros_at = reserve(total, out->padded * (int64_t)sizeof(float));
    out->rows_at =
        reserve(total, out->rows_at_once * kernel_rows * (int64_t)sizeof(nn_depthwise_row));
    out->table_at = reserve(total, kernel_rows * table * (int64_t)sizeof(float *));
    if (!out->tile_finishes)
        out->raw_at = reserve(total, out->rows_at_once * NN_DEPTHWISE_PIXELS * out->channel_block *
                                         (int64_t)sizeof(float));
}

/* nn_depthwise_tile.transformed, of packed taps. */
static void pack_transformed(const float *w, int64_t padded, float *packed) {
    const int64_t row = NN_DEPTHWISE_TRANSFORMED_TAPS / 2 * padded;
    for (int64_t i = 0; i < row; i++) {
        const float outer = w[i] + w[2 * row + i], middle = w[row + i];
        packed[i] = 0.5f * (outer + middle);
        packed[row + i] = 0.5f * (outer - middle);
    }
}

void nn_depthwise_pack(const nn_depthwise_plan *plan, const float *w, float *packed) {
    const nn_conv_geometry *g = &plan->geometry;
    for (int64_t tap = 0; tap < g->taps; tap++, packed += plan->padded) {
        for (int64_t c = 0; c < g->out_channels; c++) packed[c] = w[c * g->taps + tap];
        for (int64_t c = g->out_channels; c < plan->padded; c++) packed[c] = 0;
    }
    if (plan->transforms) pack_transformed(packed - g->taps * plan->padded, plan->padded, packed);
}

void nn_depthwise_pack_bias(const nn_depthwise_plan *plan, const float *bias, float *packed) {
    int64_t channels = bias ? plan->geometry.out_channels : 0;
    for (int64_t c = 0; c < channels; c++) packed[c] = bias[c];
    for (int64_t c = channels; c < plan->padded; c++) packed[c] = 0;
}

void nn_depthwise_start(const nn_depthwise_plan *plan, void *worker) {
    memset((char *)worker + plan->zeros_at, 0, (size_t)plan->padded * sizeof(float));
}

/* The kernel row that lies `below` rows under the first one, of rows `floats` long from w on; NULL:
 * none. */
static inline const float *kernel_row_at(const nn_window_axis *height, const float *w,
                                         int64_t floats, int64_t below) {
    if (height->dilation > 1) {
        if (below % height->dilation != 0) return NULL;
        below /= height->dilation;
    }
    return below >= 0 && below < height->kernel ? w + below * floats : NULL;
}

/* Lists the input rows under the output rows, with the kernel rows that lie on each. A division
 * would take as long as a few pixels. */
static int64_t list_rows(const nn_depthwise_plan *plan, const nn_depthwise_row_call *call,
                         int64_t channel, nn_depthwise_row *rows) {
    const nn_conv_geometry *g = &plan->geometry;
    const nn_window_axis *d = &g->axes[NN_DEPTH], *h = &g->axes[NN_HEIGHT];
    const nn_window_axis *w = &g->axes[NN_WIDTH];
    const int64_t kernel_row = w->kernel * plan->padded, row_floats = w->in * g->in_pitch;
    const int64_t first = call->height * h->stride - h->pad_begin;
    const int64_t next = call->rows > 1 ? h->stride : h->kernel * h->dilation; /* output's rows */
    const int64_t reach = (call->rows - 1) * h->stride + (h->kernel - 1) * h->dilation + 1;
    const int64_t begin = nn_max(0, -first), end = nn_min(reach, h->in - first);
    nn_depthwise_row *row = rows;
    for (int64_t kd = 0; kd < d->kernel; kd++) {
        const int64_t in_d = call->depth * d->stride - d->pad_begin + kd * d->dilation;
        if (in_d < 0 || in_d >= d->in) continue;
        const float *plane = call->x + in_d * h->in * row_floats + channel;
        const float *kernel = call->w + kd * h->kernel * kernel_row + channel;
        for (int64_t below = begin; below < end; below++) {
            const int64_t in_h = first + below;
            row->w[0] = kernel_row_at(h, kernel, kernel_row, below);
            row->w[1] = kernel_row_at(h, kernel, kernel_row, below - next);
            if (row->w[0] == NULL && row->w[1] == NULL) continue;
            row->x = plane + (in_h < call->held ? in_h : in_h % call->held) * row_floats;
            row++;
        }
    }
    return row - rows;
}

/* What the tile could not do itself, of output row `o`. */
static void finish_row(const nn_depthwise_plan *plan, const nn_depthwise_tile *tile, int o,
                       const float *residual, float *y) {
    plan->set->finish(&plan->epilogue, &(nn_epilogue_block){
                                           .x = tile->y + o * tile->y_row,
                                           .x_step = tile->y_pitch,
                                           .residual = residual,
                                           .y = y,
                                           .y_step = plan->geometry.out_pitch,
                                           .rows = tile->pixels,
                                           .columns = tile->channels,
                                       });
}

/* Are both rows inside that lie under both output rows? They are neighbours in the list. */
static bool has_inner_rows(const nn_depthwise_row *rows, int64_t count) {
    int inner = 0;
    for (int64_t i = 0; i < count; i++) inner += rows[i].w[0] != NULL && rows[i].w[1] != NULL;
    return inner == 2;
}

/* Whole tiles that may be done with the one of output `begin`, as none of them reads padding. */
static int64_t tiles_behind(const nn_window_axis *width, int64_t begin) {
    const int64_t reach = (NN_DEPTHWISE_PIXELS - 1) * width->stride + width->kernel;
    int64_t count = 0, end = begin + NN_DEPTHWISE_PIXELS;
    int64_t column = begin * width->stride - width->pad_begin;
    if (width->dilation > 1 || column < 0) return 0;
    while ((end += NN_DEPTHWISE_PIXELS) <= width->out &&
           (column += NN_DEPTHWISE_PIXELS * width->stride) + reach <= width->in)
        count++;
    return count;
}

void nn_depthwise_run_rows(const nn_depthwise_plan *plan, const nn_depthwise_row_call *call,
                           int64_t block, void *worker) {
    const nn_conv_geometry *g = &plan->geometry;
    const nn_window_axis *width = &g->axes[NN_WIDTH];
    const int64_t channel = block * plan->channel_block, channels = g->out_channels - channel;
    char *own = worker;
    nn_depthwise_row *rows = (nn_depthwise_row *)(own + plan->rows_at);
    float *raw = (float *)(own + plan->raw_at);
    const int64_t row_count = list_rows(plan, call, channel, rows);
    const bool transforms = plan->transforms && call->rows == 2 && has_inner_rows(rows, row_count);
    nn_depthwise_tile tile = {
        .rows = rows,
        .row_count = row_count,
        .columns = width->in,
        .pitch = g->in_pitch,
        .w_step = plan->padded,
        .transformed = transforms ? call->w + g->taps * plan->padded + channel : NULL,
        .taps = width->kernel,
        .stride = width->stride,
        .dilation = width->dilation,
        .zeros = (float *)(own + plan->zeros_at),
        .bias = call->bias + channel,
        .outputs = call->rows,
        .channels = channels < plan->channel_block ? channels : plan->channel_block,
        .low = plan->low,
        .high = plan->high,
        .pixel_table = (const float **)(own + plan->table_at),
    };
    tile.y_pitch = plan->tile_finishes ? g->out_pitch : tile.channels;
    tile.y_row = plan->tile_finishes ? call->y_row : NN_DEPTHWISE_PIXELS * tile.channels;
    for (int64_t begin = 0; begin < width->out; begin += (tile.more + 1) * NN_DEPTHWISE_PIXELS) {
        int64_t left = width->out - begin;
        int64_t at = begin * g->out_pitch + channel;
        const float *residual = call->residual ? call->residual + at : NULL;
        tile.pixels = left < NN_DEPTHWISE_PIXELS ? (int)left : NN_DEPTHWISE_PIXELS;
        tile.column = begin * width->stride - width->pad_begin;
        tile.more = plan->tile_finishes ? tiles_behind(width, begin) : 0;
        tile.residual = plan->tile_finishes ? residual : NULL;
        tile.y = plan->tile_finishes ? call->y + at : raw;
        plan->set->run(&tile);
        for (int o = 0; !plan->tile_finishes && o < call->rows; o++, at += call->y_row)
            finish_row(plan, &tile, o, call->residual ? call->residual + at : NULL, call->y + at);
    }
}
