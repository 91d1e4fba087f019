/* bf16 in AVX-512 registers: the high half of a float. Only files *_avx512bf16.c and *_amx.c
 * include this.
 *
 * VCVTNE2PS2BF16 rounds to nearest even, keeps NaN, and takes subnormal numbers as zero, as the
 * tile products do. */
#ifndef NN_CPU_BF16_H
#define NN_CPU_BF16_H

#include "ops/epilogue.h"

#include <immintrin.h>

#define NN_BF16_INLINE static inline __attribute__((always_inline))

/* The lanes 0 .. n - 1 of 16 or 32. */
NN_BF16_INLINE __mmask16 nn_first16(int n) {
    return (__mmask16)((1u << n) - 1);
}
NN_BF16_INLINE __mmask32 nn_first32(int n) {
    return n >= 32 ? ~(__mmask32)0 : ((__mmask32)1 << n) - 1;
}

NN_BF16_INLINE __m512 nn_widen_bf16(__m256i x) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(x), 16));
}

/* 32 numbers, `low` first. */
NN_BF16_INLINE __m512i nn_round_bf16(__m512 low, __m512 high) {
    return (__m512i)_mm512_cvtne2ps_pbh(high, low);
}

/* 32 numbers as two vectors: of each eight the first four and the last four, which is how words of
 * two registers are interleaved. */
typedef struct nn_bf16_pair {
    __m512 lower, upper;
} nn_bf16_pair;

NN_BF16_INLINE nn_bf16_pair nn_load_pair(const uint16_t *x, __mmask32 mask) {
    const __m512i both = _mm512_maskz_loadu_epi16(mask, x), none = _mm512_setzero_si512();
    return (nn_bf16_pair){
        _mm512_castsi512_ps(_mm512_unpacklo_epi16(none, both)),
        _mm512_castsi512_ps(_mm512_unpackhi_epi16(none, both)),
    };
}

NN_BF16_INLINE void nn_store_pair(uint16_t *y, nn_bf16_pair x, __mmask32 mask) {
    const __m512i order =
        _mm512_set_epi16(31, 30, 29, 28, 15, 14, 13, 12, 27, 26, 25, 24, 11, 10, 9, 8, 23, 22, 21,
                         20, 7, 6, 5, 4, 19, 18, 17, 16, 3, 2, 1, 0);
    const __m512i rounded = nn_round_bf16(x.lower, x.upper);
    _mm512_mask_storeu_epi16(y, mask, _mm512_permutexvar_epi16(order, rounded));
}

/* In place over `count` vectors, by code that all kernels share (pixels_bf16_avx512bf16.c).
 * `rounds`: to bf16 afterwards, so that sigmoids and GELU need no more than 2^-12 of their value.
 */
void nn_bf16_activate(nn_activation activation, bool rounds, __m512 *x, int count);

/* Nothing follows the first activation. */
NN_BF16_INLINE bool nn_bf16_before_is_last(const nn_epilogue *epilogue) {
    return !epilogue->has_residual && epilogue->after.kind == NN_ACT_NONE;
}

/* The first n of up to 32 floats as bf16; the rest is zero. */
NN_BF16_INLINE __m512i nn_load_rounded(const float *x, int n) {
    const __mmask32 mask = nn_first32(n);
    return nn_round_bf16(_mm512_maskz_loadu_ps((__mmask16)mask, x),
                         _mm512_maskz_loadu_ps((__mmask16)(mask >> 16), x + 16));
}

#endif
