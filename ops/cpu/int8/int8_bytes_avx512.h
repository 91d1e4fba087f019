/* From sums to bytes in AVX-512 registers. Four vectors of sums become one vector of bytes, in
 * which dword t of each 128-bit lane comes from vector t. */
#ifndef NN_INT8_BYTES_AVX512_H
#define NN_INT8_BYTES_AVX512_H

#include "ops/family/qlinear_binary.h"

#include <immintrin.h>
#include <stdbool.h>

#define NN_BYTES_INLINE static inline __attribute__((always_inline))

/* Part i of a vector, which is a constant wherever loops are unrolled; intrinsics want it written
 * as one. */
NN_BYTES_INLINE __m128i nn_quarter_of(__m512i x, const int i) {
    switch (i) {
    case 0:
        return _mm512_castsi512_si128(x);
    case 1:
        return _mm512_extracti32x4_epi32(x, 1);
    case 2:
        return _mm512_extracti32x4_epi32(x, 2);
    default:
        return _mm512_extracti32x4_epi32(x, 3);
    }
}
NN_BYTES_INLINE __m512i nn_with_quarter(__m512i x, __m128i part, const int i) {
    switch (i) {
    case 0:
        return _mm512_inserti32x4(x, part, 0);
    case 1:
        return _mm512_inserti32x4(x, part, 1);
    case 2:
        return _mm512_inserti32x4(x, part, 2);
    default:
        return _mm512_inserti32x4(x, part, 3);
    }
}

/* Four pixels of 16 channels in the order of nn_bytes_of_four, and back: dword i of quarter j comes
 * from dword j of quarter i. */
NN_BYTES_INLINE __m512i nn_exchange_dwords(__m512i bytes) {
    return _mm512_permutexvar_epi32(
        _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15), bytes);
}

/* The way from rounded values to bytes, that of nn_int8_call. */
typedef struct nn_byte_rule {
    int shifts, clips;       /* zero, and low and high, change what saturation makes */
    __m512i zero, low, high; /* 16 bits */
} nn_byte_rule;

static inline void nn_byte_rule_set(nn_byte_rule *out, bool is_signed, int16_t zero, int16_t low,
                                    int16_t high) {
    const int lowest = is_signed ? INT8_MIN : 0;
    out->shifts = zero != 0;
    out->clips = low != lowest || high != lowest + UINT8_MAX;
    out->zero = _mm512_set1_epi16(zero);
    out->low = _mm512_set1_epi16(low);
    out->high = _mm512_set1_epi16(high);
}

NN_BYTES_INLINE __m512i nn_round_sums(__m512i sums, __m512 multiplier) {
    return _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_cvtepi32_ps(sums), multiplier));
}

NN_BYTES_INLINE __m512i nn_narrow_to_bytes(bool is_signed, __m512i first, __m512i second) {
    return is_signed ? _mm512_packs_epi16(first, second) : _mm512_packus_epi16(first, second);
}

/* Saturation to 16 bits, which the halves have been through, before the zero point is added, and to
 * 8 bits after it, makes the same values as clamping once. */
NN_BYTES_INLINE __m512i nn_bytes_of_halves(const nn_byte_rule *rule, bool is_signed,
                                           __m512i halves[2]) {
    if (rule->shifts)
        for (int i = 0; i < 2; i++) halves[i] = _mm512_adds_epi16(halves[i], rule->zero);
    if (rule->clips)
        for (int i = 0; i < 2; i++)
            halves[i] = _mm512_min_epi16(_mm512_max_epi16(halves[i], rule->low), rule->high);
    return nn_narrow_to_bytes(is_signed, halves[0], halves[1]);
}

NN_BYTES_INLINE __m512i nn_bytes_of_four(const nn_byte_rule *rule, bool is_signed,
                                         const __m512i rounded[4]) {
    __m512i halves[2] = {_mm512_packs_epi32(rounded[0], rounded[1]),
                         _mm512_packs_epi32(rounded[2], rounded[3])};
    return nn_bytes_of_halves(rule, is_signed, halves);
}

/* ---- with an addend ---- */

/* Scales of a sum that nn_is_sum_moderate, of the convolution's result and the addend. */
typedef struct nn_byte_adder {
    __m512 a_scale, b_scale, offset;
} nn_byte_adder;

/* Signed bytes are scaled from the high end of their words: nn_spread_bytes. */
static inline void nn_byte_adder_set(nn_byte_adder *out, bool is_signed, const nn_qbinary *sum) {
    const float unit = is_signed ? 0x1p-24f : 1;
    out->a_scale = _mm512_set1_ps(sum->a_scale * unit);
    out->b_scale = _mm512_set1_ps(sum->b_scale * unit);
    out->offset = _mm512_set1_ps(sum->offset);
}

/* Where bytes of vector t go: a byte of a lane's dword t to the low end of a word of 32 bits where
 * it is unsigned, and to the high end where it is signed: 2^24 times the value. */
static inline __m512i nn_byte_places(bool is_signed, int t) {
    const int first = is_signed ? t << 26 : 4 * t, step = is_signed ? 1 << 24 : 1;
    const int zeros = is_signed ? 0x00808080 : (int)0x80808000;
    return _mm512_set4_epi32(zeros | (first + 3 * step), zeros | (first + 2 * step),
                             zeros | (first + step), zeros | first);
}
/* Bytes of vector t as floats. */
static inline __m512 nn_spread_bytes(bool is_signed, __m512i bytes, int t) {
    return _mm512_cvtepi32_ps(_mm512_shuffle_epi8(bytes, nn_byte_places(is_signed, t)));
}

/* a and b in the order of the sum. Rounds twice, as a convolution and a sum by themselves do: the
 * convolution's result is clamped to its type, then both operands are multiplied and added in the
 * order of qlinear_binary.h. */
static inline __m512i nn_add_bytes(const nn_byte_adder *add, bool is_signed, __m512i a, __m512i b) {
    __m512i values[4];
    for (int t = 0; t < 4; t++) {
        __m512 sum = _mm512_fmadd_ps(nn_spread_bytes(is_signed, b, t), add->b_scale, add->offset);
        values[t] = _mm512_cvtps_epi32(
            _mm512_fmadd_ps(nn_spread_bytes(is_signed, a, t), add->a_scale, sum));
    }
    return nn_narrow_to_bytes(is_signed, _mm512_packs_epi32(values[0], values[1]),
                              _mm512_packs_epi32(values[2], values[3]));
}

#endif
