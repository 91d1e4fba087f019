/* AVX-512 VNNI tiles of conv_u8s8.h: 14 pixels by 32 channels. A step multiplies 4 activations of
 * each pixel, broadcast, with 4 weights of each channel (vpdpbusd): 28 of them for 2 loads of
 * weights and 14 broadcasts, so the multiplier is the bound, and weights stream at 64 / 14 bytes an
 * instruction, which L2 serves. Registers: 28 sums, 2 weights, 1 activation. */
#include "ops/cpu/int8/conv_u8s8.h"
#include "ops/cpu/int8/int8_bytes_avx512.h"
#include "ops/cpu/int8/int8_finish.inc.h"

#include <immintrin.h>

/* Partial redundancy elimination keeps a copy of the sums in memory and stores to it in every step.
 */
#if !defined(__clang__)
#    pragma GCC optimize("no-tree-pre")
#endif

enum { ROWS = 14, SEGMENT = 7, LANES = 16, MOST_VECTORS = 2 * ROWS };

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

/* ---- finishing ------------------------------------------------------------------------------ */

/* Four vectors of sums are finished together: a group of two pixels with two vectors, or of four
 * with one. Its bytes stand in order of pixels as pixels_of makes it of nn_bytes_of_four's. */
INLINE __m512i pixels_of(__m512i bytes, const int vectors) {
    if (vectors == 2)
        return _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7), bytes);
    return _mm512_permutexvar_epi32(
        _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15), bytes);
}
INLINE __m512i bytes_of(__m512i pixels, const int vectors) {
    if (vectors == 2)
        return _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 4, 1, 5, 2, 6, 3, 7), pixels);
    return pixels_of(pixels, vectors);
}

/* Part i of a vector, which is a constant wherever loops are unrolled; intrinsics want it written
 * as one. */
INLINE __m128i quarter_of(__m512i x, const int i) {
    switch (i) {
    case 0:
        return _mm512_castsi512_si128(x);
    case 1:
        return _mm512_extracti32x4_epi32(x, 1);
    case 2:
        return _mm512_extracti32x4_epi32(x, 2);
    default:
        return _mm512_extracti32x4_epi32(x, 3);
    }
}
INLINE __m256i half_of(__m512i x, const int i) {
    return i == 0 ? _mm512_castsi512_si256(x) : _mm512_extracti64x4_epi64(x, 1);
}
INLINE __m512i with_quarter(__m512i x, __m128i part, const int i) {
    switch (i) {
    case 0:
        return _mm512_inserti32x4(x, part, 0);
    case 1:
        return _mm512_inserti32x4(x, part, 1);
    case 2:
        return _mm512_inserti32x4(x, part, 2);
    default:
        return _mm512_inserti32x4(x, part, 3);
    }
}
INLINE __m512i with_half(__m512i x, __m256i part, const int i) {
    return i == 0 ? _mm512_inserti64x4(x, part, 0) : _mm512_inserti64x4(x, part, 1);
}

/* Pixel i of a group: its channels that are there. Whole ones go without a mask, which would keep
 * loads from being served by the store. */
INLINE void store_pixel(uint8_t *y, __m512i pixels, const int i, const int vectors, int columns,
                        __mmask32 mask) {
    if (vectors == 1)
        _mm_mask_storeu_epi8(y, (__mmask16)mask, quarter_of(pixels, i));
    else if (columns == 2 * LANES)
        _mm256_storeu_si256((__m256i *)y, half_of(pixels, i % 2));
    else
        _mm256_mask_storeu_epi8(y, mask, half_of(pixels, i % 2));
}
INLINE __m512i load_pixel(__m512i pixels, const uint8_t *y, const int i, const int vectors,
                          __mmask32 mask) {
    if (vectors == 2) return with_half(pixels, _mm256_maskz_loadu_epi8(mask, y), i % 2);
    return with_quarter(pixels, _mm_maskz_loadu_epi8((__mmask16)mask, y), i);
}

typedef struct finisher {
    __m512i multiplier[2];
    nn_byte_rule rule;
    nn_byte_adder adder;
    int columns;    /* channels that are there */
    __mmask32 mask; /* of them */
    int addend_first;
    uint8_t *y; /* of pixel 0 */
    const uint8_t *addend;
} finisher;

