/* AVX2 blocks of depthwise_u8s8.h: 32 channels. Without VNNI, groups of four bytes are split in two
 * pairs of 16 bits, which vpmaddwd multiplies exactly. */
#include "ops/cpu/int8/depthwise_u8s8_32.h"
#include "ops/cpu/int8/int8_finish.inc.h"

/* Partial redundancy elimination would keep the sums in memory. */
#pragma GCC optimize("no-tree-pre")

/* Rows 0 and 2 of each channel, and rows 1 and 3. */
typedef struct pair_vectors {
    __m256i even, odd;
} pair_vectors;

INLINE pair_vectors quads_32(__m256i bytes) {
    return (pair_vectors){_mm256_and_si256(bytes, _mm256_set1_epi16(0xff)),
                          _mm256_srli_epi16(bytes, 8)};
}
INLINE __m256i dot_32(__m256i sum, pair_vectors x, const int8_t *w) {
    const __m256i *weights = (const __m256i *)w;
    sum = _mm256_add_epi32(sum, _mm256_madd_epi16(x.even, _mm256_load_si256(weights)));
    return _mm256_add_epi32(sum, _mm256_madd_epi16(x.odd, _mm256_load_si256(weights + 1)));
}
/* Blocks are partial only where there are less than 32 channels in all. */
INLINE __m256i load_first_32(const uint8_t *p, int count) {
    if (count == 32) return _mm256_loadu_si256((const __m256i *)p);
    uint8_t all[32] = {0};
    memcpy(all, p, (size_t)count);
    return _mm256_loadu_si256((const __m256i *)all);
}
INLINE void store_first_32(uint8_t *p, __m256i v, int count) {
    if (count == 32) {
        _mm256_storeu_si256((__m256i *)p, v);
        return;
    }
    uint8_t all[32];
    _mm256_storeu_si256((__m256i *)all, v);
    memcpy(p, all, (size_t)count);
}

#define WEIGHT_BYTES 2
#define VECTOR_BYTES 32
#define BYTES        __m256i
#define QUADS        pair_vectors
#define V(stem)      stem##_32
#include "ops/cpu/int8/depthwise_u8s8.inc.h"

const nn_depthwise_unit nn_depthwise_u8s8_avx2 = {.name = "avx2",
                                                  .wide = 32,
                                                  .narrow = 32,
                                                  .overlaps = true,
                                                  .weight_bytes = WEIGHT_BYTES,
                                                  .run_wide = run_32,
                                                  .run_narrow = run_32,
                                                  .finish = finish};
