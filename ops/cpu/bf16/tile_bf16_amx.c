/* AMX tiles of tile_bf16.h: blocks of 32 pixels by 32 output channels.
 *
 * Registers: 2x2 tiles of sums, 2 of pixels, 2 of weights. A step is 4 products for 4 loads; a
 * product takes as many cycles as its tile of pixels has rows (at least about 9), so rows are
 * chosen to fit the map. What bounds a block is its products, 64 cycles a step, as long as
 * everything else hides behind them:
 *
 * - The tiles of sums of a block are stored just before they start again in the next one, so that
 *   nothing waits for a store.
 * - Weights are loaded with a hint that they are not used again soon, so that pixels stay in L1.
 * - The rows of a block are finished (activation, residual, rounding) between the products of the
 * block after the next, by vector instructions, from a scratch that stays in L1. */
#include "ops/cpu/bf16/tile_bf16.h"

#include "base/integers.h"
#include "ops/cpu/amx_tiles.h"
#include "ops/cpu/bf16/tile_bf16_finish.inc.h"

enum {
    SCRATCH_ROWS = 2 * NN_BF16_ROWS,
    SCRATCH_STEP = PANEL * sizeof(float),
    MOST_PREFETCHES = 12, /* lines of a step: more would wait for each other */
};
_Static_assert(NN_BF16_SCRATCH == 2 * SCRATCH_ROWS * SCRATCH_STEP, "two blocks");

/* Tile registers: sums of the first and second tile of pixels with the first and second of weights.
 */
#define SUM00 0
#define SUM10 1
#define SUM01 2
#define SUM11 3
#define X0    4
#define X1    5
#define W0    6
#define W1    7

/* ---- products ---- */

/* Two tiles of pixels (one, where there is only one) by a panel. */
typedef struct block {
    const char *x0, *x1;
    const char *w;
    const float *bias;
    bool two_columns;
    unfinished result;
} block;

static block block_at(const nn_bf16_work *work, int64_t pair, int64_t panel) {
    const nn_bf16_tiles *tiles = work->tiles;
    const bool single = tiles->count == 1;
    const int64_t first = 2 * pair, second = single ? first : first + 1;
    const int columns = panel == work->panels - 1 ? work->last_columns : PANEL;
    const int64_t y_bytes = work->y_is_float ? 4 : 2,
                  residual_bytes = work->residual_is_float ? 4 : 2;
    return (block){
        .x0 = work->a + tiles->a[first],
        .x1 = work->a + tiles->a[second],
        .w = work->w + panel * work->panel_bytes,
        .bias = work->bias + panel * PANEL,
        .two_columns = columns > NN_BF16_COLUMNS,
        .result = {.outputs = tiles->outputs + first * tiles->rows,
                   .rows = single ? tiles->rows : 2 * tiles->rows,
                   .columns = columns,
                   .y = (char *)work->y + panel * PANEL * y_bytes,
                   .residual = work->residual != NULL
                                   ? (const char *)work->residual + panel * PANEL * residual_bytes
                                   : NULL},
    };
}

/* What does not change while a piece of work runs. */
typedef struct tile_loop {
    bool two_tiles; /* of pixels */
    size_t x_step, w_tile;
    vf low, high;
    int step_rows; /* of the block that waits, finished in each step */
} tile_loop;

static tile_loop loop_of(const nn_bf16_work *work) {
    const int rows = work->tiles->count > 1 ? 2 * work->tiles->rows : work->tiles->rows;
    float low, high;
    nn_epilogue_as_clip(work->epilogue, &low, &high);
    return (tile_loop){
        .two_tiles = work->tiles->count > 1,
        .x_step = (size_t)work->a_step,
        .w_tile = (size_t)work->k / 2 * LINE,
        .low = vf_set(low),
        .high = vf_set(high),
        .step_rows = (int)nn_divide_up(rows, work->step_count),
    };
}

/* Stores the sums of the block before, each just before it starts again with the bias, which is the
 * same for all rows. */
