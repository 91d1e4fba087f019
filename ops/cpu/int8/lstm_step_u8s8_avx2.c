/* Without VNNI the exact way is by 16 bits; vpmaddubsw would saturate. */
#include "ops/cpu/float32/vector.h"

#define STEP_ROWS 2
#define DEPTH     2

NN_INLINE vi broadcast(const uint8_t *x) {
    int32_t cell;
    memcpy(&cell, x, sizeof cell);
    return (vi)_mm256_set1_epi32(cell);
}

NN_INLINE vi multiply_add(vi sums, vi x, const uint8_t *w) {
    const __m256i weights = _mm256_loadu_si256((const __m256i *)w);
    return (vi)_mm256_add_epi32((__m256i)sums, _mm256_madd_epi16((__m256i)x, weights));
}

#include "ops/cpu/int8/lstm_step_u8s8.inc.h"

LSTM_U8S8(avx2)
