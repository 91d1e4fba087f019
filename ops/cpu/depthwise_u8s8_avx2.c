/* AVX2 blocks of depthwise_u8s8.h: 32 channels. Without VNNI, groups of four bytes are split in two
 * pairs of 16 bits, which vpmaddwd multiplies exactly. */
#include "ops/cpu/depthwise_u8s8.h"
#include "ops/cpu/int8_finish.inc.h"

#include <immintrin.h>

/* Partial redundancy elimination would keep the sums in memory. */
#pragma GCC optimize("no-tree-pre")

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 16")

/* Rows 0 and 2 of each channel, and rows 1 and 3. */
typedef struct pair_vectors {
    __m256i even, odd;
} pair_vectors;

INLINE __m256i set_byte_32(uint8_t x) {
    return _mm256_set1_epi8((char)x);
}
INLINE __m256i set_16_32(int16_t x) {
    return _mm256_set1_epi16(x);
}
INLINE __m256i xor_32(__m256i a, __m256i b) {
    return _mm256_xor_si256(a, b);
}
INLINE __m256i unpack_low_8_32(__m256i a, __m256i b) {
    return _mm256_unpacklo_epi8(a, b);
}
INLINE __m256i unpack_high_8_32(__m256i a, __m256i b) {
    return _mm256_unpackhi_epi8(a, b);
}
INLINE __m256i unpack_low_16_32(__m256i a, __m256i b) {
    return _mm256_unpacklo_epi16(a, b);
}
INLINE __m256i unpack_high_16_32(__m256i a, __m256i b) {
    return _mm256_unpackhi_epi16(a, b);
}
INLINE pair_vectors quads_32(__m256i bytes) {
    return (pair_vectors){_mm256_and_si256(bytes, _mm256_set1_epi16(0xff)),
                          _mm256_srli_epi16(bytes, 8)};
}
INLINE __m256i dot_32(__m256i sum, pair_vectors x, const int8_t *w) {
    const __m256i *weights = (const __m256i *)w;
    sum = _mm256_add_epi32(sum, _mm256_madd_epi16(x.even, _mm256_load_si256(weights)));
    return _mm256_add_epi32(sum, _mm256_madd_epi16(x.odd, _mm256_load_si256(weights + 1)));
}
INLINE __m256i pack_32_32(__m256i a, __m256i b) {
    return _mm256_packs_epi32(a, b);
}
INLINE __m256i add_16_32(__m256i a, __m256i b) {
    return _mm256_adds_epi16(a, b);
}
INLINE __m256i max_16_32(__m256i a, __m256i b) {
    return _mm256_max_epi16(a, b);
}
INLINE __m256i min_16_32(__m256i a, __m256i b) {
    return _mm256_min_epi16(a, b);
}
INLINE __m256i scale_32(__m256i sums, __m256i multiplier) {
    return _mm256_cvtps_epi32(
        _mm256_mul_ps(_mm256_cvtepi32_ps(sums), _mm256_castsi256_ps(multiplier)));
}
/* The low bytes of int16 values. */
INLINE __m256i join_bytes_32(__m256i first, __m256i second) {
    const __m256i mask = _mm256_set1_epi16(0xff);
    return _mm256_packus_epi16(_mm256_and_si256(first, mask), _mm256_and_si256(second, mask));
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
/* Four numbers from each of two places 64 bytes apart. */
INLINE __m256i gather_fours_32(const char *p) {
    __m256i out = _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)p));
    return _mm256_inserti128_si256(out, _mm_loadu_si128((const __m128i *)(p + 64)), 1);
}
INLINE void scatter_fours_32(int32_t *p, __m256i values) {
    _mm_storeu_si128((__m128i *)p, _mm256_castsi256_si128(values));
    _mm_storeu_si128((__m128i *)(p + 16), _mm256_extracti128_si256(values, 1));
}

#define WEIGHT_BYTES 2
#define VECTOR_BYTES 32
#define BYTES        __m256i
#define QUADS        pair_vectors
#define V(stem)      stem##_32
#include "ops/cpu/depthwise_u8s8.inc.h"

const nn_depthwise_unit nn_depthwise_u8s8_avx2 = {.name = "avx2",
                                                  .wide = 32,
                                                  .narrow = 32,
                                                  .overlaps = true,
                                                  .weight_bytes = WEIGHT_BYTES,
                                                  .run_wide = run_32,
                                                  .run_narrow = run_32,
                                                  .finish = finish};
