/* From sums to bytes in AVX2 registers. Four vectors of rounded values become one vector of bytes,
 * in which dword t of each 128-bit lane comes from vector t. */
#ifndef NN_INT8_BYTES_AVX2_H
#define NN_INT8_BYTES_AVX2_H

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

/* The way from rounded values to bytes, that of nn_int8_call. Values that may be negative are
 * clamped as unsigned bytes, 0x80 more, which `flip` undoes. */
typedef struct nn_byte_rule {
    __m256i zero; /* 16 bits */
    __m256i low, high, flip;
} nn_byte_rule;

static inline nn_byte_rule nn_byte_rule_make(int16_t zero, int16_t low, int16_t high) {
    const int offset = low < 0 ? 0x80 : 0;
    return (nn_byte_rule){.zero = _mm256_set1_epi16((int16_t)(zero + offset)),
                          .low = _mm256_set1_epi8((char)(low + offset)),
                          .high = _mm256_set1_epi8((char)(high + offset)),
                          .flip = _mm256_set1_epi8((char)offset)};
}

static inline __m256i nn_round_sums(__m256i sums, __m256 multiplier) {
    return _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_cvtepi32_ps(sums), multiplier));
}

/* Saturation to 16 bits before the zero point is added, and to 8 bits after it, makes the same
 * values as clamping once. */
static inline __m256i nn_bytes_of_four(const nn_byte_rule *rule, __m256i a, __m256i b, __m256i c,
                                       __m256i d) {
    const __m256i first = _mm256_adds_epi16(_mm256_packs_epi32(a, b), rule->zero);
    const __m256i second = _mm256_adds_epi16(_mm256_packs_epi32(c, d), rule->zero);
    const __m256i bytes = _mm256_packus_epi16(first, second);
    return _mm256_xor_si256(_mm256_min_epu8(_mm256_max_epu8(bytes, rule->low), rule->high),
                            rule->flip);
}

/* Dwords 0 of both lanes, then 1; and 2, then 3. */
static inline void nn_join_lanes(__m256i bytes, __m128i pairs[2]) {
    const __m128i low = _mm256_castsi256_si128(bytes), high = _mm256_extracti128_si256(bytes, 1);
    pairs[0] = _mm_unpacklo_epi32(low, high);
    pairs[1] = _mm_unpackhi_epi32(low, high);
}

/* The first `count` of `whole` bytes, 8 or 16, which is a constant where this is inlined. */
static inline __attribute__((always_inline)) void nn_store_bytes(uint8_t *y, __m128i bytes,
                                                                 int count, const int whole) {
    if (count < whole) {
        uint8_t all[sizeof bytes];
        _mm_storeu_si128((__m128i *)all, bytes);
        memcpy(y, all, (size_t)count);
    } else if (whole == 8) {
        _mm_storel_epi64((__m128i *)y, bytes);
    } else {
        _mm_storeu_si128((__m128i *)y, bytes);
    }
}

#endif
