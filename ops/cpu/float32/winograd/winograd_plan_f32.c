/* When convolutions are done by Winograd's algorithms, how they are cut up, and the packing of
 * weights. */
#include "base/integers.h"
#include "ops/cpu/float32/winograd/winograd_f32.h"

#include <math.h>

enum {
    /* Tiles of a block, at least: each weight that comes from L3 or memory is used for as many. */
    LEAST_TILES = 28,
    /* So many stay in one block, so that weights stream once. */
    ALL_TILES = 64,
    BLOCKS_PER_THREAD = 4,
    MOST_CHANNELS = 4096, /* more make blocks of tens of MB */
    L1_PERIOD = 4096,     /* bytes after which addresses share an L1 set */
    LINE = 64,            /* bytes of a cache line */
};

/* ---- choice ---- */

static bool is_three_wide(const nn_window_axis *axis) {
    return axis->kernel == 3 && axis->stride == 1 && axis->dilation == 1;
}

bool nn_winograd_suits(const nn_conv_geometry *g) {
    const nn_window_axis *depth = &g->axes[NN_DEPTH];
    return g->groups == 1 && is_three_wide(&g->axes[NN_HEIGHT]) &&
           is_three_wide(&g->axes[NN_WIDTH]) && depth->kernel == 1 && depth->in == 1 &&
           depth->out == 1 && depth->pad_begin == 0 && g->in_channels <= MOST_CHANNELS &&
           g->out_channels <= MOST_CHANNELS;
}

/* Time is counted in vector FMAs of one core. */
typedef struct winograd_cost {
    int outputs, points;
    double input, output; /* transforms of one vector of channels of one tile */
} winograd_cost;

/* What weights take that stream from L3 or memory while others multiply: 2 bytes in the time of
 * an FMA, 14 GB/s where there are 7 G vector FMAs a second. */
static const double weight_bytes_per_fma = 2;

/* Two cores stream twice as much as one (16 and 32 GB/s on a Zen 2, 25 and 50 on a Sapphire
 * Rapids); more of them share what memory gives. */
static const int streaming_cores = 2;

const nn_winograd_rival nn_winograd_rival_f32 = {1, sizeof(float)};

static double form_time(const nn_conv_geometry *g, const winograd_cost *form,
                        const nn_winograd_rival *rate, int lanes, int threads) {
    const nn_window_axis *height = &g->axes[NN_HEIGHT], *width = &g->axes[NN_WIDTH];
    double tiles = (double)g->batch * (double)nn_divide_up(height->out, form->outputs) *
                   (double)nn_divide_up(width->out, form->outputs);
    double points = (double)form->points * form->points;
    double in_vectors = (double)nn_divide_up(g->in_channels, lanes);
    double out_vectors = (double)nn_divide_up(g->out_channels, lanes);
    double products =
        rate->product * points * tiles * (double)g->in_channels * out_vectors / threads;
    double weights = points * (double)g->in_channels * (double)g->out_channels *
                     rate->weight_bytes / weight_bytes_per_fma /
                     (double)nn_min(threads, streaming_cores);
    double transforms = tiles * (in_vectors * form->input + out_vectors * form->output) / threads;
    return fmax(products, weights) + transforms;
}

int nn_winograd_choose(const nn_conv_geometry *g, const nn_winograd_rival *direct, nn_isa isa,
                       int threads) {
    /* Direct convolution is the form of one output and one of nine points, without transforms. A
     * transform costs its loads, stores and arithmetic, which wait for each other. */
    static const winograd_cost forms[] = {{1, 3, 0, 0}, {2, 4, 80, 80}, {4, 6, 320, 300}};
    const int lanes = isa >= NN_ISA_AVX512 ? 16 : isa == NN_ISA_AVX2 ? 8 : 4;
    /* Direct convolution fills such vectors with several pixels. */
    if (2 * g->out_channels <= lanes) return 1;
    int best = 0;
    double times[3];
    for (int i = 0; i < 3; i++) {
        const nn_winograd_rival *rate = i == 0 ? direct : &nn_winograd_rival_f32;
        times[i] = form_time(g, &forms[i], rate, lanes, threads);
        if (times[i] < times[best]) best = i;
    }
    return forms[best].outputs;
}

/* ---- blocks ---- */

