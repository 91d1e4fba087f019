/* The bf16 ceiling of the dot-product instruction; the rest is that of AVX-512 VNNI. */
#include "engine/measure/roofline_probe.h"

#include <immintrin.h>

enum { ACCUMULATORS = 12 };

static double bf16(int64_t rounds) {
    __m512 sums[ACCUMULATORS];
    const __m512bh a = (__m512bh)_mm512_set1_epi16(0x3f8b), /* about 1.1 and -0.5 */
                   b = (__m512bh)_mm512_set1_epi16((short)0xbf03);
#pragma GCC unroll 12
    for (int i = 0; i < ACCUMULATORS; i++) sums[i] = _mm512_set1_ps((float)i);
    for (int64_t r = 0; r < rounds; r++) {
#pragma GCC unroll 12
        for (int i = 0; i < ACCUMULATORS; i++) sums[i] = _mm512_dpbf16_ps(sums[i], a, b);
    }
#pragma GCC unroll 12
    for (int i = 1; i < ACCUMULATORS; i++) sums[0] = _mm512_add_ps(sums[0], sums[i]);
    nn_roofline_sink_float = _mm512_cvtss_f32(sums[0]);
    return 2.0 * 32 * ACCUMULATORS * (double)rounds;
}

const nn_roofline_probe nn_roofline_probe_avx512bf16 = {.bf16 = bf16};
