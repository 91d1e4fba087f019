#include "ops/cpu/winograd/winograd.h"

#include "base/integers.h"

enum {
    /* Tiles of a block, at least: each weight that comes from L3 or memory is used for as many. */
    LEAST_TILES = 28,
    /* So many stay in one block, so that weights stream once. */
    ALL_TILES = 64,
    BLOCKS_PER_THREAD = 4,
    MOST_CHANNELS = 4096,    /* more make blocks of tens of MB */
    L1_PERIOD = 4096,        /* bytes after which addresses share an L1 set */
    LINE = 64,               /* bytes of a cache line */
    PADDED_BYTES = 24 << 10, /* of an image with padding that stays in L1 while it is read */
};

static bool has_taps(const nn_window_axis *axis, int taps) {
    return axis->kernel == taps && axis->stride == 1 && axis->dilation == 1;
}

bool nn_winograd_suits_taps(const nn_conv_geometry *g, int taps) {
    const nn_window_axis *depth = &g->axes[NN_DEPTH];
    return g->groups == 1 && has_taps(&g->axes[NN_HEIGHT], taps) &&
           has_taps(&g->axes[NN_WIDTH], taps) && depth->kernel == 1 && depth->in == 1 &&
           depth->out == 1 && depth->pad_begin == 0 && g->in_channels <= MOST_CHANNELS &&
           g->out_channels <= MOST_CHANNELS;
}

bool nn_winograd_suits(const nn_conv_geometry *g) {
    return nn_winograd_suits_taps(g, 3);
}

/* ---- blocks ---- */

static void choose_panels(nn_winograd_plan *plan) {
    const int64_t lanes = plan->sizes.lanes;
    const int64_t vectors = nn_divide_up(plan->out_channels, lanes);
    const int64_t width = nn_min(vectors, plan->sizes.vectors);
    plan->columns = width * lanes;
    plan->panels = nn_divide_up(vectors, width);
    plan->last_columns = plan->columns - (plan->panels * width - vectors) * lanes;
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
    /* Blocks of one thread each cost no barriers, so smaller ones are made where whole products
     * remain, and as many for each thread. */
    if (plan->threads > 1 && plan->blocks < wanted && plan->tiles >= wanted * rows)
        plan->blocks = wanted;
    if (plan->blocks > wanted) plan->blocks = nn_round_up(plan->blocks, plan->threads);
    /* Panels that are fewer than threads cannot be shared out: each thread gets a block. */
    const bool has_panels = plan->panels >= plan->threads;
    if (!has_panels) plan->blocks = nn_min(nn_max(plan->blocks, plan->threads), plan->tiles);
    plan->block_tiles = nn_divide_up(plan->tiles, plan->blocks);
    plan->shares_blocks = plan->threads > 1 && plan->blocks < wanted && has_panels;

    /* Sums of all panels stand side by side where they fit in L2 beside the transformed input,
     * which is read once then, or where weights outweigh both, whose stream stops for the output.
     */
    const int64_t input_bytes = points * plan->block_tiles * plan->v_pitch * sizes->v_bytes;
    const int64_t panel_bytes = points * plan->block_tiles * plan->columns * NN_WINOGRAD_SUM_BYTES;
    const bool takes_all =
        plan->block_tiles < LEAST_TILES || input_bytes + plan->panels * panel_bytes <= l2;
    plan->panel_block =
        takes_all ? plan->panels : nn_min(nn_max(l2 / 4 / panel_bytes, 1), plan->panels);
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

/* Most tiles of a small image lie at its edge. */
static void choose_padding(nn_winograd_plan *plan) {
    const int m = plan->sizes.outputs, a = plan->sizes.points;
    const int64_t rows = (plan->tile_rows - 1) * m + a, columns = (plan->tile_columns - 1) * m + a;
    if (plan->shares_blocks ||
        rows * columns * plan->in_channels * (int64_t)sizeof(float) > PADDED_BYTES)
        return;
    plan->padded_rows = rows;
    plan->padded_columns = columns;
}

static void reserve_workspace(nn_winograd_plan *plan) {
    const nn_winograd_sizes *sizes = &plan->sizes;
    const int64_t points = sizes->points * sizes->points, outputs = sizes->outputs * sizes->outputs;
    const int64_t columns = plan->panel_block * plan->columns;
    plan->v_step = plane_step(plan->block_tiles * plan->v_pitch, sizes->v_bytes);
    plan->m_pitch = columns;
    plan->m_step = plane_step(plan->block_tiles * plan->m_pitch, NN_WINOGRAD_SUM_BYTES);
    reserve(&plan->v_bytes, points * plan->v_step, sizes->v_bytes);
    if (sizes->own_values > 0)
        plan->own_at =
            reserve(&plan->v_bytes, plan->block_tiles * sizes->own_values, NN_WINOGRAD_SUM_BYTES);
    plan->m_at = reserve(&plan->worker_bytes, points * plan->m_step, NN_WINOGRAD_SUM_BYTES);
    plan->edge_at =
        reserve(&plan->worker_bytes,
                nn_max(points, plan->padded_rows * plan->padded_columns) * plan->in_channels,
                sizeof(float));
    plan->raw_at = reserve(&plan->worker_bytes, outputs * columns, sizeof(float));
}

void nn_winograd_plan_make(const nn_conv_geometry *g, const nn_winograd_sizes *sizes, int threads,
                           nn_winograd_plan *out) {
    *out = (nn_winograd_plan){.sizes = *sizes, .threads = threads};
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
    out->end_rows = (int)(out->height.out - (out->tile_rows - 1) * sizes->outputs);
    out->end_columns = (int)(out->width.out - (out->tile_columns - 1) * sizes->outputs);
    out->leaves_out_points =
        sizes->least_outputs[0] > 0 && nn_min(out->end_rows, out->end_columns) < sizes->outputs;
    out->v_pitch = tile_step(out->in_channels, sizes->v_bytes);
    out->weight_channels = nn_round_up(out->in_channels, sizes->depth) + sizes->own_channels;
    choose_panels(out);
    choose_blocks(out);
    choose_padding(out);
    reserve_workspace(out);
}

size_t nn_winograd_workspace(const nn_winograd_plan *plan) {
    size_t threads = (size_t)plan->threads, blocks = plan->shares_blocks ? 1 : threads;
    return blocks * plan->v_bytes + threads * plan->worker_bytes;
}

int64_t nn_winograd_first_column(const nn_winograd_plan *plan, int64_t panel) {
    return nn_min(panel * plan->columns, plan->out_channels);
}

int64_t nn_winograd_columns(const nn_winograd_plan *plan, int64_t panel) {
    return nn_winograd_first_column(plan, panel + 1) - nn_winograd_first_column(plan, panel);
}
