/* AVX2 tiles of conv_u8s8.h: 6 pixels by 16 channels. Without VNNI the exact way is by 16 bits: two
 * activations of each pixel, broadcast, times two weights of each channel (vpmaddwd), and an
 * addition; vpmaddubsw would saturate. Where products are shared (conv_u8s8.h) two vpaddw come
 * before a vpmaddwd, which then does the work of two, and multiplications, one a cycle on Zen 2,
 * are no longer what bounds the loop. Registers: 12 sums, 2 activations, 2 for their sums with
 * weights from memory.
 */
#include "ops/cpu/int8/conv_u8s8.h"
#include "ops/cpu/int8/int8_bytes_avx2.h"
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

/* The bytes of two pixels one after the other, or of one twice. */
INLINE __m256i bytes_of_two(const nn_byte_rule *rule, const __m256 multiplier[2],
                            const __m256i first[2], const __m256i second[2], const int vectors) {
    const __m256i *sums[2] = {first, second};
    __m256i rounded[2][2];
    UNROLL for (int i = 0; i < 2; i++) {
        rounded[i][0] = nn_round_sums(sums[i][0], multiplier[0]);
        rounded[i][1] = vectors == 2 ? nn_round_sums(sums[i][1], multiplier[1]) : rounded[i][0];
    }
    __m256i bytes =
        nn_bytes_of_four(rule, rounded[0][0], rounded[0][1], rounded[1][0], rounded[1][1]);
    bytes = _mm256_permute4x64_epi64(bytes, 0xd8);
    return vectors == 2 ? bytes : _mm256_shuffle_epi32(bytes, 0x08); /* groups of four are twice */
}

/* What sums become. */
typedef struct tile_end {
    nn_byte_rule rule;
    __m256 multiplier[2];
    int64_t y_step;
    int columns;
} tile_end;

INLINE tile_end end_of(const nn_u8s8_tile *t, const int vectors) {
    __m256i numbers[2];
    load_numbers(t->multiplier, vectors, numbers);
    return (tile_end){
        .rule = nn_byte_rule_make(t->zero, t->low, t->high),
        .multiplier = {_mm256_castsi256_ps(numbers[0]), _mm256_castsi256_ps(numbers[vectors - 1])},
        .y_step = t->y_step,
        .columns = t->columns,
    };
}

INLINE void store_rows(const tile_end *end, uint8_t *y, __m256i sums[ROWS][2], const int rows,
                       const int vectors) {
    UNROLL for (int i = 0; i < rows; i += 2) {
        const int next = i + 1 < rows ? i + 1 : i;
        const __m256i bytes =
            bytes_of_two(&end->rule, end->multiplier, sums[i], sums[next], vectors);
        nn_store_bytes(y + i * end->y_step, _mm256_castsi256_si128(bytes), end->columns,
                       vectors * LANES);
        if (next > i)
            nn_store_bytes(y + next * end->y_step, _mm256_extracti128_si256(bytes, 1), end->columns,
                           vectors * LANES);
    }
}

INLINE __m256i weights_at(const int16_t *w, int vector) {
    return _mm256_load_si256((const __m256i *)w + vector);
}

/* Written out: compilers would keep the weights in registers, and sums in memory for it. */
INLINE __m256i add_from_memory(__m256i x, const int16_t *w) {
    __m256i sum;
    __asm__("vpaddw %2, %1, %0" : "=x"(sum) : "x"(x), "m"(*(const __m256i *)w));
    return sum;
}

/* Bytes of two steps' activations of a pixel, and their weights of a vector of channels. */
enum { PAIR_BYTES = 4 * sizeof(int16_t), PAIR_WEIGHTS = 4 * LANES };

/* Two steps, which share products. */
INLINE void add_pair(__m256i sum[2], const uint8_t *a, const int16_t *w, const int vectors) {
    const __m256i x = broadcast_2(a), next = broadcast_2(a + PAIR_BYTES / 2);
    UNROLL for (int j = 0; j < vectors; j++) {
        __m256i left = add_from_memory(x, w + (vectors + j) * 2 * LANES);
        __m256i right = add_from_memory(next, w + j * 2 * LANES);
        sum[j] = _mm256_add_epi32(sum[j], _mm256_madd_epi16(left, right));
    }
}