NN_INLINE void first_step(const nn_bf16_work *work, const tile_loop *loop, const block *b,
                          float *scratch) {
    float *const scratch1 = scratch + work->tiles->rows * PANEL;
    const int64_t at = work->steps[0];
    _tile_stream_loadd(W0, b->w, LINE);
    _tile_loadd(X0, b->x0 + at, loop->x_step);
    _tile_stored(SUM00, scratch, SCRATCH_STEP);
    _tile_loadd(SUM00, b->bias, 0);
    _tile_dpbf16ps(SUM00, X0, W0);
    if (loop->two_tiles) {
        _tile_loadd(X1, b->x1 + at, loop->x_step);
        _tile_stored(SUM10, scratch1, SCRATCH_STEP);
        _tile_loadd(SUM10, b->bias, 0);
        _tile_dpbf16ps(SUM10, X1, W0);
    }
    _tile_stored(SUM01, scratch + LANES, SCRATCH_STEP);
    if (b->two_columns) {
        _tile_stream_loadd(W1, b->w + loop->w_tile, LINE);
        _tile_loadd(SUM01, b->bias + LANES, 0);
        _tile_dpbf16ps(SUM01, X0, W1);
    }
    if (loop->two_tiles) {
        _tile_stored(SUM11, scratch1 + LANES, SCRATCH_STEP);
        if (b->two_columns) {
            _tile_loadd(SUM11, b->bias + LANES, 0);
            _tile_dpbf16ps(SUM11, X1, W1);
        }
    }
}

/* Whether there are two tiles of pixels and two of weights is a constant of each copy. */
NN_INLINE void next_step(const char *x0, const char *x1, size_t x_step, const char *w,
                         size_t w_tile, const bool two_tiles, const bool two_columns) {
    _tile_stream_loadd(W0, w, LINE);
    _tile_loadd(X0, x0, x_step);
    _tile_dpbf16ps(SUM00, X0, W0);
    if (two_tiles) {
        _tile_loadd(X1, x1, x_step);
        _tile_dpbf16ps(SUM10, X1, W0);
    }
    if (two_columns) {
        _tile_stream_loadd(W1, w + w_tile, LINE);
        _tile_dpbf16ps(SUM01, X0, W1);
        if (two_tiles) _tile_dpbf16ps(SUM11, X1, W1);
    }
}

NN_INLINE void prefetch_lines(const char *from, int64_t lines) {
    for (int64_t i = 0; i < lines; i++) _mm_prefetch(from + i * LINE, _MM_HINT_T1);
}

/* All steps but the first: those during which rows wait to be finished, then the others. */
NN_INLINE void next_steps(const nn_bf16_work *work, const finish_kind kind, const tile_loop *loop,
                          const block *b, unfinished *waiting, const char *ahead, int64_t lines,
                          const bool two_tiles, const bool two_columns) {
    const int64_t *const steps = work->steps, count = work->step_count;
    const size_t x_step = loop->x_step, w_tile = loop->w_tile;
    const size_t w_step = two_columns ? 2 * w_tile : w_tile;
    const char *w = b->w, *const x0 = b->x0, *const x1 = b->x1;
    int64_t s = 1;
    for (; s < count && waiting->rows > 0; s++) {
        w += w_step;
        next_step(x0 + steps[s], x1 + steps[s], x_step, w, w_tile, two_tiles, two_columns);
        finish_rows(work, kind, waiting, loop->step_rows, loop->low, loop->high);
        prefetch_lines(ahead + s * lines * LINE, lines);
    }
    for (; s < count; s++) {
        w += w_step;
        next_step(x0 + steps[s], x1 + steps[s], x_step, w, w_tile, two_tiles, two_columns);
        prefetch_lines(ahead + s * lines * LINE, lines);
    }
}

