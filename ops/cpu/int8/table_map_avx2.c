/* Sixteen shuffles within 16 bytes. A shuffle gives zero where the top bit of the index is set, so
 * x ^ row plus 0x70, saturated, selects by itself the bytes whose high half is that row. */
#include "ops/cpu/int8/table_map.h"

#include <immintrin.h>

static inline __m256i map_32(const __m128i *rows, __m256i x) {
    __m256i out = _mm256_setzero_si256();
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++) {
        __m256i row = _mm256_broadcastsi128_si256(_mm_loadu_si128(rows + i));
        __m256i index = _mm256_adds_epu8(_mm256_xor_si256(x, _mm256_set1_epi8((char)(i << 4))),
                                         _mm256_set1_epi8(0x70));
        out = _mm256_or_si256(out, _mm256_shuffle_epi8(row, index));
    }
    return out;
}

void nn_table_map_avx2(const uint8_t *table, const uint8_t *x, uint8_t *y, int64_t count) {
    const __m128i *rows = (const __m128i *)table;
    int64_t i = 0;
    for (; i + 32 <= count; i += 32) {
        __m256i bytes = _mm256_loadu_si256((const __m256i *)(x + i));
        _mm256_storeu_si256((__m256i *)(y + i), map_32(rows, bytes));
    }
    for (; i < count; i++) y[i] = table[x[i]];
}
