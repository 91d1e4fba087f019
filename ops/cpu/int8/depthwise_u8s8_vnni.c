/* AVX-512 VNNI blocks of depthwise_u8s8.h: 64 channels in 512-bit vectors, 32 in 256-bit ones. */
#include "ops/cpu/int8/depthwise_u8s8_32.h"
#include "ops/cpu/int8/int8_finish.inc.h"

/* Partial redundancy elimination would keep the sums in memory. */
#pragma GCC optimize("no-tree-pre")

/* ---- 64 channels ---------------------------------------------------------------------------- */

INLINE __m512i set_byte_64(uint8_t x) {
    return _mm512_set1_epi8((char)x);
}
INLINE __m512i set_16_64(int16_t x) {
    return _mm512_set1_epi16(x);
}
INLINE __m512i xor_64(__m512i a, __m512i b) {
    return _mm512_xor_si512(a, b);
}
INLINE __m512i unpack_low_8_64(__m512i a, __m512i b) {
    return _mm512_unpacklo_epi8(a, b);
}
INLINE __m512i unpack_high_8_64(__m512i a, __m512i b) {
    return _mm512_unpackhi_epi8(a, b);
}
INLINE __m512i unpack_low_16_64(__m512i a, __m512i b) {
    return _mm512_unpacklo_epi16(a, b);
}
INLINE __m512i unpack_high_16_64(__m512i a, __m512i b) {
    return _mm512_unpackhi_epi16(a, b);
}
INLINE __m512i quads_64(__m512i bytes) {
    return bytes;
}
INLINE __m512i dot_64(__m512i sum, __m512i x, const int8_t *w) {
    return _mm512_dpbusd_epi32(sum, x, _mm512_load_si512(w));
}
INLINE __m512i next_rows_64(__m512i quads) {
    return _mm512_srli_epi32(quads, 8);
}
/* Written out, for compilers would load all weights first, and keep sums in memory for it. */
INLINE void dot_both_64(__m512i *a, __m512i *b, __m512i x, __m512i below, const int8_t *w) {
    __m512i weights;
    __asm__ volatile("vmovdqa64 %[w], %[weights]\n\t"
                     "vpdpbusd %[weights], %[x], %[a]\n\t"
                     "vpdpbusd %[weights], %[below], %[b]"
                     : [a] "+v"(*a), [b] "+v"(*b), [weights] "=&v"(weights)
                     : [x] "v"(x), [below] "v"(below), [w] "m"(*(const __m512i *)(const void *)w));
}
INLINE __m512i pack_32_64(__m512i a, __m512i b) {
    return _mm512_packs_epi32(a, b);
}
INLINE __m512i add_16_64(__m512i a, __m512i b) {
    return _mm512_adds_epi16(a, b);
}
INLINE __m512i max_16_64(__m512i a, __m512i b) {
    return _mm512_max_epi16(a, b);
}
INLINE __m512i min_16_64(__m512i a, __m512i b) {
    return _mm512_min_epi16(a, b);
}
INLINE __m512i scale_64(__m512i sums, __m512i multiplier) {
    return _mm512_cvtps_epi32(
        _mm512_mul_ps(_mm512_cvtepi32_ps(sums), _mm512_castsi512_ps(multiplier)));
}
INLINE __m512i narrow_64(int is_signed, __m512i first, __m512i second) {
    return is_signed ? _mm512_packs_epi16(first, second) : _mm512_packus_epi16(first, second);
}
INLINE __m512i load_first_64(const uint8_t *p, int count) {
    return _mm512_maskz_loadu_epi8(UINT64_MAX >> (64 - count), p);
}
INLINE void store_first_64(uint8_t *p, __m512i v, int count) {
    _mm512_mask_storeu_epi8(p, UINT64_MAX >> (64 - count), v);
}
INLINE void scatter_fours_64(int32_t *p, __m512i values) {
    _mm_storeu_si128((__m128i *)p, _mm512_castsi512_si128(values));
    _mm_storeu_si128((__m128i *)(p + 16), _mm512_extracti32x4_epi32(values, 1));
    _mm_storeu_si128((__m128i *)(p + 32), _mm512_extracti32x4_epi32(values, 2));
    _mm_storeu_si128((__m128i *)(p + 48), _mm512_extracti32x4_epi32(values, 3));
}

#define WEIGHT_BYTES 1
#define VECTOR_BYTES 64
#define BYTES        __m512i
#define QUADS        __m512i
#define V(stem)      stem##_64
#include "ops/cpu/int8/depthwise_u8s8.inc.h"
#undef VECTOR_BYTES
#undef BYTES
#undef QUADS
#undef V

/* ---- 32 channels ---------------------------------------------------------------------------- */

INLINE __m256i quads_32(__m256i bytes) {
    return bytes;
}
INLINE __m256i dot_32(__m256i sum, __m256i x, const int8_t *w) {
    return _mm256_dpbusd_epi32(sum, x, _mm256_load_si256((const __m256i *)w));
}
INLINE __m256i next_rows_32(__m256i quads) {
    return _mm256_srli_epi32(quads, 8);
}
INLINE void dot_both_32(__m256i *a, __m256i *b, __m256i x, __m256i below, const int8_t *w) {
    const __m256i weights = _mm256_load_si256((const __m256i *)w);
    *a = _mm256_dpbusd_epi32(*a, x, weights);
    *b = _mm256_dpbusd_epi32(*b, below, weights);
}
INLINE __m256i load_first_32(const uint8_t *p, int count) {
    return _mm256_maskz_loadu_epi8(UINT32_MAX >> (32 - count), p);
}
INLINE void store_first_32(uint8_t *p, __m256i v, int count) {
    _mm256_mask_storeu_epi8(p, UINT32_MAX >> (32 - count), v);
}

#define VECTOR_BYTES 32
#define BYTES        __m256i
#define QUADS        __m256i
#define V(stem)      stem##_32
#include "ops/cpu/int8/depthwise_u8s8.inc.h"

const nn_depthwise_unit nn_depthwise_u8s8_vnni = {.name = "vnni",
                                                  .wide = 64,
                                                  .narrow = 32,
                                                  .weight_bytes = WEIGHT_BYTES,
                                                  .run_wide = run_64,
                                                  .run_narrow = run_32,
                                                  .run_wide_pair = slide_pair_64,
                                                  .run_narrow_pair = slide_pair_32,
                                                  .finish = finish};
