#include "ops/cpu/float32/winograd/winograd_line_f32.h"

#include "base/integers.h"

#include <math.h>

enum {
    BLOCK_BYTES = 256 << 10, /* transformed inputs and sums of a block */
    BLOCKS_PER_THREAD = 4,
    MOST_CHANNELS = 4096,
    LINE = 16,       /* floats of a cache line */
    L1_PERIOD = 256, /* floats: rows a multiple apart push each other out of L1 */
};

/* ---- choice ---- */

/* The axis of the kernel of three; -1: there is none, or another axis has a kernel too. */
static int axis_of(const nn_conv_geometry *g) {
    int found = -1;
    for (int i = 0; i < NN_MAX_SPATIAL; i++) {
        const nn_window_axis *axis = &g->axes[i];
        bool is_plain =
            axis->kernel == 1 && axis->stride == 1 && axis->pad_begin == 0 && axis->in == axis->out;
        if (is_plain) continue;
        if (found >= 0 || axis->kernel != NN_LINE_TAPS || axis->stride != 1) return -1;
        found = i;
    }
    return found;
}

static void set_line(const nn_conv_geometry *g, nn_winograd_line_plan *out) {
    int axis = axis_of(g);
    int64_t behind = 1;
    out->lines = g->batch;
    for (int i = 0; i < NN_MAX_SPATIAL; i++) {
        if (i < axis) out->lines *= g->axes[i].out;
        if (i > axis) behind *= g->axes[i].out;
    }
    out->in = g->axes[axis].in * behind;
    out->out = g->axes[axis].out * behind;
    out->step = g->axes[axis].dilation * behind;
    out->pad = g->axes[axis].pad_begin * behind;
    int64_t group = NN_LINE_OUTPUTS * out->step;
    out->line_tiles = out->out / group * out->step + nn_min(out->out % group, out->step);
    out->tiles = out->lines * out->line_tiles;
}

/* Time is counted in vector FMAs; weights come from L3 or memory at 2 bytes in that of one, as in
 * nn_winograd_choose. The transforms of a vector of a tile count for their loads and stores. */
bool nn_winograd_line_suits(const nn_conv_geometry *g, const nn_winograd_rival *rival, nn_isa isa,
                            int threads) {
    static const double bytes_per_fma = 2, input = 32, output = 44, gain = 0.9;
    const int lanes = isa >= NN_ISA_AVX512 ? 16 : isa == NN_ISA_AVX2 ? 8 : 4;
    if (g->groups != 1 || axis_of(g) < 0 || g->in_channels > MOST_CHANNELS ||
        g->out_channels > MOST_CHANNELS)
        return false;
    nn_winograd_line_plan plan;
    set_line(g, &plan);
    double in_vectors = (double)nn_divide_up(g->in_channels, lanes);
    double out_vectors = (double)nn_divide_up(g->out_channels, lanes);
    double product = (double)g->in_channels * out_vectors / threads;
    double pairs = (double)g->in_channels * (double)g->out_channels / bytes_per_fma;
    double weights = pairs * sizeof(float);
    double direct = fmax(NN_LINE_TAPS * product * rival->product * (double)(plan.lines * plan.out),
                         NN_LINE_TAPS * pairs * rival->weight_bytes);
    double transforms = (double)plan.tiles * (in_vectors * input + out_vectors * output) / threads;
    double line = fmax(NN_LINE_POINTS * product * (double)plan.tiles, NN_LINE_POINTS * weights);
    return line + transforms < gain * direct;
}

/* ---- plan ---- */

static size_t reserve(size_t *total, int64_t floats) {
    size_t at = *total, bytes = (size_t)floats * sizeof(float);
    *total += nn_aligned(bytes);
    return at;
}

static int64_t pitch_of(int64_t channels, int lanes) {
    int64_t pitch = nn_divide_up(channels, lanes) * lanes;
    return pitch % L1_PERIOD == 0 ? pitch + LINE : pitch;
}