static void choose_panels(nn_winograd_plan *plan) {
    const int64_t lanes = plan->sizes.lanes;
    /* Two vectors wide tiles have the most rows, so the least traffic of weights. */
    int64_t vectors = nn_divide_up(plan->out_channels, lanes);
    plan->columns = vectors > 1 ? 2 * lanes : lanes;
    plan->panels = nn_divide_up(vectors, vectors > 1 ? 2 : 1);
    plan->last_columns = vectors % 2 == 0 ? 2 * lanes : lanes;
    plan->padded_channels = vectors * lanes;
}

/* Distance of planes in elements of `bytes` bytes: lines of neighbouring ones go to different sets
 * of L1. */
static int64_t plane_step(int64_t elements, int bytes) {
    int64_t lines = nn_divide_up(elements * bytes, LINE);
    return (lines + (lines % 2 == 0)) * LINE / bytes;
}

/* Elements from tile to tile of the transformed input: whole vectors, so many that neighbours do
 * not share a set of L1. */
static int64_t tile_step(int64_t channels, int bytes) {
    const int64_t line = LINE / bytes, step = nn_round_up(channels, line);
    return step * bytes % (L1_PERIOD / 4) == 0 ? step + line : step;
}

static void choose_blocks(nn_winograd_plan *plan) {
    const nn_winograd_sizes *sizes = &plan->sizes;
    const int64_t wanted = (int64_t)plan->threads * BLOCKS_PER_THREAD;
    const int64_t points = sizes->points * sizes->points;
    const int64_t l2 = nn_cpu_get()->l2_bytes > 0 ? nn_cpu_get()->l2_bytes : 1 << 20;
    const int64_t rows = sizes->rows[plan->columns / sizes->lanes - 1];
    /* Transformed input and sums of a block stay in L2, unless that makes too few tiles. */
    int64_t tile_bytes =
        points * (plan->v_pitch * sizes->v_bytes + plan->columns * NN_WINOGRAD_SUM_BYTES);
    int64_t fitting = l2 * 3 / 4 / tile_bytes / rows * rows;
    plan->block_tiles = nn_max(fitting, nn_round_up(LEAST_TILES, rows));
    if (plan->tiles <= ALL_TILES) plan->block_tiles = ALL_TILES;
    plan->block_tiles = nn_min(plan->block_tiles, plan->tiles);
    plan->blocks = nn_divide_up(plan->tiles, plan->block_tiles);
    plan->block_tiles = nn_divide_up(plan->tiles, plan->blocks);
    plan->shares_blocks = plan->threads > 1 && plan->blocks < wanted;

    int64_t panel_bytes = points * plan->block_tiles * plan->columns * NN_WINOGRAD_SUM_BYTES;
    plan->panel_block = nn_min(nn_max(l2 / 4 / panel_bytes, 1), plan->panels);
    if (plan->shares_blocks)
        plan->panel_block =
            nn_min(plan->panel_block, nn_divide_up(plan->panels, nn_min(wanted, plan->panels)));
    plan->panel_blocks = nn_divide_up(plan->panels, plan->panel_block);
}

static size_t reserve(size_t *total, int64_t elements, int bytes_each) {
    size_t at = *total, bytes = (size_t)elements * (size_t)bytes_each;
    *total += nn_aligned(bytes);
    return at;
}

static void reserve_workspace(nn_winograd_plan *plan) {
    const nn_winograd_sizes *sizes = &plan->sizes;
    const int64_t points = sizes->points * sizes->points, outputs = sizes->outputs * sizes->outputs;
    const int64_t columns = plan->panel_block * plan->columns;
    plan->v_step = plane_step(plan->block_tiles * plan->v_pitch, sizes->v_bytes);
    plan->m_pitch = columns;
    plan->m_step = plane_step(plan->block_tiles * plan->m_pitch, NN_WINOGRAD_SUM_BYTES);
    reserve(&plan->v_bytes, points * plan->v_step, sizes->v_bytes);
    plan->m_at = reserve(&plan->worker_bytes, points * plan->m_step, NN_WINOGRAD_SUM_BYTES);
    plan->edge_at = reserve(&plan->worker_bytes, points * plan->in_channels, sizeof(float));
    plan->raw_at = reserve(&plan->worker_bytes, outputs * columns, sizeof(float));
}