/* `count` pixels of a group, which lie at `at`. */
INLINE void finish_group(const finisher *f, const __m512i sums[4], const int64_t at[4], int count,
                         const int vectors, const bool is_signed, const bool adds) {
    const int group = 4 / vectors;
    __m512i rounded[4];
    UNROLL for (int i = 0; i < 4; i++) rounded[i] =
        nn_round_sums(sums[i], _mm512_castsi512_ps(f->multiplier[i % vectors]));
    __m512i bytes = nn_bytes_of_four(&f->rule, is_signed, rounded);
    if (adds) {
        __m512i addend = _mm512_setzero_si512();
        UNROLL for (int i = 0; i < group; i++) if (i < count) addend =
            load_pixel(addend, f->addend + at[i], i, vectors, f->mask);
        addend = bytes_of(addend, vectors);
        bytes = f->addend_first ? nn_add_bytes(&f->adder, is_signed, addend, bytes)
                                : nn_add_bytes(&f->adder, is_signed, bytes, addend);
    }
    const __m512i pixels = pixels_of(bytes, vectors);
    UNROLL for (int i = 0; i < group; i++) if (i < count)
        store_pixel(f->y + at[i], pixels, i, vectors, f->columns, f->mask);
}

/* Sums of `rows` pixels to results; rows up to a whole group can be read. */
INLINE void finish_rows(const nn_u8s8_tile *t, const __m512i *sums, int rows, const int vectors,
                        const bool is_signed, const bool adds) {
    const int group = 4 / vectors;
    finisher f;
    load_numbers(t->multiplier, vectors, f.multiplier);
    nn_byte_rule_set(&f.rule, is_signed, t->zero, t->low, t->high);
    if (adds) nn_byte_adder_set(&f.adder, is_signed, t->sum);
    f.addend_first = t->addend_first;
    f.columns = t->columns;
    f.mask = UINT32_MAX >> (32 - t->columns);
    f.y = t->y[0];
    f.addend = t->addend;
    const int64_t step = t->y_step, gap = t->y[1] - (t->y[0] + SEGMENT * step);
    int64_t next = 0;
    for (int row = 0; row < rows; row += group, sums += 4) {
        int64_t at[4];
        UNROLL for (int i = 0; i < group; i++) {
            at[i] = next + (row + i == SEGMENT ? gap : 0);
            next = at[i] + step;
        }
        if (row + group <= rows)
            finish_group(&f, sums, at, group, vectors, is_signed, adds);
        else
            finish_group(&f, sums, at, rows - row, vectors, is_signed, adds);
    }
}

/* One function for all counts of rows: its loop has all it needs in registers, and the products of
 * the next tile go on beside it. */
#define FINISH(vectors)                                                                            \
    static void finish_x##vectors(const nn_u8s8_tile *t, const __m512i *sums, int rows) {          \
        if (t->sum == NULL && t->is_signed)                                                        \
            finish_rows(t, sums, rows, vectors, true, false);                                      \
        else if (t->sum == NULL)                                                                   \
            finish_rows(t, sums, rows, vectors, false, false);                                     \
        else if (t->is_signed)                                                                     \
            finish_rows(t, sums, rows, vectors, true, true);                                       \
        else                                                                                       \
            finish_rows(t, sums, rows, vectors, false, true);                                      \
    }
FINISH(1)
FINISH(2)

/* ---- products ------------------------------------------------------------------------------- */

/* `rows` and `vectors` are constants where this is inlined. */
INLINE void tile(const nn_u8s8_tile *t, const int rows, const int vectors) {
    __m512i sum[ROWS][2], start[2];
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
    __m512i stored[MOST_VECTORS];
    UNROLL for (int i = 0; i < rows; i++) UNROLL for (int j = 0; j < vectors; j++)
        stored[i * vectors + j] = sum[i][j];
    UNROLL for (int i = rows * vectors; i % 4 != 0; i++) stored[i] = start[0];
    if (vectors == 1)
        finish_x1(t, stored, rows);
    else
        finish_x2(t, stored, rows);
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
    .adds = true,
    .tile = run_tile,
    .copy = copy,
    .finish = finish,
};