INLINE void add_single(__m256i sum[2], const uint8_t *a, const __m256i weights[2],
                       const int vectors) {
    const __m256i x = broadcast_2(a);
    UNROLL for (int j = 0; j < vectors; j++) sum[j] =
        _mm256_add_epi32(sum[j], _mm256_madd_epi16(x, weights[j]));
}

/* Where a tile is in a tap, and the steps that are left. */
typedef struct tile_place {
    const uint8_t *a;
    const int16_t *w;
    int64_t pairs, singles;
} tile_place;

/* One pixel reads its weights once, mostly from memory, which gives more to several streams: so
 * many parts of the steps are summed side by side, but for the last few. */
INLINE void add_streams(tile_place *at, __m256i sum[2], const int vectors) {
    enum { STREAMS = 4 };
    const bool is_shared = at->pairs > 0;
    const int64_t part = (is_shared ? at->pairs : at->singles) / STREAMS;
    const int64_t bytes = is_shared ? PAIR_BYTES : PAIR_BYTES / 2;
    const int64_t step = vectors * (is_shared ? PAIR_WEIGHTS : PAIR_WEIGHTS / 2);
    const uint8_t *a = at->a;
    const int16_t *w = at->w;
    __m256i sums[STREAMS][2];
    UNROLL for (int s = 0; s < STREAMS; s++) sums[s][0] = sums[s][1] = _mm256_setzero_si256();
    for (int64_t k = 0; k < part && is_shared; k++, a += bytes, w += step) {
        UNROLL for (int s = 0; s < STREAMS; s++)
            add_pair(sums[s], a + s * part * bytes, w + s * part * step, vectors);
    }
    for (int64_t k = 0; k < part && !is_shared; k++, a += bytes, w += step) {
        UNROLL for (int s = 0; s < STREAMS; s++) {
            __m256i weights[2];
            UNROLL for (int j = 0; j < vectors; j++) weights[j] =
                weights_at(w + s * part * step, j);
            add_single(sums[s], a + s * part * bytes, weights, vectors);
        }
    }
    UNROLL for (int s = 0; s < STREAMS; s++) UNROLL for (int j = 0; j < vectors; j++) sum[j] =
        _mm256_add_epi32(sum[j], sums[s][j]);
    at->a += STREAMS * part * bytes;
    at->w += STREAMS * part * step;
    *(is_shared ? &at->pairs : &at->singles) -= STREAMS * part;
}

/* The fourth row, or the first where there is none. Where sums are kept gcc would have a register
 * for the distance of each row from the first, and the loop's counter in memory; where bytes are
 * made it does not, and is faster without. */
INLINE const uint8_t *far_rows(const uint8_t *a, int64_t step, const int rows) {
    const uint8_t *far = rows > 3 ? a + 3 * step : a;
    __asm__("" : "+r"(far));
    return far;
}

