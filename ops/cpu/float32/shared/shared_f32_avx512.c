/* The tile of direct convolutions and matrix products that shares products (shared_sums_avx512.h),
 * the rows' own sums, and packing. */
#include "ops/cpu/float32/vector.h"

#include "base/integers.h"
#include "ops/cpu/float32/shared/shared_sums_avx512.h"

#include <math.h>

#if !defined(__clang__)
#    pragma GCC optimize("align-loops=64")
#endif

enum { ROWS = NN_SHARED_ROWS, COLUMNS = NN_SHARED_COLUMNS, STEP = NN_SHARED_STEP, LINE_BYTES = 64 };

/* ---- sums ---- */

/* What is brought to L2 while sums are made. */
typedef struct lines_to_fetch {
    const char *next;
    int64_t step; /* for each twice STEP values of k */
} lines_to_fetch;

static inline lines_to_fetch fetch_of(const nn_tile_f32 *t) {
    const uint32_t steps = (uint32_t)(t->k / (2 * STEP) * t->tap_count * (t->more + 1));
    const uint32_t bytes = (uint32_t)t->prefetch_bytes;
    return (lines_to_fetch){
        t->prefetch != NULL ? t->prefetch : (const void *)t->w,
        steps > 0 && bytes > 0 ? (bytes + steps - 1) / steps : 0,
    };
}

/* Sums over k of one tap. */
NN_INLINE void add_shared(vf sum[ROWS], const float *a0, const float *a1, const float *w, int64_t k,
                          size_t step, const int rows, lines_to_fetch *fetch) {
    enum { LINES = 2 };
    for (; k >= 2 * STEP; k -= 2 * STEP) {
        const float *const a[2] = {a0, a1};
#pragma GCC unroll 2
        for (int i = 0; i < LINES; i++) __builtin_prefetch(fetch->next + i * LINE_BYTES, 0, 2);
        fetch->next += fetch->step;
        nn_shared_add_three(sum, a, step, 0, 1, w, rows, NN_THREE_PLUS);
        nn_shared_add_three(sum, a, step, STEP, 1, w + STEP * COLUMNS, rows, NN_THREE_MINUS);
        a0 += 2 * STEP;
        a1 += 2 * STEP;
        w += 2 * STEP * COLUMNS;
    }
    if (k >= STEP) {
        const float *const a[2] = {a0, a1};
        nn_shared_add_three(sum, a, step, 0, 1, w, rows, NN_THREE_PLUS);
        a0 += STEP;
        a1 += STEP;
        w += STEP * COLUMNS;
        k -= STEP;
    }
    nn_shared_add_plain(sum, a0, a1, w, k, step, rows);
}

/* ---- tiles ---- */

/* What stands behind sums: a minimum or maximum of floats takes a place of an addition, of which a
 * tile that shares has none left, one of integers half as much. */
typedef enum clip { CLIP_NONE, CLIP_RELU, CLIP_RELU_AND_HIGH, CLIP_ANY } clip;

static inline clip clip_of(const nn_tile_f32 *t) {
    if (t->low == 0 && t->high == INFINITY) return CLIP_RELU;
    if (t->low == 0 && t->high > 0) return CLIP_RELU_AND_HIGH;
    return t->low == -INFINITY && t->high == INFINITY ? CLIP_NONE : CLIP_ANY;
}

/* Floats that are not negative are in the order of their bits as integers. */
NN_INLINE vf larger_bits(vf a, vf b) {
    return _mm512_castsi512_ps(_mm512_max_epi32(_mm512_castps_si512(a), _mm512_castps_si512(b)));
}
NN_INLINE vf smaller_bits(vf a, vf b) {
    return _mm512_castsi512_ps(_mm512_min_epi32(_mm512_castps_si512(a), _mm512_castps_si512(b)));
}

/* `count` columns exist. What is read of the tile is a copy, since stores could change the tile as
 * far as the compiler knows. */
