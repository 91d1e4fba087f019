/* The 256-bit operations of depthwise_u8s8.inc.h that AVX2 and VNNI share: 32 channels. */
#ifndef NN_DEPTHWISE_U8S8_32_H
#define NN_DEPTHWISE_U8S8_32_H

#include "ops/cpu/int8/depthwise_u8s8.h"

#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 16")

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
INLINE __m256i narrow_32(int is_signed, __m256i first, __m256i second) {
    return is_signed ? _mm256_packs_epi16(first, second) : _mm256_packus_epi16(first, second);
}
INLINE void scatter_fours_32(int32_t *p, __m256i values) {
    _mm_storeu_si128((__m128i *)p, _mm256_castsi256_si128(values));
    _mm_storeu_si128((__m128i *)(p + 16), _mm256_extracti128_si256(values, 1));
}

#endif