void nn_winograd_line_plan_make(const nn_conv_geometry *g, const nn_winograd_line_form *form,
                                nn_sharing sharing, int threads, const nn_epilogue *epilogue,
                                nn_winograd_line_plan *out) {
    *out = (nn_winograd_line_plan){
        .form = form,
        .in_channels = g->in_channels,
        .out_channels = g->out_channels,
        .in_pitch = g->in_pitch,
        .out_pitch = g->out_pitch,
        .epilogue = *epilogue,
        .shares = nn_winograd_shares(form->shared, sharing, g->in_channels, g->out_channels),
    };
    set_line(g, out);
    out->tile_finishes = nn_epilogue_as_clip(epilogue, &out->low, &out->high);
    /* Two vectors wide tiles have the most rows, so the least traffic of weights. */
    const nn_tiles_f32 *tiles = form->tiles;
    const int64_t vectors = nn_divide_up(out->out_channels, tiles->lanes);
    const int width = vectors > 1 && !out->shares ? 2 : 1;
    out->shape = tiles->shapes[width - 1];
    out->panels = nn_divide_up(vectors, width);
    out->last_shape = tiles->shapes[vectors % width == 0 ? width - 1 : 0];
    out->weight_channels = out->in_channels + out->shares;
    if (out->shares)
        nn_winograd_find_line_scales(out->scales);
    else
        for (int i = 0; i < NN_LINE_POINTS; i++) out->scales[i] = 1;
    out->v_pitch = pitch_of(out->in_channels, tiles->lanes);
    out->m_pitch = pitch_of(out->out_channels, tiles->lanes);

    int64_t tile_bytes = NN_LINE_POINTS * (out->v_pitch + out->m_pitch) * (int64_t)sizeof(float);
    int64_t rows = out->shape->rows, pieces = nn_max(BLOCK_BYTES / tile_bytes / rows, 1);
    if (threads > 1)
        pieces = nn_min(pieces, nn_max(out->tiles / rows / (threads * BLOCKS_PER_THREAD), 1));
    out->blocks = nn_divide_up(out->tiles, pieces * rows);
    out->block_tiles = nn_divide_up(nn_divide_up(out->tiles, out->blocks), rows) * rows;
    out->blocks = nn_divide_up(out->tiles, out->block_tiles);

    out->v_step = out->block_tiles * out->v_pitch + LINE;
    out->m_step = out->block_tiles * out->m_pitch + LINE;
    reserve(&out->worker_bytes, NN_LINE_POINTS * out->v_step);
    out->m_at = reserve(&out->worker_bytes, NN_LINE_POINTS * out->m_step);
    out->padding_at = reserve(&out->worker_bytes, out->in_channels);
    out->raw_at = reserve(&out->worker_bytes, NN_LINE_OUTPUTS * out->m_pitch);
    out->own_step = nn_round_up(out->block_tiles, NN_WINOGRAD_LANES);
    if (out->shares) out->own_at = reserve(&out->worker_bytes, NN_LINE_POINTS * out->own_step);
}

size_t nn_winograd_line_workspace(const nn_winograd_line_plan *plan, int threads) {
    return plan->worker_bytes * (size_t)threads;
}

/* ---- weights ---- */

#define P       (11.0 / 16)
#define Q       (3.0 / 2)
#define P_SCALE (2 * P * P * (P * P - Q * Q))
#define Q_SCALE (2 * Q * Q * (Q * Q - P * P))

/* Floats of one point of all panels. */
static int64_t point_floats(const nn_winograd_line_plan *plan) {
    return plan->weight_channels *
           ((plan->panels - 1) * plan->shape->columns + plan->last_shape->columns);
}

static const nn_tile_shape *shape_of(const nn_winograd_line_plan *plan, int64_t panel) {
    return panel == plan->panels - 1 ? plan->last_shape : plan->shape;
}

