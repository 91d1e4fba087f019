/* Sixteen shuffles within 16 bytes, each kept where the high half of the index asks for that row of
 * the table: 32 instructions for 64 bytes. */
#include "ops/cpu/int8/table_map.h"

#include <immintrin.h>

static inline __m512i map_64(const __m512i rows[16], __m512i x) {
    const __m512i row_of = _mm512_and_si512(_mm512_srli_epi16(x, 4), _mm512_set1_epi8(15));
    const __m512i place = _mm512_and_si512(x, _mm512_set1_epi8(15));
    __m512i out = _mm512_shuffle_epi8(rows[0], place);
#pragma GCC unroll 16
    for (int i = 1; i < 16; i++) {
        __mmask64 here = _mm512_cmpeq_epi8_mask(row_of, _mm512_set1_epi8((char)i));
        out = _mm512_mask_shuffle_epi8(out, here, rows[i], place);
    }
    return out;
}

void nn_table_map_avx512(const uint8_t *table, const uint8_t *x, uint8_t *y, int64_t count) {
    __m512i rows[16];
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++)
        rows[i] = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)table + i));
    int64_t i = 0;
    for (; i + 64 <= count; i += 64)
        _mm512_storeu_si512(y + i, map_64(rows, _mm512_loadu_si512(x + i)));
    if (i == count) return;
    __mmask64 rest = UINT64_MAX >> (64 - (count - i));
    _mm512_mask_storeu_epi8(y + i, rest, map_64(rows, _mm512_maskz_loadu_epi8(rest, x + i)));
}
