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
#include "ops/cpu/bf16/bf16.h"
#include "ops/cpu/float32/activation_vector.h"

#include <math.h>

enum {
    PANEL = NN_BF16_PANEL,
    LANES = 16,
    SCRATCH_ROWS = 2 * NN_BF16_ROWS,
    SCRATCH_STEP = PANEL * sizeof(float),
    LINE = 64,
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

/* ---- finishing ---- */

/* The constants of each copy of the loops. */
typedef enum residual_kind { NO_RESIDUAL, RESIDUAL_BF16, RESIDUAL_FLOAT } residual_kind;
typedef struct finish_kind {
    residual_kind residual;
    bool y_is_float, clips; /* the epilogue is a sum and a clip */
} finish_kind;

/* Rows of a block that wait to be finished. */
typedef struct unfinished {
    const float *sums; /* of the next row */
    const int32_t *outputs;
    int rows, columns;
    char *y;
    const char *residual;
} unfinished;

/* 1 / (1 + exp(-x)) to 2^-12 of its value: 2^r for |r| <= 1/2 by a cubic fitted to 1e-4, and an
 * approximate reciprocal. */
NN_INLINE vf rough_sigmoid(vf x) {
    const vf most = vf_set(126);
    vf t = vf_min(most, vf_max(-most, x * vf_set(-1.44269504f)));
    vf whole = vf_round(t), r = t - whole;
    vf power = vf_fma(r, vf_set(0.05517167f), vf_set(0.24261112f));
    power = vf_fma(power, r, vf_set(0.69326098f));
    power = vf_fma(power, r, vf_set(0.99992807f));
    return _mm512_rcp14_ps(vf_set(1) + _mm512_scalef_ps(power, whole));
}

void nn_bf16_activate_amx(nn_activation activation, bool rounds, vf *x, int count) {
    const float alpha = activation.alpha, beta = activation.beta;
    if (rounds && activation.kind == NN_ACT_SIGMOID) {
        for (int i = 0; i < count; i++) x[i] = rough_sigmoid(x[i]);
        return;
    }
    if (rounds && activation.kind == NN_ACT_SILU) {
        for (int i = 0; i < count; i++) x[i] *= rough_sigmoid(x[i]);
        return;
    }
    /* The kind is a constant of each loop. */
    switch (activation.kind) {
#define CASE(kind)                                                                                 \
    case kind:                                                                                     \
        for (int i = 0; i < count; i++)                                                            \
            x[i] = nn_activate_vector((nn_activation){kind, alpha, beta}, x[i]);                   \
        break;
        CASE(NN_ACT_RELU)
        CASE(NN_ACT_CLIP)
        CASE(NN_ACT_LEAKY_RELU)
        CASE(NN_ACT_SIGMOID)
        CASE(NN_ACT_TANH)
        CASE(NN_ACT_HARD_SIGMOID)
        CASE(NN_ACT_HARD_SWISH)
        CASE(NN_ACT_SILU)
        CASE(NN_ACT_GELU)
        CASE(NN_ACT_GELU_TANH)
        CASE(NN_ACT_LINEAR)
    case NN_ACT_NONE:
    case NN_ACT_KINDS:
        break;
    }
}

NN_INLINE void finish_row(const nn_bf16_work *work, finish_kind kind, const unfinished *row,
                          int32_t at, vf low, vf high) {
    const __mmask32 mask = nn_first32(row->columns);
    const __mmask16 mask0 = (__mmask16)mask, mask1 = (__mmask16)(mask >> 16);
    vf x[2] = {vf_load(row->sums), vf_load(row->sums + LANES)};
    if (!kind.clips)
        nn_bf16_activate_amx(work->epilogue->before,
                             !kind.y_is_float && nn_bf16_before_is_last(work->epilogue), x, 2);
    if (kind.residual == RESIDUAL_BF16) {
        __m512i both = _mm512_maskz_loadu_epi16(mask, row->residual + 2 * (int64_t)at);
        x[0] += nn_widen_bf16(_mm512_castsi512_si256(both));
        x[1] += nn_widen_bf16(_mm512_extracti64x4_epi64(both, 1));
    }
    if (kind.residual == RESIDUAL_FLOAT) {
        const char *from = row->residual + 4 * (int64_t)at;
        x[0] += _mm512_maskz_loadu_ps(mask0, from);
        x[1] += _mm512_maskz_loadu_ps(mask1, from + LINE);
    }
    if (kind.clips) {
        x[0] = vf_min(high, vf_max(low, x[0]));
        x[1] = vf_min(high, vf_max(low, x[1]));
    } else {
        nn_bf16_activate_amx(work->epilogue->after, !kind.y_is_float, x, 2);
    }
    if (kind.y_is_float) {
        char *to = row->y + 4 * (int64_t)at;
        _mm512_mask_storeu_ps(to, mask0, x[0]);
        _mm512_mask_storeu_ps(to + LINE, mask1, x[1]);
    } else {
        _mm512_mask_storeu_epi16(row->y + 2 * (int64_t)at, mask, nn_round_bf16(x[0], x[1]));
    }
}

NN_INLINE void finish_inline(const nn_bf16_work *work, finish_kind kind, unfinished *rows,
                             int count, vf low, vf high) {
    if (count > rows->rows) count = rows->rows;
    rows->rows -= count;
    for (; count > 0; count--) {
        int32_t at = *rows->outputs++;
        if (at >= 0) finish_row(work, kind, rows, at, low, high);
        rows->sums += PANEL;
    }
}

/* Activations take long beside the call. */
static __attribute__((noinline)) void finish_called(const nn_bf16_work *work, unfinished *rows,
                                                    int count) {
    const bool y_is_float = work->y_is_float;
    if (work->residual == NULL)
        finish_inline(work, (finish_kind){NO_RESIDUAL, y_is_float, false}, rows, count, vf_zero(),
                      vf_zero());
    else if (work->residual_is_float)
        finish_inline(work, (finish_kind){RESIDUAL_FLOAT, y_is_float, false}, rows, count,
                      vf_zero(), vf_zero());
    else
        finish_inline(work, (finish_kind){RESIDUAL_BF16, y_is_float, false}, rows, count, vf_zero(),
                      vf_zero());
}

NN_INLINE void finish_rows(const nn_bf16_work *work, finish_kind kind, unfinished *rows, int count,
                           vf low, vf high) {
    if (kind.clips)
        finish_inline(work, kind, rows, count, low, high);
    else if (count > 0 && rows->rows > 0)
        finish_called(work, rows, count);
}

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
        .step_rows = (int)((rows + work->step_count - 1) / work->step_count),
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

#define RUN(name, residual, y_is_float, clips)                                                     \
    static void name(const nn_bf16_work *work) {                                                   \
        run_blocks(work, (finish_kind){residual, y_is_float, clips});                              \
    }
RUN(clip_to_bf16, NO_RESIDUAL, false, true)
RUN(clip_to_float, NO_RESIDUAL, true, true)
RUN(add_bf16_to_bf16, RESIDUAL_BF16, false, true)
RUN(add_bf16_to_float, RESIDUAL_BF16, true, true)
RUN(add_float_to_bf16, RESIDUAL_FLOAT, false, true)
RUN(add_float_to_float, RESIDUAL_FLOAT, true, true)
RUN(any_epilogue, NO_RESIDUAL, false, false)

void nn_bf16_run_tiles_amx(const nn_bf16_work *work) {
    static void (*const functions[3][2])(const nn_bf16_work *work) = {
        [NO_RESIDUAL] = {clip_to_bf16, clip_to_float},
        [RESIDUAL_BF16] = {add_bf16_to_bf16, add_bf16_to_float},
        [RESIDUAL_FLOAT] = {add_float_to_bf16, add_float_to_float},
    };
    nn_amx_config config = {.palette = 1};
    const uint8_t rows = (uint8_t)work->tiles->rows, pairs = (uint8_t)(work->k / 2);
    for (int tile = 0; tile < NN_AMX_TILES; tile++) {
        bool is_pixels = tile == X0 || tile == X1, is_weights = tile == W0 || tile == W1;
        config.rows[tile] = is_weights ? pairs : rows;
        config.row_bytes[tile] = is_pixels ? (uint16_t)(2 * work->k) : NN_AMX_ROW_BYTES;
    }
    float low, high;
    bool clips = nn_epilogue_as_clip(work->epilogue, &low, &high);
    residual_kind residual = work->residual == NULL    ? NO_RESIDUAL
                             : work->residual_is_float ? RESIDUAL_FLOAT
                                                       : RESIDUAL_BF16;
    nn_amx_configure(&config);
    (clips ? functions[residual][work->y_is_float] : any_epilogue)(work);
    nn_amx_release();
}

/* ---- copies of pixels ---- */

/* Pixels of few channels that lie dense: as many at a time as fill a vector. */
static int64_t spread_pixels(const nn_bf16_copy *copy, const float *from, uint16_t *to,
                             int64_t count) {
    const int k = (int)copy->k, padded = (int)copy->padded, pixels = LANES / padded;
    int32_t places[LANES];
    __mmask16 inside = 0;
    for (int lane = 0; lane < LANES; lane++) {
        bool is_channel = lane % padded < k;
        places[lane] = is_channel ? lane / padded * k + lane % padded : 0;
        inside = (__mmask16)(inside | is_channel << lane);
    }
    const __m512i order = _mm512_loadu_si512(places);
    const __mmask16 read = nn_first16(pixels * k);
    int64_t i = 0;
    for (; i + pixels <= count; i += pixels) {
        vf x = _mm512_maskz_loadu_ps(read, from + i * k);
        x = _mm512_maskz_permutexvar_ps(inside, order, x);
        _mm256_storeu_si256((__m256i *)(to + i * padded), (__m256i)_mm512_cvtneps_pbh(x));
    }
    return i;
}

static void copy_floats(const float *from, uint16_t *to, int64_t count, int64_t padded) {
    int64_t i = 0;
    for (; i + PANEL <= count; i += PANEL)
        _mm512_storeu_si512(to + i, nn_round_bf16(vf_load(from + i), vf_load(from + i + LANES)));
    for (; i < padded; i += PANEL) {
        int64_t left = count - i > 0 ? count - i : 0, room = padded - i;
        _mm512_mask_storeu_epi16(to + i, nn_first32(room < PANEL ? (int)room : PANEL),
                                 nn_load_rounded(from + i, left < PANEL ? (int)left : PANEL));
    }
}

static void copy_bf16(const uint16_t *from, uint16_t *to, int64_t count, int64_t padded) {
    int64_t i = 0;
    for (; i + PANEL <= count; i += PANEL)
        _mm512_storeu_si512(to + i, _mm512_loadu_si512(from + i));
    for (; i < padded; i += PANEL) {
        int64_t left = count - i > 0 ? count - i : 0, room = padded - i;
        __mmask32 read = nn_first32(left < PANEL ? (int)left : PANEL);
        _mm512_mask_storeu_epi16(to + i, nn_first32(room < PANEL ? (int)room : PANEL),
                                 _mm512_maskz_loadu_epi16(read, from + i));
    }
}

void nn_bf16_copy_pixels_amx(const nn_bf16_copy *copy, const void *from, uint16_t *to,
                             int64_t count) {
    const float *floats = from;
    const uint16_t *bf16 = from;
    int64_t k = copy->k, padded = copy->padded;
    bool dense = copy->from_pitch == k && copy->to_pitch == padded;
    if (dense && k == padded) {
        k = padded = k * count;
        count = count > 0 ? 1 : 0;
    }
    int64_t i = 0;
    if (dense && k < padded && copy->from_float && LANES % padded == 0)
        i = spread_pixels(copy, floats, to, count);
    for (; i < count; i++) {
        uint16_t *pixel = to + i * copy->to_pitch;
        if (copy->from_float)
            copy_floats(floats + i * copy->from_pitch, pixel, k, padded);
        else
            copy_bf16(bf16 + i * copy->from_pitch, pixel, k, padded);
    }
}

/* ---- weights that are computed ---- */

void nn_bf16_pack_rows_amx(const void *from, bool from_float, int64_t step, int64_t rows,
                           int columns, int64_t pairs, uint16_t *to) {
    const __mmask16 mask = nn_first16(columns);
    /* Elements of two rows in turn. */
    const __m512i order =
        _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6,
                         21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    for (int64_t p = 0; p < pairs; p++) {
        const __mmask16 mask0 = 2 * p < rows ? mask : 0, mask1 = 2 * p + 1 < rows ? mask : 0;
        __m512i both;
        if (from_float) {
            const float *row = (const float *)from + 2 * p * step;
            both = nn_round_bf16(_mm512_maskz_loadu_ps(mask0, row),
                                 _mm512_maskz_loadu_ps(mask1, row + step));
        } else {
            const uint16_t *row = (const uint16_t *)from + 2 * p * step;
            both = _mm512_castsi256_si512(_mm256_maskz_loadu_epi16(mask0, row));
            both = _mm512_inserti64x4(both, _mm256_maskz_loadu_epi16(mask1, row + step), 1);
        }
        _mm512_storeu_si512(to + p * 2 * LANES, _mm512_permutexvar_epi16(order, both));
    }
}

/* 16 vectors of 16 numbers of 32 bits: out[i][j] = in[j][i]. */
NN_INLINE void transpose(__m512i x[LANES]) {
    __m512i t[LANES];
#pragma GCC unroll 8
    for (int i = 0; i < LANES; i += 2) {
        t[i] = _mm512_unpacklo_epi32(x[i], x[i + 1]);
        t[i + 1] = _mm512_unpackhi_epi32(x[i], x[i + 1]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < LANES; i += 4) {
        x[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
        x[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
        x[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
        x[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
    }
    /* Now x[4 g + r] holds, in its quarter q, column 4 q + r of rows 4 g to 4 g + 3. */
#pragma GCC unroll 4
    for (int r = 0; r < 4; r++) {
        __m512i a = _mm512_shuffle_i32x4(x[r], x[4 + r], 0x88);
        __m512i b = _mm512_shuffle_i32x4(x[8 + r], x[12 + r], 0x88);
        __m512i c = _mm512_shuffle_i32x4(x[r], x[4 + r], 0xdd);
        __m512i d = _mm512_shuffle_i32x4(x[8 + r], x[12 + r], 0xdd);
        t[r] = _mm512_shuffle_i32x4(a, b, 0x88);
        t[8 + r] = _mm512_shuffle_i32x4(a, b, 0xdd);
        t[4 + r] = _mm512_shuffle_i32x4(c, d, 0x88);
        t[12 + r] = _mm512_shuffle_i32x4(c, d, 0xdd);
    }
#pragma GCC unroll 16
    for (int i = 0; i < LANES; i++) x[i] = t[i];
}

void nn_bf16_pack_columns_amx(const void *from, bool from_float, int64_t step, int64_t rows,
                              int columns, int64_t pairs, float scale, uint16_t *to) {
    const int count = rows < NN_BF16_STEP ? (int)rows : NN_BF16_STEP;
    const __mmask32 mask = nn_first32(count);
    const vf factor = vf_set(scale);
    __m512i x[LANES];
    for (int j = 0; j < LANES; j++) {
        vf low = vf_zero(), high = vf_zero();
        if (j < columns && from_float) {
            const float *column = (const float *)from + j * step;
            low = _mm512_maskz_loadu_ps((__mmask16)mask, column);
            high = _mm512_maskz_loadu_ps((__mmask16)(mask >> 16), column + LANES);
        } else if (j < columns) {
            __m512i both = _mm512_maskz_loadu_epi16(mask, (const uint16_t *)from + j * step);
            low = nn_widen_bf16(_mm512_castsi512_si256(both));
            high = nn_widen_bf16(_mm512_extracti64x4_epi64(both, 1));
        }
        x[j] = nn_round_bf16(low * factor, high * factor);
    }
    transpose(x);
    for (int64_t p = 0; p < pairs; p++) _mm512_storeu_si512(to + p * 2 * LANES, x[p]);
}