NN_INLINE void store(const nn_tile_f32 end, vf sum[ROWS], const int rows, vf factor, vf start,
                     const clip clips, const bool adds, const int count) {
    const vf low = vf_set(end.low), high = vf_set(end.high);
#pragma GCC unroll 14
    for (int i = 0; i < rows; i++) {
        const int segment = i / NN_TILE_SEGMENT, row = i % NN_TILE_SEGMENT;
        float *y = end.y[segment] + row * end.y_step;
        vf v = vf_fma(sum[i], factor, start);
        if (adds) {
            const float *residual = end.residual[segment] + row * end.residual_step;
            v += count == COLUMNS ? vf_load(residual) : vf_load_first(residual, count);
        }
        if (clips == CLIP_RELU || clips == CLIP_RELU_AND_HIGH) v = larger_bits(vf_zero(), v);
        if (clips == CLIP_RELU_AND_HIGH) v = smaller_bits(high, v);
        if (clips == CLIP_ANY) v = vf_min(high, vf_max(low, v));
        if (count == COLUMNS)
            vf_store(y, v);
        else
            vf_store_first(y, v, count);
    }
}

/* What is added comes to L1 while the sums are made. */
NN_INLINE void fetch_residuals(const nn_tile_f32 *t, const int rows) {
#pragma GCC unroll 14
    for (int i = 0; i < rows; i++)
        __builtin_prefetch(
            t->residual[i / NN_TILE_SEGMENT] + i % NN_TILE_SEGMENT * t->residual_step, 0, 3);
}

/* Each tile continues where the last one ended. */
NN_INLINE void run_tiles(const nn_tile_f32 *t, const int rows, const bool shares) {
    const int segments = rows > NN_TILE_SEGMENT ? 2 : 1;
    const size_t step = (size_t)t->a_step * sizeof(float);
    const clip clips = clip_of(t);
    const bool adds = t->residual[0] != NULL;
    nn_tile_f32 here = *t;
    lines_to_fetch fetch = fetch_of(t);
    int64_t left = t->more;
    do {
        if (adds) fetch_residuals(&here, rows);
        vf sum[ROWS];
        vf column_own = vf_zero();
        if (shares) column_own -= vf_load(t->column_own) * vf_set(t->own_scale);
#pragma GCC unroll 14
        for (int i = 0; i < rows; i++) {
            sum[i] = column_own;
            if (shares) sum[i] -= vf_set(here.own[i / NN_TILE_SEGMENT][i % NN_TILE_SEGMENT]);
        }
        for (const nn_tile_tap *tap = here.taps, *end = tap + here.tap_count; tap < end; tap++) {
            const float *a0 = here.a[0] + tap->a, *a1 = here.a[segments - 1] + tap->a;
            const float *w = here.w + tap->w;
            if (shares)
                add_shared(sum, a0, a1, w, here.k, step, rows, &fetch);
            else
                nn_shared_add_plain(sum, a0, a1, w, here.k, step, rows);
        }
        const vf factor = vf_load(t->factors) * vf_set(t->result_scale);
        const vf start = t->start != NULL ? vf_load(t->start) : vf_zero();
        here.low = t->low;
        here.high = t->high;
        if (here.columns < COLUMNS)
            store(here, sum, rows, factor, start, CLIP_ANY, adds, here.columns);
        else if (adds && clips == CLIP_NONE)
            store(here, sum, rows, factor, start, CLIP_NONE, true, COLUMNS);
        else if (adds)
            store(here, sum, rows, factor, start, CLIP_ANY, true, COLUMNS);
        else if (clips == CLIP_NONE)
            store(here, sum, rows, factor, start, CLIP_NONE, false, COLUMNS);
        else if (clips == CLIP_RELU)
            store(here, sum, rows, factor, start, CLIP_RELU, false, COLUMNS);
        else if (clips == CLIP_RELU_AND_HIGH)
            store(here, sum, rows, factor, start, CLIP_RELU_AND_HIGH, false, COLUMNS);
        else
            store(here, sum, rows, factor, start, CLIP_ANY, false, COLUMNS);
        for (int i = 0; i < segments; i++) {
            here.a[i] += rows * here.a_step + here.a_skip;
            here.y[i] += rows * here.y_step;
            if (shares) here.own[i] += rows;
            if (adds) here.residual[i] += rows * here.residual_step;
        }
    } while (left-- > 0);
}