/* All but the tile are constants where this is inlined. */
INLINE void run_tiles(const nn_u8s8_tile *t, const int rows, const int vectors,
                      const bool keeps_sums) {
    __m256i sum[ROWS][2], start[2];
    load_numbers(t->start, vectors, start);
    tile_end end;
    if (!keeps_sums) end = end_of(t, vectors);
    const int64_t step = t->a_step;
    const int64_t pairs = t->own != NULL ? t->steps / 2 : 0, singles = t->steps - 2 * pairs;
    const uint8_t *a = t->a[0];
    const int32_t *own = t->own;
    uint8_t *y = t->y[0];
    int64_t left = t->more;
    do {
        UNROLL for (int i = 0; i < rows; i++) {
            const __m256i taken = _mm256_set1_epi32(own != NULL ? own[i] : 0);
            UNROLL for (int j = 0; j < vectors; j++) sum[i][j] = _mm256_sub_epi32(start[j], taken);
        }
        const int16_t *w = t->w;
        for (int64_t tap = 0; tap < t->tap_count; tap++) {
            tile_place at = {a + t->taps[tap], w, pairs, singles};
            if (rows == 1 && t->tap_count == 1) add_streams(&at, sum[0], vectors);
            const uint8_t *far = far_rows(at.a, step, rows);
            for (; at.pairs > 0; at.pairs--) {
                UNROLL for (int i = 0; i < rows; i++)
                    add_pair(sum[i], i < 3 || !keeps_sums ? at.a + i * step : far + (i - 3) * step,
                             at.w, vectors);
                at.a += PAIR_BYTES;
                far += PAIR_BYTES;
                at.w += vectors * PAIR_WEIGHTS;
            }
            for (; at.singles > 0; at.singles--) {
                __m256i weights[2];
                UNROLL for (int j = 0; j < vectors; j++) weights[j] = weights_at(at.w, j);
                UNROLL for (int i = 0; i < rows; i++) add_single(
                    sum[i], i < 3 || !keeps_sums ? at.a + i * step : far + (i - 3) * step, weights,
                    vectors);
                at.a += PAIR_BYTES / 2;
                far += PAIR_BYTES / 2;
                at.w += vectors * PAIR_WEIGHTS / 2;
            }
            w = at.w;
        }
        if (keeps_sums) {
            UNROLL for (int i = 0; i < rows; i++)
                store_sums(t->sums + i * vectors * LANES, sum[i], vectors);
            return;
        }
        store_rows(&end, y, sum, rows, vectors);
        a += rows * step;
        y += rows * end.y_step;
        if (own != NULL) own += rows;
    } while (left-- > 0);
}

INLINE void tile(const nn_u8s8_tile *t, const int rows, const int vectors) {
    if (t->sums != NULL)
        run_tiles(t, rows, vectors, true);
    else
        run_tiles(t, rows, vectors, false);
}

/* Neighbouring pairs of activations with each other: each product stands in two neighbours. */
INLINE __m256i own_of(__m256i x) {
    return _mm256_madd_epi16(x, _mm256_shuffle_epi32(x, 0xb1));
}

/* Of pixel i over all taps: the products of its lanes, each in two neighbours, to be added. */
INLINE __m256i own_of_pixel(const nn_u8s8_tile *t, int64_t i) {
    __m256i sums = _mm256_setzero_si256();
    for (int64_t tap = 0; tap < t->tap_count; tap++) {
        const uint8_t *a = t->a[0] + i * t->a_step + t->taps[tap];
        int64_t pairs = t->steps / 2;
        for (; pairs >= 4; pairs -= 4, a += sizeof(__m256i))
            sums = _mm256_add_epi32(sums, own_of(_mm256_loadu_si256((const __m256i *)a)));
        for (; pairs > 0; pairs--, a += sizeof(__m128i) / 2) {
            __m128i x = _mm_loadl_epi64((const __m128i *)a);
            sums = _mm256_add_epi32(sums, own_of(_mm256_zextsi128_si256(x)));
        }
    }
    return sums;
}

/* Every other lane of two vectors. */
INLINE __m256i even_lanes(__m256i a, __m256i b) {
    return _mm256_castps_si256(
        _mm256_shuffle_ps(_mm256_castsi256_ps(a), _mm256_castsi256_ps(b), 0x88));
}

static void own_products(const nn_u8s8_tile *t, int64_t count, int32_t *out) {
    for (int64_t i = 0; i < count; i += 4) {
        __m256i sums[4];
        UNROLL for (int j = 0; j < 4; j++) sums[j] = own_of_pixel(t, i + j < count ? i + j : i);
        const __m256i four =
            _mm256_hadd_epi32(even_lanes(sums[0], sums[1]), even_lanes(sums[2], sums[3]));
        const __m128i own =
            _mm_add_epi32(_mm256_castsi256_si128(four), _mm256_extracti128_si256(four, 1));
        if (i + 4 <= count) {
            _mm_storeu_si128((__m128i *)(out + i), own);
        } else {
            int32_t all[4];
            _mm_storeu_si128((__m128i *)all, own);
            memcpy(out + i, all, (size_t)(count - i) * sizeof *out);
        }
    }
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
    .continues = true,
    .tile = run_tile,
    .own = own_products,
    .copy = nn_u8s8_copy_pairs,
    .finish = finish,
};
