/* Sixteen shuffles within 16 bytes, whose results are joined by exclusive or. A shuffle gives zero
 * where the top bit of its index is set. The index falls by 16 from row to row, and so takes part
 * from row 0, or 7 rows before its own, up to its own; rows are written as differences, such that
 * what took part makes the value: rows[i] = table[i] ^ table[i - 1] ^ rows[i - 8]. From row 8 on
 * the index saturates, so that what is below zero stays there. */
#include "ops/cpu/int8/table_map.h"

#include <immintrin.h>

enum { ROWS = 16 };

static inline __m256i row_of(const uint8_t *table, int i) {
    return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)table + i));
}

static void take_differences(const uint8_t *table, __m256i *rows) {
    rows[0] = row_of(table, 0);
    for (int i = 1; i < ROWS; i++) {
        rows[i] = _mm256_xor_si256(row_of(table, i), row_of(table, i - 1));
        if (i >= ROWS / 2) rows[i] = _mm256_xor_si256(rows[i], rows[i - ROWS / 2]);
    }
}

static inline __m256i map_32(const __m256i *rows, __m256i index) {
    const __m256i step = _mm256_set1_epi8(16);
    __m256i out = _mm256_shuffle_epi8(rows[0], index);
#pragma GCC unroll 16
    for (int i = 1; i < ROWS; i++) {
        index = i <= ROWS / 2 ? _mm256_sub_epi8(index, step) : _mm256_subs_epi8(index, step);
        out = _mm256_xor_si256(out, _mm256_shuffle_epi8(rows[i], index));
    }
    return out;
}

void nn_table_map_avx2(const uint8_t *table, const uint8_t *x, uint8_t *y, int64_t count) {
    __m256i rows[ROWS];
    int64_t i = 0;
    if (count >= 32) take_differences(table, rows);
    for (; i + 32 <= count; i += 32) {
        __m256i bytes = _mm256_loadu_si256((const __m256i *)(x + i));
        _mm256_storeu_si256((__m256i *)(y + i), map_32(rows, bytes));
    }
    for (; i < count; i++) y[i] = table[x[i]];
}
