/* Two permutations of 128 bytes cover the table (vpermi2b reads 7 bits of each index); the sign of
 * the index says which one holds. Bound by loads and stores. */
#include "ops/cpu/int8/table_map.h"

#include <immintrin.h>

static inline __m512i map_64(const __m512i quarters[4], __m512i x) {
    __m512i low = _mm512_permutex2var_epi8(quarters[0], x, quarters[1]);
    __m512i high = _mm512_permutex2var_epi8(quarters[2], x, quarters[3]);
    return _mm512_mask_blend_epi8(_mm512_movepi8_mask(x), low, high);
}

void nn_table_map_vbmi(const uint8_t *table, const uint8_t *x, uint8_t *y, int64_t count) {
    __m512i quarters[4];
    for (int i = 0; i < 4; i++) quarters[i] = _mm512_loadu_si512(table + 64 * i);
    int64_t i = 0;
    for (; i + 64 <= count; i += 64)
        _mm512_storeu_si512(y + i, map_64(quarters, _mm512_loadu_si512(x + i)));
    if (i == count) return;
    __mmask64 rest = UINT64_MAX >> (64 - (count - i));
    _mm512_mask_storeu_epi8(y + i, rest, map_64(quarters, _mm512_maskz_loadu_epi8(rest, x + i)));
}
