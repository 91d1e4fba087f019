/* Groups of fixed_f32.h as floats, for files compiled for AVX-512 with VBMI2. */
#ifndef NN_FIXED_GROUP_H
#define NN_FIXED_GROUP_H

#include "ops/cpu/float32/fixed/fixed_f32.h"
#include "ops/cpu/float32/vector.h"

_Static_assert((int)VF_LANES == (int)NN_FIXED_LANES, "lanes are those of packed matrices");

/* (upper:lower) >> 8 */
NN_INLINE __m512i nn_fixed_shifted(__m512i upper, __m512i lower) {
    return _mm512_shrdi_epi32(lower, upper, 8);
}

/* Sixteen numbers in a register, which are used twice: gcc would load them anew each time. */
NN_INLINE __m512i nn_fixed_load(const float *w) {
    return _mm512_castps_si512(vf_loaded_once(vf_load(w)));
}

/* The weights of a group. */
NN_INLINE void nn_fixed_load_group(const float *w, vf out[NN_FIXED_DEPTH]) {
    const __m512i a = nn_fixed_load(w), b = nn_fixed_load(w + VF_LANES);
    const __m512i c = nn_fixed_load(w + 2 * VF_LANES);
    out[0] = _mm512_cvtepi32_ps(a);
    out[1] = _mm512_cvtepi32_ps(b);
    out[2] = _mm512_cvtepi32_ps(c);
    out[3] = _mm512_cvtepi32_ps(nn_fixed_shifted(a, nn_fixed_shifted(b, _mm512_slli_epi32(c, 24))));
}

#endif