static void cut(const nn_conv_geometry *g, nn_winograd_plan *out) {
    const nn_winograd_sizes *sizes = &out->sizes;
    out->images = g->batch;
    out->in_channels = g->in_channels;
    out->out_channels = g->out_channels;
    out->in_pitch = g->in_pitch;
    out->out_pitch = g->out_pitch;
    out->height = g->axes[NN_HEIGHT];
    out->width = g->axes[NN_WIDTH];
    out->tile_rows = nn_divide_up(out->height.out, sizes->outputs);
    out->tile_columns = nn_divide_up(out->width.out, sizes->outputs);
    out->tiles = out->images * out->tile_rows * out->tile_columns;
    out->v_pitch = tile_step(out->in_channels, sizes->v_bytes);
    out->weight_channels = nn_round_up(out->in_channels, sizes->depth);
    choose_panels(out);
    choose_blocks(out);
    reserve_workspace(out);
}

void nn_winograd_plan_make(const nn_conv_geometry *g, const nn_winograd_form *form, int threads,
                           const nn_epilogue *epilogue, nn_winograd_plan *out) {
    const nn_tiles_f32 *tiles = form->tiles;
    *out = (nn_winograd_plan){
        .form = form,
        .sizes = {.outputs = form->outputs,
                  .points = form->points,
                  .lanes = tiles->lanes,
                  .rows = {tiles->shapes[0]->rows, tiles->shapes[1]->rows},
                  .v_bytes = sizeof(float),
                  .weight_bytes = sizeof(float),
                  .depth = 1},
        .threads = threads,
        .epilogue = *epilogue,
    };
    out->tile_finishes = nn_epilogue_as_clip(epilogue, &out->low, &out->high);
    cut(g, out);
}

void nn_winograd_plan_cut(const nn_conv_geometry *g, const nn_winograd_sizes *sizes, int threads,
                          nn_winograd_plan *out) {
    *out = (nn_winograd_plan){.sizes = *sizes, .threads = threads};
    cut(g, out);
}

size_t nn_winograd_workspace(const nn_winograd_plan *plan) {
    size_t threads = (size_t)plan->threads, blocks = plan->shares_blocks ? 1 : threads;
    return blocks * plan->v_bytes + threads * plan->worker_bytes;
}

/* ---- weights ---- */

#define P       (11.0 / 16)
#define Q       (3.0 / 2)
#define P_SCALE (2 * P * P * (P * P - Q * Q))
#define Q_SCALE (2 * Q * Q * (Q * Q - P * P))

/* G, and how a tap of a kernel of three is found again from its transform: value[tap] =
 * scale[tap] * (transform[plus[tap]] - transform[minus[tap]]), without a second term where it is
 * -1. */
typedef struct weight_transform {
    double g[NN_WINOGRAD_POINTS][3];
    int plus[3], minus[3];
    double scale[3];
} weight_transform;

static const weight_transform transform_2 = {
    {{1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}},
    {0, 1, 3},
    {-1, 2, -1},
    {1, 1, 1},
};

static const weight_transform transform_4 = {
    {{1 / (P * P * Q * Q), 0, 0},
     {1 / P_SCALE, P / P_SCALE, P *P / P_SCALE},
     {1 / P_SCALE, -P / P_SCALE, P *P / P_SCALE},
     {1 / Q_SCALE, Q / Q_SCALE, Q *Q / Q_SCALE},
     {1 / Q_SCALE, -Q / Q_SCALE, Q *Q / Q_SCALE},
     {0, 0, 1}},
    {0, 1, 5},
    {-1, 2, -1},
    {P * P * Q * Q, P_SCALE / (2 * P), 1},
};

static const weight_transform *transform_of(const nn_winograd_plan *plan) {
    return plan->form->outputs == 2 ? &transform_2 : &transform_4;
}

size_t nn_winograd_packed_bytes(const nn_winograd_plan *plan) {
    int64_t points = plan->form->points * plan->form->points;
    return (size_t)(points * plan->in_channels * plan->padded_channels) * sizeof(float);
}

/* The sum of three lists times a number each. Lists are whole vectors, four numbers at least, which
 * lets the compiler take them in pieces. */
static void combine(const double factors[3], const double *a, const double *b, const double *c,
                    int64_t count, double *restrict out) {
    for (int64_t j = 0; j < count; j += 4)
        for (int i = 0; i < 4; i++)
            out[j + i] = factors[0] * a[j + i] + factors[1] * b[j + i] + factors[2] * c[j + i];
}

