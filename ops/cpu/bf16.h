/* bf16 in AVX-512 registers: the high half of a float. Only files *_amx.c include this.
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

/* In place, by code that all kernels share (tile_bf16_amx.c). */
void nn_bf16_activate_amx(nn_activation activation, __m512 x[2]);

/* The first n of up to 32 floats as bf16; the rest is zero. */
NN_BF16_INLINE __m512i nn_load_rounded(const float *x, int n) {
    const __mmask32 mask = nn_first32(n);
    return nn_round_bf16(_mm512_maskz_loadu_ps((__mmask16)mask, x),
                         _mm512_maskz_loadu_ps((__mmask16)(mask >> 16), x + 16));
}

#endif
