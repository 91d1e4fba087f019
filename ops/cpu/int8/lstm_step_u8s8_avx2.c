/* Without VNNI the exact way is by 16 bits; vpmaddubsw would saturate. Weights of two gates share
 * the bytes of 16 bits, so that they stay in L2: products with the whole and with the upper byte
 * alone give both sums, without a conversion. 256 times the sum of 256 products keeps to 32 bits.
 */
#include "ops/cpu/float32/vector.h"

/* Partial redundancy elimination would keep sums in memory. */
#pragma GCC optimize("no-tree-pre")

#define STEP_ROWS 2
#define DEPTH     2
#define PAIRED    1

enum { PAIRED_STEPS = 128 };

NN_INLINE vi broadcast(const uint8_t *x) {
    int32_t cell;
    memcpy(&cell, x, sizeof cell);
    return (vi)_mm256_set1_epi32(cell);
}

NN_INLINE vi add_products(vi sums, vi x, __m256i weights) {
    return (vi)_mm256_add_epi32((__m256i)sums, _mm256_madd_epi16((__m256i)x, weights));
}

/* acc: sums of the whole for two pairs of gates, and of the upper bytes. */
NN_INLINE void accumulate(vi acc[4], vi x, const uint8_t *w) {
    const __m256i upper = _mm256_set1_epi16((int16_t)0xff00);
#pragma GCC unroll 2
    for (int pair = 0; pair < 2; pair++) {
        const __m256i both = _mm256_loadu_si256((const __m256i *)w + pair);
        acc[pair] = add_products(acc[pair], x, both);
        acc[2 + pair] = add_products(acc[2 + pair], x, _mm256_and_si256(both, upper));
    }
}

NN_INLINE void settle(vi sums[4], const vi acc[4]) {
    for (int pair = 0; pair < 2; pair++) {
        const __m256i both = (__m256i)acc[pair], upper = (__m256i)acc[2 + pair];
        sums[2 * pair] =
            (vi)_mm256_add_epi32((__m256i)sums[2 * pair], _mm256_sub_epi32(both, upper));
        sums[2 * pair + 1] =
            (vi)_mm256_add_epi32((__m256i)sums[2 * pair + 1], _mm256_srai_epi32(upper, 8));
    }
}

#include "ops/cpu/int8/lstm_step_u8s8.inc.h"

LSTM_U8S8(avx2)