/* One input channel of a panel: u[point][column] from taps[tap][column], in double precision. */
static void transform_weights(const weight_transform *transform, int points, int64_t columns,
                              double taps[9][NN_TILE_MAX_COLUMNS], float *u, int64_t point_step) {
    double rows[3][NN_TILE_MAX_COLUMNS];
    for (int y = 0; y < points; y++) {
        const double *g = transform->g[y];
        for (int kx = 0; kx < 3; kx++)
            combine(g, taps[kx], taps[3 + kx], taps[6 + kx], columns, rows[kx]);
        for (int x = 0; x < points; x++, u += point_step) {
            double values[NN_TILE_MAX_COLUMNS];
            combine(transform->g[x], rows[0], rows[1], rows[2], columns, values);
            for (int64_t j = 0; j < columns; j += 4)
                for (int i = 0; i < 4; i++) u[j + i] = (float)values[j + i];
        }
    }
}

int64_t nn_winograd_first_column(const nn_winograd_plan *plan, int64_t panel) {
    return nn_min(panel * plan->columns, plan->out_channels);
}

int64_t nn_winograd_columns(const nn_winograd_plan *plan, int64_t panel) {
    return nn_winograd_first_column(plan, panel + 1) - nn_winograd_first_column(plan, panel);
}

void nn_winograd_pack_panel(const nn_winograd_plan *plan, int64_t panel, const float *w,
                            float *packed) {
    const int64_t width = nn_winograd_width(plan, panel),
                  columns = nn_winograd_columns(plan, panel);
    double taps[9][NN_TILE_MAX_COLUMNS] = {{0}};
    packed += nn_winograd_weights_at(plan, panel, 0);
    for (int64_t k = 0; k < plan->in_channels; k++) {
        for (int64_t j = 0; j < columns; j++) {
            const float *from = w + (j * plan->in_channels + k) * 9;
            for (int tap = 0; tap < 9; tap++) taps[tap][j] = from[tap];
        }
        transform_weights(transform_of(plan), plan->form->points, width, taps, packed + k * width,
                          plan->in_channels * width);
    }
}

void nn_winograd_pack(const nn_winograd_plan *plan, const float *w, float *packed) {
    const int64_t floats = 9 * plan->in_channels; /* of an output channel */
    for (int64_t panel = 0; panel < plan->panels; panel++)
        nn_winograd_pack_panel(plan, panel, w + nn_winograd_first_column(plan, panel) * floats,
                               packed);
}

void nn_winograd_unpack(const nn_winograd_plan *plan, const float *packed, int64_t point_step,
                        int64_t count, float taps[9][NN_TILE_MAX_COLUMNS]) {
    const weight_transform *transform = transform_of(plan);
    const int points = plan->form->points;
    for (int tap = 0; tap < 9; tap++) {
        const int ky = tap / 3, kx = tap % 3;
        const double scale = transform->scale[ky] * transform->scale[kx];
        const int ys[2] = {transform->plus[ky], transform->minus[ky]};
        const int xs[2] = {transform->plus[kx], transform->minus[kx]};
        double sum[NN_TILE_MAX_COLUMNS] = {0};
        for (int y = 0; y < 2 && ys[y] >= 0; y++)
            for (int x = 0; x < 2 && xs[x] >= 0; x++) {
                const float *u = packed + (ys[y] * points + xs[x]) * point_step;
                for (int64_t j = 0; j < count; j++) sum[j] += y == x ? u[j] : -u[j];
            }
        for (int64_t j = 0; j < count; j++) taps[tap][j] = (float)(scale * sum[j]);
    }
}

/* ---- accuracy ---- */

enum {
    SAMPLES = 16, /* output channels that are measured */
    PIXELS = NN_WINOGRAD_POINTS * NN_WINOGRAD_POINTS
};

/* Uniform in [-1, 1), a different number for each index. */
static float noise(uint32_t index) {
    uint32_t x = index * 2654435761u + 12345u;
    x = (x ^ (x >> 15)) * 2246822519u;
    x = (x ^ (x >> 13)) * 3266489917u;
    return (float)((x ^ (x >> 16)) >> 8) / (float)(1 << 23) - 1;
}

/* The error of one output channel relative to its greatest result. */
static double channel_error(const nn_winograd_form *form, const double *want, const float *got) {
    const int outputs = form->outputs * form->outputs;
    double error = 0, greatest = 0;
    for (int i = 0; i < outputs; i++) {
        if (!isfinite(want[i]) || !isfinite(got[i])) return INFINITY;
        error = fmax(error, fabs((double)got[i] - want[i]));
        greatest = fmax(greatest, fabs(want[i]));
    }
    return error == 0 ? 0 : error / greatest;
}

/* Random pixels of one tile and input channel and their transform. */
typedef struct error_input {
    float x[PIXELS], v[PIXELS];
} error_input;

