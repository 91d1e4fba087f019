/* Tiles of conv_u8s8.h for any CPU: 4 pixels by 8 channels, with 16-bit factors in pairs, which
 * SSE2 multiplies and adds in one instruction (pmaddwd). Registers there: 8 sums, 2 weights, 1
 * activation, 1 product. */
#include "ops/cpu/int8/conv_u8s8.h"
#include "ops/cpu/int8/int8_finish.inc.h"

#if defined(__SSE2__)
#    include <emmintrin.h>
#endif

/* Partial redundancy elimination would keep the sums in memory. */
#pragma GCC optimize("no-tree-pre")

enum { ROWS = 4, LANES = 4 };

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 8")

typedef int32_t sums_vector __attribute__((vector_size(16)));
typedef int16_t pairs_vector __attribute__((vector_size(16)));

INLINE sums_vector load_numbers(const int32_t *numbers) {
    sums_vector out;
    memcpy(&out, numbers, sizeof out);
    return out;
}

/* Two values, for every lane. */
INLINE pairs_vector broadcast_2(const uint8_t *bytes) {
    int32_t two;
    memcpy(&two, bytes, sizeof two);
    return (pairs_vector)(sums_vector){two, two, two, two};
}

/* sum + a[2i] w[2i] + a[2i + 1] w[2i + 1] */
INLINE sums_vector add_products(sums_vector sum, pairs_vector a, pairs_vector w) {
#if defined(__SSE2__)
    return sum + (sums_vector)_mm_madd_epi16((__m128i)a, (__m128i)w);
#else
    UNROLL for (int i = 0; i < LANES; i++) sum[i] +=
        a[2 * i] * w[2 * i] + a[2 * i + 1] * w[2 * i + 1];
    return sum;
#endif
}

/* `count`, of whole vectors, is constant where this is inlined. */
INLINE void store_row(const nn_u8s8_tile *t, uint8_t *y, const int32_t *sums, const int count) {
    uint8_t bytes[2 * LANES];
    for (int i = 0; i < count; i++) {
        float scaled = (float)sums[i] * t->multiplier[i];
        int32_t value = nn_quant_round(scaled, 0, INT16_MIN, INT16_MAX) + t->zero;
        value = value > t->low ? value : t->low;
        bytes[i] = (uint8_t)(value < t->high ? value : t->high);
    }
    memcpy(y, bytes, (size_t)t->columns);
}

/* `rows` and `vectors` are constants where this is inlined. */
INLINE void tile(const nn_u8s8_tile *t, const int rows, const int vectors) {
    sums_vector sum[ROWS][2];
    UNROLL for (int i = 0; i < rows; i++) UNROLL for (int j = 0; j < vectors; j++) sum[i][j] =
        load_numbers(t->start + j * LANES);

    const pairs_vector *w = t->w;
    const int64_t step = t->a_step;
    for (int64_t tap = 0; tap < t->tap_count; tap++) {
        const uint8_t *a = t->a[0] + t->taps[tap];
        for (int64_t k = t->steps; k > 0; k--) {
            UNROLL for (int i = 0; i < rows; i++) {
                pairs_vector x = broadcast_2(a + i * step);
                UNROLL for (int j = 0; j < vectors; j++) sum[i][j] =
                    add_products(sum[i][j], x, w[j]);
            }
            a += 2 * sizeof(int16_t);
            w += vectors;
        }
    }

    int32_t *sums = t->sums;
    UNROLL for (int i = 0; i < rows; i++) {
        int32_t row[2 * LANES];
        int32_t *target = sums != NULL ? sums + i * vectors * LANES : row;
        memcpy(target, sum[i], (size_t)vectors * sizeof sum[i][0]);
        if (sums == NULL) store_row(t, t->y[0] + i * t->y_step, row, vectors * LANES);
    }
}

#define EACH_ROWS(X) X(1) X(2) X(3) X(4)
#include "ops/cpu/int8/conv_u8s8_tiles.inc.h"

/* A tile is one segment. */
const nn_u8s8_unit nn_u8s8_portable = {
    .name = "portable",
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