NN_INLINE void run(const nn_tile_f32 *t, const int rows) {
    if (t->own[0] != NULL)
        run_tiles(t, rows, true);
    else
        run_tiles(t, rows, false);
}

#define TILE(rows)                                                                                 \
    static void run_##rows(const nn_tile_f32 *t) {                                                 \
        run(t, rows);                                                                              \
    }
#define TILE_ENTRY(rows) [rows] = run_##rows,
#define TILE_EACH(X)     X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14)
TILE_EACH(TILE)
static const nn_tile_shape shape = {ROWS, COLUMNS, {TILE_EACH(TILE_ENTRY)}};

/* ---- the rows' own sums ---- */

/* An element and the next are multiplied at once for all k, in vectors whose lanes' signs repeat
 * after twice STEP elements and so after three vectors: for each of these, sums of their own. */
enum { PERIOD = 3 };
static _Alignas(NN_ALIGNMENT) const float signs[PERIOD][VF_LANES] = {
    {1, 0, 0, -1, 0, 0, 1, 0, 0, -1, 0, 0, 1, 0, 0, -1},
    {0, 0, 1, 0, 0, -1, 0, 0, 1, 0, 0, -1, 0, 0, 1, 0},
    {0, -1, 0, 0, 1, 0, 0, -1, 0, 0, 1, 0, 0, -1, 0, 0},
};

/* From each element of the first vector to the next one. */
NN_INLINE vf next_elements(vf first, vf second) {
    return _mm512_castsi512_ps(
        _mm512_alignr_epi32(_mm512_castps_si512(second), _mm512_castps_si512(first), 1));
}

/* Adds up those of `count` elements, a multiple of STEP. */
NN_INLINE void add_own(const float *a, int64_t count, vf own[PERIOD], vf *squares) {
    int64_t k = 0;
    vf x = vf_load_first(a, (int)nn_min(count, VF_LANES));
    for (; k + PERIOD * VF_LANES < count; k += PERIOD * VF_LANES)
#pragma GCC unroll 3
        for (int i = 0; i < PERIOD; i++) {
            const int64_t at = k + (i + 1) * VF_LANES;
            const vf behind = i < PERIOD - 1 || at + VF_LANES <= count
                                  ? vf_load(a + at)
                                  : vf_load_first(a + at, (int)(count - at));
            own[i] = vf_fma(x, next_elements(x, behind), own[i]);
            *squares = vf_fma(x, x, *squares);
            x = behind;
        }
#pragma GCC unroll 3
    for (int i = 0; i < PERIOD && k < count; i++, k += VF_LANES) {
        const int64_t left = count - k - VF_LANES;
        vf behind = vf_zero();
        if (left > 0) behind = vf_load_first(a + k + VF_LANES, (int)nn_min(left, VF_LANES));
        own[i] = vf_fma(x, next_elements(x, behind), own[i]);
        *squares = vf_fma(x, x, *squares);
        x = behind;
    }
}

/* Own sums of rows [first, first + count); squares of each row, or of all of them in any lanes. */
NN_INLINE void own_of_rows(const nn_shared_rows *rows, int64_t first, int count,
                           const bool compares, vf *own, vf *squares) {
    const int64_t k = rows->k / STEP * STEP;
    const vf s0 = vf_load(signs[0]), s1 = vf_load(signs[1]), s2 = vf_load(signs[2]);
    const float *a = rows->a + first * rows->a_step;
    vf owns[VF_LANES], of_rows[VF_LANES], all = vf_zero();
    for (int i = 0; i < VF_LANES; i++) {
        vf sum[PERIOD] = {vf_zero(), vf_zero(), vf_zero()}, square = vf_zero();
        if (i < count)
            for (int64_t tap = 0; tap < rows->tap_count; tap++)
                add_own(a + rows->taps[tap].a, k, sum, &square);
        owns[i] = sum[0] * s0 + sum[1] * s1 + sum[2] * s2;
        of_rows[i] = square;
        all += square;
        a += i < count ? rows->a_step : 0;
    }
    *own = vf_sums_of_lanes(owns);
    *squares = all;
    if (compares) *squares = vf_sums_of_lanes(of_rows);
}

