/* AVX-512 VNNI tiles of conv_u8s8.h: 14 pixels by 32 channels. A step multiplies 4 activations of
 * each pixel, broadcast, with 4 weights of each channel (vpdpbusd): 28 of them for 2 loads of
 * weights and 14 broadcasts, so the multiplier is the bound, and weights stream at 64 / 14 bytes an
 * instruction, which L2 serves. Registers: 28 sums, 2 weights, 1 activation. */
#include "ops/cpu/conv_u8s8.h"
#include "ops/cpu/int8_finish.inc.h"

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

INLINE void store_bytes(uint8_t *y, __m512i values, int columns) {
    __m128i bytes = _mm512_cvtepi32_epi8(values);
    if (columns >= LANES)
        _mm_storeu_si128((__m128i *)y, bytes);
    else
        _mm_mask_storeu_epi8(y, (__mmask16)((1u << columns) - 1), bytes);
}

/* `rows` and `vectors` are constants where this is inlined. */
INLINE void tile(const nn_u8s8_tile *t, const int rows, const int vectors) {
    __m512i sum[ROWS][2];
    UNROLL for (int i = 0; i < rows; i++) UNROLL for (int j = 0; j < vectors; j++) sum[i][j] =
        _mm512_loadu_si512(t->start + j * LANES);

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
        UNROLL for (int i = 0; i < rows; i++) UNROLL for (int j = 0; j < vectors; j++)
            _mm512_storeu_si512(t->sums + (i * vectors + j) * LANES, sum[i][j]);
        return;
    }
    const __m512 low = _mm512_set1_ps(t->low), high = _mm512_set1_ps(t->high);
    const __m512i zero = _mm512_set1_epi32(t->zero);
    __m512 multiplier[2];
    UNROLL for (int j = 0; j < vectors; j++) multiplier[j] =
        _mm512_loadu_ps(t->multiplier + j * LANES);
    UNROLL for (int i = 0; i < rows; i++) {
        uint8_t *y = i < SEGMENT ? t->y[0] + i * t->y_step : t->y[1] + (i - SEGMENT) * t->y_step;
        UNROLL for (int j = 0; j < vectors; j++) {
            __m512 value = _mm512_mul_ps(_mm512_cvtepi32_ps(sum[i][j]), multiplier[j]);
            value = _mm512_min_ps(_mm512_max_ps(value, low), high);
            store_bytes(y + j * LANES, _mm512_add_epi32(_mm512_cvtps_epi32(value), zero),
                        t->columns - j * LANES);
        }
    }
}

#define EACH_ROWS(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14)
#define TILE(rows)                                                                                 \
    static void tile_##rows##x1(const nn_u8s8_tile *t) {                                           \
        tile(t, rows, 1);                                                                          \
    }                                                                                              \
    static void tile_##rows##x2(const nn_u8s8_tile *t) {                                           \
        tile(t, rows, 2);                                                                          \
    }
#define ENTRY(rows) {tile_##rows##x1, tile_##rows##x2},
EACH_ROWS(TILE)

static void run_tile(const nn_u8s8_tile *t, int rows, int vectors) {
    static void (*const tiles[ROWS][2])(const nn_u8s8_tile *) = {EACH_ROWS(ENTRY)};
    tiles[rows - 1][vectors - 1](t);
}

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
