/* A tile of 14 rows by 24 columns, one vector and a half, for cores that run 512-bit operations in
 * halves (nn_cpu.halves_512): half a vector takes half the time there.
 *
 * Registers: 14 accumulators of each length, a vector and a half of weights. Elements of the rows
 * are operands in memory, so a step of k does 21 FMAs' worth for 30 loads, of which there are two a
 * cycle: the peak but for what the end of a tile takes. */
#include "ops/cpu/float32/vector.h"

#include "ops/cpu/float32/tile_f32.h"

enum { ROWS = 14, HALF = VF_LANES / 2, COLUMNS = VF_LANES + HALF };

NN_INLINE void step(vf whole[ROWS], __m256 half[ROWS], const float *const a[2], vf_rows steps,
                    const float *w, int rows, int bytes) {
    const vf first = vf_load(w);
    const __m256 second = _mm256_loadu_ps(w + VF_LANES);
#pragma GCC unroll 14
    for (int i = 0; i < rows; i++) {
        const float *base = a[i / NN_TILE_SEGMENT];
        const int row = i % NN_TILE_SEGMENT;
        whole[i] = vf_accumulate_row(base, steps, row, bytes, first, whole[i]);
        half[i] = vf_accumulate_half_row(base, steps, row, bytes, second, half[i]);
    }
}

NN_INLINE void sum(vf whole[ROWS], __m256 half[ROWS], const float *a0, const float *a1,
                   const float *w, int64_t k, vf_rows steps, int rows) {
    for (; k >= 2; k -= 2) {
        const float *const a[2] = {a0, a1};
        step(whole, half, a, steps, w, rows, 0);
        step(whole, half, a, steps, w + COLUMNS, rows, sizeof(float));
        a0 += 2;
        a1 += 2;
        w += 2 * COLUMNS;
    }
    const float *const a[2] = {a0, a1};
    if (k > 0) step(whole, half, a, steps, w, rows, 0);
}

/* `last` columns exist in the half. */
NN_INLINE void store(const nn_tile_f32 end, vf whole[ROWS], __m256 half[ROWS], int rows,
                     const bool adds, const int last) {
    const __mmask8 there = (__mmask8)((1u << last) - 1);
    const vf low = vf_set(end.low), high = vf_set(end.high);
#pragma GCC unroll 14
    for (int i = 0; i < rows; i++) {
        const int segment = i / NN_TILE_SEGMENT, row = i % NN_TILE_SEGMENT;
        float *y = end.y[segment] + row * end.y_step;
        vf first = whole[i];
        __m256 second = half[i];
        if (adds) {
            const float *residual = end.residual[segment] + row * end.residual_step;
            first += vf_load(residual);
            second += last == HALF ? _mm256_loadu_ps(residual + VF_LANES)
                                   : _mm256_maskz_loadu_ps(there, residual + VF_LANES);
        }
        second = _mm256_min_ps(_mm512_castps512_ps256(high),
                               _mm256_max_ps(_mm512_castps512_ps256(low), second));
        vf_store_clipped(y, first, low, high);
        if (last == HALF)
            _mm256_storeu_ps(y + VF_LANES, second);
        else
            _mm256_mask_storeu_ps(y + VF_LANES, there, second);
    }
}

/* Each tile continues where the last one ended. */
NN_INLINE void run_tiles(const nn_tile_f32 *t, const int rows, const bool adds, const int last) {
    const int segments = rows > NN_TILE_SEGMENT ? 2 : 1;
    const vf_rows steps = vf_rows_make((size_t)t->a_step);
    nn_tile_f32 here = *t;
    int64_t left = t->more;
    do {
        vf whole[ROWS];
        __m256 half[ROWS];
        const vf first = t->start ? vf_load(t->start) : vf_zero();
        const __m256 second = t->start ? _mm256_loadu_ps(t->start + VF_LANES) : _mm256_setzero_ps();
#pragma GCC unroll 14
        for (int i = 0; i < rows; i++) {
            whole[i] = first;
            half[i] = second;
        }
        for (const nn_tile_tap *tap = t->taps, *end = tap + t->tap_count; tap < end; tap++)
            sum(whole, half, here.a[0] + tap->a, here.a[segments - 1] + tap->a, t->w + tap->w, t->k,
                steps, rows);
        here.low = t->low;
        here.high = t->high;
        store(here, whole, half, rows, adds, last);
        for (int i = 0; i < segments; i++) {
            here.a[i] += rows * here.a_step + here.a_skip;
            here.y[i] += rows * here.y_step;
            if (adds) here.residual[i] += rows * here.residual_step;
        }
    } while (left-- > 0);
}

NN_INLINE void run(const nn_tile_f32 *t, const int rows) {
    const int last = t->columns - VF_LANES;
    const bool adds = t->residual[0] != NULL;
    if (last == HALF && !adds)
        run_tiles(t, rows, false, HALF);
    else if (last == HALF)
        run_tiles(t, rows, true, HALF);
    else if (!adds)
        run_tiles(t, rows, false, last);
    else
        run_tiles(t, rows, true, last);
}

#define TILE(rows)                                                                                 \
    static void run_##rows(const nn_tile_f32 *t) {                                                 \
        run(t, rows);                                                                              \
    }
#define TILE_ENTRY(rows) [rows] = run_##rows,
#define TILE_EACH(X)     X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14)
TILE_EACH(TILE)
const nn_tile_shape nn_tile_f32_14x24_avx512 = {ROWS, COLUMNS, {TILE_EACH(TILE_ENTRY)}};