static void own(const nn_shared_rows *rows, nn_shared_seen *seen) {
    const vf none = vf_set(INFINITY);
    vf sum = vf_zero(), greatest = vf_set(seen->greatest), least = vf_set(seen->least);
    for (int64_t i = 0; i < rows->count; i += VF_LANES) {
        const int count = (int)nn_min(rows->count - i, VF_LANES);
        vf own, squares;
        if (rows->compares) {
            own_of_rows(rows, i, count, true, &own, &squares);
            greatest = vf_max(greatest, squares);
            /* Rows of zeros are like any other, and so are those that are not there. */
            const __mmask16 is_zero = _mm512_cmp_ps_mask(squares, vf_zero(), _CMP_EQ_OQ);
            least = vf_min(least, _mm512_mask_mov_ps(squares, is_zero, none));
        } else {
            own_of_rows(rows, i, count, false, &own, &squares);
        }
        vf_store_first(rows->own + i, own, count);
        sum += squares;
    }
    seen->squares += (double)_mm512_reduce_add_ps(sum);
    seen->greatest = _mm512_reduce_max_ps(greatest);
    seen->least = _mm512_reduce_min_ps(least);
    seen->count += rows->count * rows->tap_count * (rows->k / STEP * STEP);
}

/* ---- weights ---- */

/* Squares of the columns, in single precision over so many rows at a time. */
static void add_squares(const nn_shared_panel *panel, double squares[COLUMNS]) {
    enum { BLOCK = 64 };
    for (int64_t begin = 0; begin < panel->rows; begin += BLOCK) {
        const int64_t end = nn_min(begin + BLOCK, panel->rows);
        float sums[COLUMNS];
        vf sum = vf_zero();
        for (int64_t i = begin; i < end; i++) {
            const vf w = vf_load(panel->w + i * COLUMNS);
            sum = vf_fma(w, w, sum);
        }
        vf_store(sums, sum);
        for (int j = 0; j < COLUMNS; j++) squares[j] += (double)sums[j];
    }
}

/* Rows [begin, end), which one tile sums. */
static vf own_of_columns(const nn_shared_panel *panel, int64_t begin, int64_t end) {
    vf sum = vf_zero();
    bool is_minus = false;
    for (int64_t i = begin; i + STEP <= end; i += STEP, is_minus = !is_minus) {
        const vf w0 = vf_load(panel->w + i * COLUMNS), w1 = vf_load(panel->w + (i + 1) * COLUMNS);
        sum = is_minus ? _mm512_fnmadd_ps(w0, w1, sum) : vf_fma(w0, w1, sum);
    }
    return sum;
}

static void pack(const nn_shared_panel *panel) {
    double squares[COLUMNS] = {0};
    bool is_finite = true;
    add_squares(panel, squares);
    for (int j = 0; j < COLUMNS; j++) {
        panel->factors[j] = nn_shared_factor(squares[j], panel->rows);
        is_finite = is_finite && isfinite(panel->factors[j]);
    }
    for (int j = 0; j < COLUMNS && !is_finite; j++) panel->factors[j] = 1;
    const vf scale = vf_set(1) / vf_load(panel->factors);
    for (int64_t i = 0; i < panel->rows && is_finite; i++)
        vf_store(panel->w + i * COLUMNS, vf_load(panel->w + i * COLUMNS) * scale);
    float *own = panel->own;
    for (int64_t begin = 0; begin < panel->rows; begin += panel->part_rows, own += COLUMNS)
        vf_store(own, is_finite ? own_of_columns(panel, begin,
                                                 nn_min(begin + panel->part_rows, panel->rows))
                                : vf_set(NAN));
}

static void scale(const float *x, int64_t count, float by, float *scaled) {
    int64_t i = 0;
    for (; i + VF_LANES <= count; i += VF_LANES) vf_store(scaled + i, vf_load(x + i) * vf_set(by));
    const int left = (int)(count - i);
    if (left > 0) vf_store_first(scaled + i, vf_load_first(x + i, left) * vf_set(by), left);
}

const nn_shared_f32 nn_shared_f32_avx512 = {&shape, own, pack, scale};