/* Of one point: the weight of the first packed input channel and output channel `channel`; `k_step`
 * to the next. */
static int64_t place_of_weight(const nn_winograd_line_plan *plan, int64_t channel,
                               int64_t *k_step) {
    int64_t panel = channel / plan->shape->columns;
    *k_step = shape_of(plan, panel)->columns;
    return panel * plan->shape->columns * plan->weight_channels + channel % plan->shape->columns;
}

static int64_t packed_channel(const nn_winograd_line_plan *plan, int64_t i) {
    return plan->shares ? nn_winograd_shared_channel(plan->in_channels, i).channel : i;
}

/* Behind the weights; NULL: products are not shared. */
static const float *factors_of(const nn_winograd_line_plan *plan, const float *packed) {
    return plan->shares ? packed + NN_LINE_POINTS * point_floats(plan) : NULL;
}

size_t nn_winograd_line_packed_bytes(const nn_winograd_line_plan *plan) {
    const int64_t factors = plan->shares ? plan->panels * NN_WINOGRAD_LANES : 0;
    return (size_t)(NN_LINE_POINTS * point_floats(plan) + factors) * sizeof(float);
}

bool nn_winograd_line_pack(const nn_winograd_line_plan *plan, const float *w, float *packed) {
    static const double g[NN_LINE_POINTS][NN_LINE_TAPS] = {
        {1 / (P * P * Q * Q), 0, 0},
        {1 / P_SCALE, P / P_SCALE, P * P / P_SCALE},
        {1 / P_SCALE, -P / P_SCALE, P * P / P_SCALE},
        {1 / Q_SCALE, Q / Q_SCALE, Q * Q / Q_SCALE},
        {1 / Q_SCALE, -Q / Q_SCALE, Q * Q / Q_SCALE},
        {0, 0, 1},
    };
    const int64_t floats = point_floats(plan);
    bool all_finite = true;
    memset(packed, 0, nn_winograd_line_packed_bytes(plan));
    for (int64_t channel = 0; channel < plan->out_channels; channel++) {
        int64_t step, at = place_of_weight(plan, channel, &step);
        const float *of_channel = w + channel * plan->in_channels * NN_LINE_TAPS;
        for (int64_t i = 0; i < plan->in_channels; i++, at += step) {
            const float *taps = of_channel + packed_channel(plan, i) * NN_LINE_TAPS;
            for (int point = 0; point < NN_LINE_POINTS; point++) {
                const double *row = g[point];
                const double sum = row[0] * taps[0] + row[1] * taps[1] + row[2] * taps[2];
                const float u = (float)(sum / plan->scales[point]);
                packed[point * floats + at] = u;
                all_finite &= isfinite(u) != 0;
            }
        }
    }
    for (int64_t panel = 0; panel < plan->panels && plan->shares; panel++)
        nn_winograd_share_panel(packed + panel * NN_WINOGRAD_LANES * plan->weight_channels,
                                NN_LINE_POINTS, point_floats(plan), plan->in_channels,
                                packed + NN_LINE_POINTS * point_floats(plan) +
                                    panel * NN_WINOGRAD_LANES);
    return all_finite;
}

/* The three taps again from their transform. */
static void unpack(const nn_winograd_line_plan *plan, const float *u, int64_t floats, float factor,
                   float taps[NN_LINE_TAPS]) {
    double points[NN_LINE_POINTS];
    for (int i = 0; i < NN_LINE_POINTS; i++)
        points[i] = (double)u[i * floats] * plan->scales[i] * (double)factor;
    taps[0] = (float)(P * P * Q * Q * points[0]);
    taps[1] = (float)(P_SCALE / (2 * P) * (points[1] - points[2]));
    taps[2] = (float)points[5];
}

/* ---- running ---- */

typedef struct line_job {
    const nn_winograd_line_plan *plan;
    const float *packed;
    const nn_line_maps *maps;
    char *workspace;
} line_job;

