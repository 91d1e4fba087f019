/* AVX-512 tiles of tile_bf16.h: up to 14 pixels by 32 output channels.
 *
 * Registers: 14x2 sums, 2 of weights, 1 pair of input channels, broadcast. A pair of channels is 28
 * products (vdpbf16ps, two multiply-adds a lane) for 16 loads. Bound: the products, of which a Zen
 * 4 does one a cycle. */
#include "ops/cpu/bf16/tile_bf16.h"

#include "base/integers.h"
#include "ops/cpu/bf16/tile_bf16_finish.inc.h"

enum { ROWS = 14, SEGMENT = 7, VECTORS = 2, PAIR_BYTES = 4, MOST_PREFETCHES = 12 };

/* The pixels of a tile by a panel. */
typedef struct block {
    const char *x;
    size_t x_step; /* bytes from a pixel to the next */
    const int64_t *steps;
    int64_t step_count;
    const char *w;
    int64_t w_tile; /* bytes of the weights of a step and 16 columns */
    const float *bias;
    float *sums;       /* [pixel][PANEL] */
    const char *ahead; /* `lines` lines from here come to L2 in each step */
    int64_t lines;
} block;

NN_INLINE __m512bh broadcast_pair(const char *x) {
    int32_t pair;
    memcpy(&pair, x, sizeof pair);
    return (__m512bh)_mm512_set1_epi32(pair);
}

/* One pair of input channels. */
NN_INLINE void add_products(vf sums[ROWS][VECTORS], const char *x0, const char *x1, size_t x_step,
                            const char *w, int64_t w_tile, const int rows, const int vectors) {
    __m512bh weights[VECTORS];
#pragma GCC unroll 2
    for (int j = 0; j < vectors; j++) weights[j] = (__m512bh)_mm512_load_si512(w + j * w_tile);
#pragma GCC unroll 14
    for (int i = 0; i < rows; i++) {
        const __m512bh x = broadcast_pair(i < SEGMENT ? x0 + (size_t)i * x_step
                                                      : x1 + (size_t)(i - SEGMENT) * x_step);
#pragma GCC unroll 2
        for (int j = 0; j < vectors; j++) sums[i][j] = _mm512_dpbf16_ps(sums[i][j], x, weights[j]);
    }
}

/* `rows` and `vectors` are constants of each copy. */
NN_INLINE void sum_rows(const block *b, const int rows, const int vectors) {
    vf sums[ROWS][VECTORS];
#pragma GCC unroll 14
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 2
        for (int j = 0; j < vectors; j++) sums[i][j] = vf_load(b->bias + j * LANES);
    const char *w = b->w, *ahead = b->ahead;
    const size_t x_step = b->x_step;
    const int64_t w_tile = b->w_tile;
    for (int64_t s = 0; s < b->step_count; s++) {
        const char *x0 = b->x + b->steps[s], *x1 = x0 + (rows > SEGMENT ? SEGMENT : 0) * x_step;
        for (int64_t i = 0; i < b->lines; i++, ahead += LINE) _mm_prefetch(ahead, _MM_HINT_T1);
        for (const char *end = w + w_tile; w < end; w += LINE) {
            add_products(sums, x0, x1, x_step, w, w_tile, rows, vectors);
            x0 += PAIR_BYTES;
            x1 += PAIR_BYTES;
        }
        w += (vectors - 1) * w_tile;
    }
#pragma GCC unroll 14
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 2
        for (int j = 0; j < vectors; j++) vf_store(b->sums + i * PANEL + j * LANES, sums[i][j]);
}

#define SUM(rows)                                                                                  \
    static void sum_##rows##x1(const block *b) {                                                   \
        sum_rows(b, rows, 1);                                                                      \
    }                                                                                              \
    static void sum_##rows##x2(const block *b) {                                                   \
        sum_rows(b, rows, 2);                                                                      \
    }
