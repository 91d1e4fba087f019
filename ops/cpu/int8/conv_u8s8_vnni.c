/* AVX-512 VNNI tiles of conv_u8s8.h: 14 pixels by 32 channels. A step multiplies 4 activations of
 * each pixel, broadcast, with 4 weights of each channel (vpdpbusd): 28 of them for 2 loads of
 * weights and 14 broadcasts, so the multiplier is the bound, and weights stream at 64 / 14 bytes an
 * instruction, which L2 serves. Registers: 28 sums, 2 weights, 1 activation. */
#include "ops/cpu/int8/conv_u8s8.h"
#include "ops/cpu/int8/int8_finish.inc.h"

#include <immintrin.h>

/* Partial redundancy elimination keeps a copy of the sums in memory and stores to it in every step.
 */
#pragma GCC optimize("no-tree-pre")

enum { ROWS = 14, SEGMENT = 7, LANES = 16 };

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 16")

INLINE __m512i broadcast_4(const uint8_t *bytes) {
    int32_t four;
    memcpy(&four, bytes, sizeof four);
    return _mm512_set1_epi32(four);
}

/* Numbers of 32 channels in the order of two vectors of packed weights: groups of four alternate.
 */
INLINE void load_alternating(const void *numbers, __m512i out[2]) {
    __m512i first = _mm512_loadu_si512(numbers);
    __m512i second = _mm512_loadu_si512((const char *)numbers + 64);
    const __m512i even =
        _mm512_setr_epi32(0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27);
    const __m512i odd = _mm512_add_epi32(even, _mm512_set1_epi32(4));
    out[0] = _mm512_permutex2var_epi32(first, even, second);
    out[1] = _mm512_permutex2var_epi32(first, odd, second);
}

INLINE void load_numbers(const void *numbers, int vectors, __m512i out[2]) {
    if (vectors == 2)
        load_alternating(numbers, out);
    else
        out[0] = _mm512_loadu_si512(numbers);
}

INLINE void store_sums(int32_t *sums, const __m512i values[2], int vectors) {
    if (vectors == 1) {
        _mm512_storeu_si512(sums, values[0]);
        return;
    }
    const __m512i first = _mm512_setr_epi32(0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
    const __m512i second = _mm512_add_epi32(first, _mm512_set1_epi32(8));
    _mm512_storeu_si512(sums, _mm512_permutex2var_epi32(values[0], first, values[1]));
    _mm512_storeu_si512(sums + LANES, _mm512_permutex2var_epi32(values[0], second, values[1]));
}

INLINE __m512i rounded(__m512i sums, __m512i multiplier) {
    __m512 value = _mm512_mul_ps(_mm512_cvtepi32_ps(sums), _mm512_castsi512_ps(multiplier));
    return _mm512_cvtps_epi32(value);
}

/* Requantises the sums of one pixel. vpackssdw saturates to int16, so that adding the zero point
 * with saturation and clamping is exact. */
INLINE void store_row(const nn_u8s8_tile *t, uint8_t *y, const __m512i sums[2],
                      const __m512i multiplier[2], int vectors) {
    __m512i first = rounded(sums[0], multiplier[0]);
    __m512i second = vectors == 2 ? rounded(sums[1], multiplier[1]) : first;
    __m512i values = _mm512_packs_epi32(first, second);
    values = _mm512_adds_epi16(values, _mm512_set1_epi16(t->zero));
    values = _mm512_max_epi16(values, _mm512_set1_epi16(t->low));
    values = _mm512_min_epi16(values, _mm512_set1_epi16(t->high));
    if (vectors == 1) { /* each group of four channels is there twice */
        const __m512i once = _mm512_setr_epi64(0, 2, 4, 6, 0, 2, 4, 6);
        values = _mm512_permutexvar_epi64(once, values);
    }
    __m256i bytes = _mm512_cvtepi16_epi8(values);
    if (t->columns == 2 * LANES)
        _mm256_storeu_si256((__m256i *)y, bytes);
    else
        _mm256_mask_storeu_epi8(y, (__mmask32)((UINT64_C(1) << t->columns) - 1), bytes);
}

/* `rows` and `vectors` are constants where this is inlined. */
INLINE void tile(const nn_u8s8_tile *t, const int rows, const int vectors) {
    __m512i sum[ROWS][2], start[2], multiplier[2];
    load_numbers(t->start, vectors, start);
    UNROLL for (int i = 0; i < rows; i++) UNROLL for (int j = 0; j < vectors; j++) sum[i][j] =
        start[j];

    const uint8_t *w = t->w;
    const int64_t step = t->a_step;
    for (int64_t tap = 0; tap < t->tap_count; tap++) {
        const uint8_t *a0 = t->a[0] + t->taps[tap], *a1 = t->a[1] + t->taps[tap];
        for (int64_t k = t->steps; k > 0; k--) {
            __m512i weights[2];
            UNROLL for (int j = 0; j < vectors; j++) weights[j] =
                _mm512_load_si512(w + j * 4 * LANES);
            UNROLL for (int i = 0; i < rows; i++) {
                __m512i a = broadcast_4(i < SEGMENT ? a0 + i * step : a1 + (i - SEGMENT) * step);
                UNROLL for (int j = 0; j < vectors; j++) sum[i][j] =
                    _mm512_dpbusd_epi32(sum[i][j], a, weights[j]);
            }
            a0 += 4;
            a1 += 4;
            w += vectors * 4 * LANES;
        }
    }

    if (t->sums != NULL) {
        UNROLL for (int i = 0; i < rows; i++)
            store_sums(t->sums + i * vectors * LANES, sum[i], vectors);
        return;
    }
    load_numbers(t->multiplier, vectors, multiplier);
    UNROLL for (int i = 0; i < rows; i++) {
        uint8_t *y = i < SEGMENT ? t->y[0] + i * t->y_step : t->y[1] + (i - SEGMENT) * t->y_step;
        store_row(t, y, sum[i], multiplier, vectors);
    }
}

#define EACH_ROWS(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14)
#include "ops/cpu/int8/conv_u8s8_tiles.inc.h"

static void copy(void *out, const uint8_t *x, int64_t count, uint8_t flip, int32_t zero) {
    uint8_t *bytes = out;
    (void)zero;
    if (flip == 0)
        memcpy(bytes, x, (size_t)count);
    else
        for (int64_t i = 0; i < count; i++) bytes[i] = x[i] ^ flip;
}

const nn_u8s8_unit nn_u8s8_vnni = {
    .name = "vnni",
    .rows = ROWS,
    .segment = SEGMENT,
    .lanes = LANES,
    .depth = 4,
    .activation_bytes = 1,
    .weight_bytes = 1,
    .tile = run_tile,
    .copy = copy,
    .finish = finish,
};