/* A tile: the line and the first of its outputs. */
typedef struct line_place {
    int64_t line, first;
} line_place;

static line_place place_of(const nn_winograd_line_plan *plan, int64_t tile) {
    int64_t i = tile % plan->line_tiles;
    return (line_place){tile / plan->line_tiles,
                        i / plan->step * NN_LINE_OUTPUTS * plan->step + i % plan->step};
}

/* Where input `i` of a tile lies, in pixels of the whole; -1: outside. */
static int64_t input_at(const nn_winograd_line_plan *plan, int64_t line, int64_t first, int64_t i) {
    int64_t position = first - plan->pad + i * plan->step;
    if (position < 0 || position >= plan->in) return -1;
    return line * plan->in + position;
}

/* The own sums of a block's tiles; false: its products are not to be shared. */
static bool find_own(const line_job *job, int64_t count, const float *v, float *own) {
    enum { PART = NN_WINOGRAD_LANES };
    const nn_winograd_line_plan *plan = job->plan;
    const double most_of_part = 4;
    nn_winograd_squares all = {0};
    if (!job->maps->shares) return false;
    for (int point = 0; point < NN_LINE_POINTS; point++, v += plan->v_step, own += plan->own_step)
        for (int64_t i = 0; i < count; i += PART) {
            const int64_t rows = nn_min(count - i, PART);
            const float squares = plan->form->shared->own(v + i * plan->v_pitch, plan->v_pitch,
                                                          rows, plan->in_channels, own + i);
            nn_winograd_add_squares(&all, squares, rows);
        }
    return nn_winograd_are_near(&all, plan->in_channels, most_of_part);
}

/* `own` is NULL where products are not shared in this block. */
static void multiply_shared(const line_job *job, int64_t count, const float *v, const float *own,
                            float *m) {
    const nn_winograd_line_plan *plan = job->plan;
    const int64_t floats = plan->weight_channels * NN_WINOGRAD_LANES;
    nn_winograd_shared_product product = {
        .w = job->packed,
        .v_step = plan->v_pitch,
        .sum_step = plan->m_pitch,
        .tiles = count,
        .channels = plan->in_channels,
        .own = own,
        .own_step = 1,
        .prefetch_bytes = floats * (int64_t)sizeof(float),
    };
    for (int point = 0; point < NN_LINE_POINTS; point++) {
        product.v = v + point * plan->v_step;
        for (int64_t panel = 0; panel < plan->panels; panel++, product.w += floats) {
            const bool is_last = point == NN_LINE_POINTS - 1 && panel == plan->panels - 1;
            product.sums = m + point * plan->m_step + panel * NN_WINOGRAD_LANES;
            product.prefetch = product.w + floats;
            if (is_last) product.prefetch_bytes = 0;
            plan->form->shared->multiply(&product);
        }
        if (own != NULL) product.own += plan->own_step;
    }
}

static void multiply(const line_job *job, int64_t count, const float *v, float *m) {
    const nn_winograd_line_plan *plan = job->plan;
    const nn_tile_tap tap = {0, 0};
    const float *w = job->packed;
    nn_tile_f32 tile = {
        .a_step = plan->v_pitch,
        .taps = &tap,
        .tap_count = 1,
        .k = plan->in_channels,
        .y_step = plan->m_pitch,
        .low = -INFINITY,
        .high = INFINITY,
    };
    for (int point = 0; point < NN_LINE_POINTS; point++, v += plan->v_step, m += plan->m_step)
        for (int64_t panel = 0; panel < plan->panels; panel++) {
            const nn_tile_shape *shape = shape_of(plan, panel);
            const int64_t floats = plan->in_channels * shape->columns;
            const bool is_last = point == NN_LINE_POINTS - 1 && panel == plan->panels - 1;
            tile.a[0] = v;
            tile.w = w;
            tile.y[0] = m + panel * plan->shape->columns;
            tile.columns = shape->columns;
            w += floats;
            tile.prefetch = w;
            tile.prefetch_bytes = is_last ? 0 : floats * (int64_t)sizeof *w;
            nn_tile_run_rows(shape, tile, count);
        }
}