#define ENTRY(rows) {sum_##rows##x1, sum_##rows##x2},
#define EACH_ROWS(X)                                                                               \
    X(1)                                                                                           \
    X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14)
EACH_ROWS(SUM)

static void sum_pixels(const block *b, int rows, int vectors) {
    static void (*const functions[ROWS][VECTORS])(const block *) = {EACH_ROWS(ENTRY)};
    functions[rows - 1][vectors - 1](b);
}

/* Weights that a block asks for: `lines` in each step. */
typedef struct weights_ahead {
    const char *from;
    int64_t lines;
} weights_ahead;

/* `lines`: of a panel, in each step of all tiles that pass it. */
static weights_ahead ahead_of(const nn_bf16_work *work, int64_t lines, int64_t tile,
                              int64_t panel) {
    const int64_t steps = work->step_count;
    const bool is_last = panel + 1 == work->panels;
    /* The first tile that passes through all panels brings each of them from memory for the others:
     * while it multiplies one, the next is on its way. */
    if (!work->panels_outer && tile == 0 && !is_last)
        return (weights_ahead){work->w + (panel + 1) * work->panel_bytes,
                               work->panel_bytes / LINE / steps};
    /* As in tile_bf16_amx.c: the next panel, or those of the next piece of work. */
    if (lines > MOST_PREFETCHES || (!work->is_followed && (!work->panels_outer || is_last)))
        return (weights_ahead){work->w, 0};
    const char *next =
        work->w + (work->panels_outer ? panel + 1 : work->panels) * work->panel_bytes;
    const int64_t index = work->panels_outer ? tile : tile * work->panels + panel;
    return (weights_ahead){next + index * steps * lines * LINE, lines};
}

NN_INLINE void run_blocks(const nn_bf16_work *work, const finish_kind kind) {
    const nn_bf16_tiles *tiles = work->tiles;
    const int64_t count = tiles->count, total = count * work->panels;
    const int64_t y_bytes = work->y_is_float ? 4 : 2,
                  residual_bytes = work->residual_is_float ? 4 : 2;
    float low_bound, high_bound;
    nn_epilogue_as_clip(work->epilogue, &low_bound, &high_bound);
    const vf low = vf_set(low_bound), high = vf_set(high_bound);
    const int64_t lines = nn_divide_up(work->panel_bytes / LINE, count * work->step_count);
    for (int64_t i = 0; i < total; i++) {
        const int64_t tile = work->panels_outer ? i % count : i / work->panels;
        const int64_t panel = work->panels_outer ? i / count : i % work->panels;
        const int columns = panel == work->panels - 1 ? work->last_columns : PANEL;
        const weights_ahead asked = ahead_of(work, lines, tile, panel);
        const block b = {
            .x = work->a + tiles->a[tile],
            .x_step = (size_t)work->a_step,
            .steps = work->steps,
            .step_count = work->step_count,
            .w = work->w + panel * work->panel_bytes,
            .w_tile = (int64_t)work->k / 2 * LINE,
            .bias = work->bias + panel * PANEL,
            .sums = work->scratch,
            .ahead = asked.from,
            .lines = asked.lines,
        };
        sum_pixels(&b, tiles->rows, columns > NN_BF16_COLUMNS ? 2 : 1);
        unfinished result = {
            .sums = work->scratch,
            .outputs = tiles->outputs + tile * tiles->rows,
            .rows = tiles->rows,
            .columns = columns,
            .y = (char *)work->y + panel * PANEL * y_bytes,
            .residual = work->residual != NULL
                            ? (const char *)work->residual + panel * PANEL * residual_bytes
                            : NULL,
        };
        finish_rows(work, kind, &result, result.rows, low, high);
    }
}

#include "ops/cpu/bf16/tile_bf16_kinds.inc.h"

const nn_bf16_unit nn_bf16_avx512bf16 = {
    .run_tiles = run_kind,
    .rows = ROWS,
    .least_rows = 4,
    .together = 1,
};
