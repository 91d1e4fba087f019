/* AVX2 tiles of conv_u8s8.h: 6 pixels by 16 channels. Without VNNI the exact way is by 16 bits: two
 * activations of each pixel, broadcast, times two weights of each channel (vpmaddwd), and an
 * addition; vpmaddubsw would saturate. 12 of each for 2 loads of weights and 6 broadcasts.
 * Registers: 12 sums, 2 weights, 1 activation, 1 product. */
#include "ops/cpu/int8/conv_u8s8.h"
#include "ops/cpu/int8/int8_finish.inc.h"

#include <immintrin.h>

/* Partial redundancy elimination would keep the sums in memory. */
#pragma GCC optimize("no-tree-pre")

enum { ROWS = 6, LANES = 8 };

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 8")

INLINE __m256i broadcast_2(const uint8_t *bytes) {
    int32_t two;
    memcpy(&two, bytes, sizeof two);
    return _mm256_set1_epi32(two);
}

/* Numbers of 16 channels in the order of two vectors of packed weights: groups of four alternate.
 */
INLINE void load_numbers(const void *numbers, int vectors, __m256i out[2]) {
    __m256i first = _mm256_loadu_si256(numbers);
    out[0] = first;
    if (vectors == 1) return;
    __m256i second = _mm256_loadu_si256((const __m256i *)numbers + 1);
    out[0] = _mm256_permute2x128_si256(first, second, 0x20);
    out[1] = _mm256_permute2x128_si256(first, second, 0x31);
}

INLINE void store_sums(int32_t *sums, const __m256i values[2], int vectors) {
    __m256i first = values[0];
    if (vectors == 2) {
        first = _mm256_permute2x128_si256(values[0], values[1], 0x20);
        _mm256_storeu_si256((__m256i *)(sums + LANES),
                            _mm256_permute2x128_si256(values[0], values[1], 0x31));
    }
    _mm256_storeu_si256((__m256i *)sums, first);
}

INLINE __m256i rounded(__m256i sums, __m256i multiplier) {
    return _mm256_cvtps_epi32(
        _mm256_mul_ps(_mm256_cvtepi32_ps(sums), _mm256_castsi256_ps(multiplier)));
}

/* Requantises the sums of one pixel. vpackssdw saturates to int16, so that adding the zero point
 * with saturation and clamping is exact. */
INLINE void store_row(const nn_u8s8_tile *t, uint8_t *y, const __m256i sums[2],
                      const __m256i multiplier[2], int vectors) {
    __m256i first = rounded(sums[0], multiplier[0]);
    __m256i second = vectors == 2 ? rounded(sums[1], multiplier[1]) : first;
    __m256i values = _mm256_packs_epi32(first, second);
    values = _mm256_adds_epi16(values, _mm256_set1_epi16(t->zero));
    values = _mm256_max_epi16(values, _mm256_set1_epi16(t->low));
    values = _mm256_min_epi16(values, _mm256_set1_epi16(t->high));
    values = _mm256_and_si256(values, _mm256_set1_epi16(0xff));
    __m128i bytes =
        _mm_packus_epi16(_mm256_castsi256_si128(values), _mm256_extracti128_si256(values, 1));
    if (vectors == 1) /* each group of four channels is there twice */
        bytes = _mm_shuffle_epi32(bytes, 0x08);
    if (t->columns == 2 * LANES) {
        _mm_storeu_si128((__m128i *)y, bytes);
    } else {
        uint8_t all[2 * LANES];
        _mm_storeu_si128((__m128i *)all, bytes);
        memcpy(y, all, (size_t)t->columns);
    }
}

/* `rows` and `vectors` are constants where this is inlined. */
INLINE void tile(const nn_u8s8_tile *t, const int rows, const int vectors) {
    __m256i sum[ROWS][2], start[2], multiplier[2];
    load_numbers(t->start, vectors, start);
    UNROLL for (int i = 0; i < rows; i++) UNROLL for (int j = 0; j < vectors; j++) sum[i][j] =
        start[j];

    const int16_t *w = t->w;
    const int64_t step = t->a_step;
    for (int64_t tap = 0; tap < t->tap_count; tap++) {
        const uint8_t *a = t->a[0] + t->taps[tap];
        for (int64_t k = t->steps; k > 0; k--) {
            __m256i weights[2];
            UNROLL for (int j = 0; j < vectors; j++) weights[j] =
                _mm256_load_si256((const __m256i *)w + j);
            UNROLL for (int i = 0; i < rows; i++) {
                __m256i x = broadcast_2(a + i * step);
                UNROLL for (int j = 0; j < vectors; j++) sum[i][j] =
                    _mm256_add_epi32(sum[i][j], _mm256_madd_epi16(x, weights[j]));
            }
            a += 2 * sizeof(int16_t);
            w += vectors * 2 * LANES;
        }
    }

    if (t->sums != NULL) {
        UNROLL for (int i = 0; i < rows; i++)
            store_sums(t->sums + i * vectors * LANES, sum[i], vectors);
        return;
    }
    load_numbers(t->multiplier, vectors, multiplier);
    UNROLL for (int i = 0; i < rows; i++)
        store_row(t, t->y[0] + i * t->y_step, sum[i], multiplier, vectors);
}

#define EACH_ROWS(X) X(1) X(2) X(3) X(4) X(5) X(6)
#include "ops/cpu/int8/conv_u8s8_tiles.inc.h"

/* A tile is one segment. */
const nn_u8s8_unit nn_u8s8_avx2 = {
    .name = "avx2",
    .rows = {ROWS, ROWS},
    .segment = ROWS,
    .lanes = LANES,
    .vectors = 2,
    .depth = 2,
    .activation_bytes = 2,
    .weight_bytes = 2,
    .tile = run_tile,
    .copy = nn_u8s8_copy_pairs,
    .finish = finish,
};