static void fill_input(const nn_winograd_form *form, int64_t channel, error_input *out) {
    enum { LANES = 16 };
    float x[PIXELS][LANES] = {{0}}, v[PIXELS][LANES];
    for (int i = 0; i < form->points * form->points; i++)
        out->x[i] = x[i][0] = noise((uint32_t)(channel * PIXELS + i));
    form->input(&(nn_winograd_input){.x = x[0],
                                     .row = form->points * LANES,
                                     .pitch = LANES,
                                     .channels = 1,
                                     .v = v[0],
                                     .v_step = LANES});
    for (int i = 0; i < PIXELS; i++) out->v[i] = v[i][0];
}

/* What one channel makes of the pixels: as packed weights transform it, and as it should be. */
typedef struct error_sums {
    float got[PIXELS];
    double want[NN_WINOGRAD_OUTPUTS * NN_WINOGRAD_OUTPUTS];
} error_sums;

/* Adds one input channel; `u` is the weight of its first point, points lie `step` floats apart. */
static void add_input(const nn_winograd_form *form, const error_input *in, const float *taps,
                      const float *u, int64_t step, error_sums *sums) {
    const int a = form->points, m = form->outputs;
    for (int point = 0; point < a * a; point++) sums->got[point] += in->v[point] * u[point * step];
    for (int tap = 0; tap < 9; tap++)
        for (int row = 0; row < m; row++)
            for (int column = 0; column < m; column++)
                sums->want[row * m + column] +=
                    (double)taps[tap] * in->x[(row + tap / 3) * a + column + tap % 3];
}

/* The error that the sums show. */
static double error_of(const nn_winograd_form *form, const error_sums *sums) {
    enum { LANES = 16, OUTPUTS = NN_WINOGRAD_OUTPUTS };
    const int m = form->outputs;
    float points[PIXELS][LANES] = {{0}}, y[OUTPUTS * OUTPUTS][LANES] = {{0}}, bias[LANES] = {0};
    float got[OUTPUTS * OUTPUTS];
    for (int i = 0; i < PIXELS; i++) points[i][0] = sums->got[i];
    const int64_t done = form->output(&(nn_winograd_output){.m = points[0],
                                                            .m_step = LANES,
                                                            .channels = 1,
                                                            .bias = bias,
                                                            .y = y[0],
                                                            .row = m * LANES,
                                                            .pitch = LANES,
                                                            .rows = m,
                                                            .columns = m,
                                                            .low = -INFINITY,
                                                            .high = INFINITY});
    if (done < 1) return INFINITY;
    for (int i = 0; i < m * m; i++) got[i] = y[i][0];
    return channel_error(form, sums->want, got);
}

double nn_winograd_panel_error(const nn_winograd_plan *plan, int64_t panel, const float *w,
                               const float *packed) {
    const nn_winograd_form *form = plan->form;
    const int64_t width = nn_winograd_width(plan, panel), step = plan->in_channels * width;
    const int64_t first = nn_winograd_first_column(plan, panel);
    const int64_t columns = nn_winograd_columns(plan, panel);
    const int64_t samples = nn_min(SAMPLES, plan->out_channels);
    int64_t channels[SAMPLES], count = 0;
    error_sums sums[SAMPLES] = {{{0}, {0}}};
    for (int64_t i = 0; i < samples; i++) {
        const int64_t channel = i * plan->out_channels / samples - first;
        if (channel >= 0 && channel < columns) channels[count++] = channel;
    }
    packed += nn_winograd_weights_at(plan, panel, 0);
    for (int64_t k = 0; k < plan->in_channels && count > 0; k++) {
        error_input in;
        fill_input(form, k, &in);
        for (int64_t i = 0; i < count; i++)
            add_input(form, &in, w + (channels[i] * plan->in_channels + k) * 9,
                      packed + k * width + channels[i], step, &sums[i]);
    }
    double error = 0;
    for (int64_t i = 0; i < count; i++) error = fmax(error, error_of(form, &sums[i]));
    return error;
}

double nn_winograd_error(const nn_winograd_plan *plan, const float *w, const float *packed) {
    const int64_t floats = 9 * plan->in_channels; /* of an output channel */
    double error = 0;
    for (int64_t panel = 0; panel < plan->panels; panel++) {
        const float *from = w + nn_winograd_first_column(plan, panel) * floats;
        error = fmax(error, nn_winograd_panel_error(plan, panel, from, packed));
    }
    return error;
}