static void store_sums(const nn_bf16_work *work, float *scratch) {
    float *const scratch1 = scratch + work->tiles->rows * PANEL;
    _tile_stored(SUM00, scratch, SCRATCH_STEP);
    _tile_stored(SUM01, scratch + LANES, SCRATCH_STEP);
    if (work->tiles->count == 1) return;
    _tile_stored(SUM10, scratch1, SCRATCH_STEP);
    _tile_stored(SUM11, scratch1 + LANES, SCRATCH_STEP);
}

NN_INLINE void run_blocks(const nn_bf16_work *work, const finish_kind kind) {
    const tile_loop loop = loop_of(work);
    const int64_t pairs = (work->tiles->count + 1) / 2, total = pairs * work->panels;
    const int64_t steps = work->step_count;
    /* While a panel passes all pixels, the next one comes to L2, spread over all steps; or while
     * all panels of this piece of work do, those of the next. */
    const int64_t lines = nn_divide_up(work->panel_bytes / LINE, pairs * steps);
    const bool prefetches = lines <= MOST_PREFETCHES && (work->panels_outer || work->is_followed);
    const char *const behind = work->w + work->panels * work->panel_bytes;
    unfinished waiting = {0}, stored = {0}; /* of the blocks i - 2 and i - 1 */
    for (int64_t i = 0; i < total; i++) {
        float *scratch = work->scratch + (i & 1) * SCRATCH_ROWS * PANEL;
        const int64_t pair = work->panels_outer ? i % pairs : i / work->panels;
        const int64_t panel = work->panels_outer ? i / pairs : i % work->panels;
        const block b = block_at(work, pair, panel);
        const char *ahead = work->panels_outer
                                ? b.w + work->panel_bytes + pair * steps * lines * LINE
                                : behind + i * steps * lines * LINE;
        const bool has_next = work->is_followed || (work->panels_outer && panel + 1 < work->panels);
        const int64_t ahead_lines = prefetches && has_next ? lines : 0;
        first_step(work, &loop, &b, scratch);
        finish_rows(work, kind, &waiting, loop.step_rows, loop.low, loop.high);
        prefetch_lines(ahead, ahead_lines);
        if (loop.two_tiles && b.two_columns)
            next_steps(work, kind, &loop, &b, &waiting, ahead, ahead_lines, true, true);
        else if (loop.two_tiles)
            next_steps(work, kind, &loop, &b, &waiting, ahead, ahead_lines, true, false);
        else if (b.two_columns)
            next_steps(work, kind, &loop, &b, &waiting, ahead, ahead_lines, false, true);
        else
            next_steps(work, kind, &loop, &b, &waiting, ahead, ahead_lines, false, false);
        finish_rows(work, kind, &waiting, waiting.rows, loop.low, loop.high);
        waiting = stored;
        waiting.sums = scratch;
        stored = b.result;
    }
    float *scratch = work->scratch + (total & 1) * SCRATCH_ROWS * PANEL;
    store_sums(work, scratch);
    finish_rows(work, kind, &waiting, waiting.rows, loop.low, loop.high);
    stored.sums = scratch;
    finish_rows(work, kind, &stored, stored.rows, loop.low, loop.high);
}

#include "ops/cpu/bf16/tile_bf16_kinds.inc.h"

static void run_tiles(const nn_bf16_work *work) {
    nn_amx_config config = {.palette = 1};
    const uint8_t rows = (uint8_t)work->tiles->rows, pairs = (uint8_t)(work->k / 2);
    for (int tile = 0; tile < NN_AMX_TILES; tile++) {
        bool is_pixels = tile == X0 || tile == X1, is_weights = tile == W0 || tile == W1;
        config.rows[tile] = is_weights ? pairs : rows;
        config.row_bytes[tile] = is_pixels ? (uint16_t)(2 * work->k) : NN_AMX_ROW_BYTES;
    }
    nn_amx_configure(&config);
    run_kind(work);
    nn_amx_release();
}

const nn_bf16_unit nn_bf16_amx = {
    .run_tiles = run_tiles,
    .rows = NN_BF16_ROWS,
    .least_rows = 9,
    .together = 2,
};