static void transform_tile(const line_job *job, const line_place *place, const void *padding,
                           float *v) {
    const nn_winograd_line_plan *plan = job->plan;
    const nn_winograd_pixels *pixels = &job->maps->pixels;
    const int64_t bytes = plan->in_pitch * pixels->bytes;
    nn_line_input input = {.channels = plan->in_channels,
                           .v = v,
                           .v_step = plan->v_step,
                           .scales = job->maps->scales,
                           .flip = pixels->flip,
                           .zero = pixels->zero};
    for (int i = 0; i < NN_LINE_POINTS; i++) {
        const int64_t at = input_at(plan, place->line, place->first, i);
        input.x[i] = at < 0 ? padding : (const char *)pixels->x + at * bytes;
    }
    job->maps->input(&input);
}

static void finish_tile(const line_job *job, const line_place *place, const float *m, float *raw) {
    const nn_winograd_line_plan *plan = job->plan;
    const int64_t left = nn_divide_up(plan->out - place->first, plan->step);
    job->maps->finish(job->maps->argument, &(nn_line_results){
                                               .at = place->line * plan->out + place->first,
                                               .line = place->line,
                                               .first = place->first,
                                               .count = (int)nn_min(left, NN_LINE_OUTPUTS),
                                               .m = m,
                                               .raw = raw,
                                           });
}

static void run_blocks(void *argument, int64_t begin, int64_t end, int worker) {
    const line_job *job = argument;
    const nn_winograd_line_plan *plan = job->plan;
    char *own = job->workspace + plan->worker_bytes * (size_t)worker;
    float *v = (float *)own, *m = (float *)(own + plan->m_at), *raw = (float *)(own + plan->raw_at);
    float *sums = (float *)(own + plan->own_at);
    void *padding = own + plan->padding_at;
    const nn_winograd_pixels *pixels = &job->maps->pixels;
    memset(padding, pixels->padding, (size_t)(plan->in_channels * pixels->bytes));
    for (int64_t block = begin; block < end; block++) {
        const int64_t first = block * plan->block_tiles;
        const int64_t count = nn_min(plan->block_tiles, plan->tiles - first);
        for (int64_t i = 0; i < count; i++) {
            const line_place place = place_of(plan, first + i);
            transform_tile(job, &place, padding, v + i * plan->v_pitch);
        }
        if (plan->shares)
            multiply_shared(job, count, v, find_own(job, count, v, sums) ? sums : NULL, m);
        else
            multiply(job, count, v, m);
        for (int64_t i = 0; i < count; i++) {
            const line_place place = place_of(plan, first + i);
            finish_tile(job, &place, m + i * plan->m_pitch, raw);
        }
    }
}

void nn_winograd_line_run_maps(const nn_winograd_line_plan *plan, const float *packed,
                               const nn_line_maps *maps, nn_pool *pool, void *workspace) {
    line_job job = {plan, packed, maps, workspace};
    nn_parallel(pool, plan->blocks, 1, run_blocks, &job);
}

/* ---- maps of floats ---- */

typedef struct float_maps {
    const nn_winograd_line_plan *plan;
    const float *packed, *bias, *x, *residual;
    const float *factors; /* of columns; NULL: products are not shared */
    float *y;
    float scale; /* what the input is multiplied by; 0: products are not shared in this call */
} float_maps;

/* Channels [from, out_channels) of a tile as direct convolution has them. */
static void convolve_directly(const float_maps *maps, const nn_line_results *results,
                              int64_t from) {
    const nn_winograd_line_plan *plan = maps->plan;
    const int64_t floats = point_floats(plan);
    for (int64_t channel = from; channel < plan->out_channels; channel++) {
        int64_t step, weight = place_of_weight(plan, channel, &step);
        float *y = results->raw + channel;
        for (int i = 0; i < NN_LINE_OUTPUTS; i++) y[i * plan->m_pitch] = maps->bias[channel];
        const float factor = maps->factors != NULL ? maps->factors[channel] : 1;
        for (int64_t place = 0; place < plan->in_channels; place++, weight += step) {
            const int64_t k = packed_channel(plan, place);
            float taps[NN_LINE_TAPS];
            unpack(plan, maps->packed + weight, floats, factor, taps);
            for (int i = 0; i < NN_LINE_POINTS; i++) {
                const int64_t at = input_at(plan, results->line, results->first, i);
                for (int tap = 0; at >= 0 && tap < NN_LINE_TAPS; tap++)
                    if (i >= tap && i - tap < NN_LINE_OUTPUTS)
                        y[(i - tap) * plan->m_pitch] +=
                            maps->x[at * plan->in_pitch + k] * taps[tap];
            }
        }
    }
}

static void finish_floats(const void *argument, const nn_line_results *results) {
    const float_maps *maps = argument;
    const nn_winograd_line_plan *plan = maps->plan;
    const int64_t channels = plan->out_channels, y_step = plan->step * plan->out_pitch;
    const int64_t at = results->at * plan->out_pitch;
    const float *residual = maps->residual != NULL ? maps->residual + at : NULL;
    nn_line_output output = {
        .m = results->m,
        .m_step = plan->m_step,
        .channels = channels,
        .bias = maps->bias,
        .factors = maps->factors,
        .factor = maps->scale > 0 ? 1 / maps->scale : 1,
        .residual = plan->tile_finishes ? residual : NULL,
        .y = plan->tile_finishes ? maps->y + at : results->raw,
        .y_step = plan->tile_finishes ? y_step : plan->m_pitch,
        .count = results->count,
        .low = plan->tile_finishes ? plan->low : -INFINITY,
        .high = plan->tile_finishes ? plan->high : INFINITY,
    };
    int64_t done = plan->form->output(&output);
    if (done < channels) convolve_directly(maps, results, done);
    const int64_t from = plan->tile_finishes ? done : 0;
    if (from == channels) return;
    plan->form->tiles->finish(&plan->epilogue,
                              &(nn_epilogue_block){
                                  .x = results->raw + from,
                                  .x_step = plan->m_pitch,
                                  .residual = residual != NULL ? residual + from : NULL,
                                  .y = maps->y + at + from,
                                  .y_step = y_step,
                                  .rows = output.count,
                                  .columns = channels - from,
                              });
}

void nn_winograd_line_run(const nn_winograd_line_plan *plan, const float *packed, const float *bias,
                          const float *x, const float *residual, float *y, nn_pool *pool,
                          void *workspace) {
    float scales[NN_LINE_POINTS];
    float_maps argument = {
        .plan = plan,
        .packed = packed,
        .bias = bias,
        .x = x,
        .residual = residual,
        .factors = factors_of(plan, packed),
        .y = y,
    };
    nn_line_maps maps = {
        .pixels = {.x = x, .bytes = sizeof *x},
        .input = plan->form->input,
        .finish = finish_floats,
        .argument = &argument,
    };
    if (plan->shares) {
        argument.scale =
            nn_winograd_input_scale(plan->form->tiles->shared, x, plan->lines * plan->in,
                                    plan->in_pitch, plan->in_channels);
        for (int i = 0; i < NN_LINE_POINTS; i++)
            scales[i] = (float)plan->scales[i] * (argument.scale > 0 ? argument.scale : 1);
        maps.scales = scales;
        maps.shares = argument.scale > 0;
    }
    nn_winograd_line_run_maps(plan, packed, &maps, pool, workspace);
}
