/* The int8 ceiling with the dot-product instruction; the rest is that of plain AVX-512. */
#include "engine/measure/roofline_probe.h"

#include <immintrin.h>

enum { ACCUMULATORS = 12 };

static double int8(int64_t rounds) {
    __m512i sums[ACCUMULATORS], a = _mm512_set1_epi8(113), b = _mm512_set1_epi8(-77);
#pragma GCC unroll 12
    for (int i = 0; i < ACCUMULATORS; i++) sums[i] = _mm512_set1_epi32(i);
    for (int64_t r = 0; r < rounds; r++) {
#pragma GCC unroll 12
        for (int i = 0; i < ACCUMULATORS; i++) sums[i] = _mm512_dpbusd_epi32(sums[i], a, b);
    }
#pragma GCC unroll 12
    for (int i = 1; i < ACCUMULATORS; i++) sums[0] = _mm512_add_epi32(sums[0], sums[i]);
    nn_roofline_sink_int = _mm_cvtsi128_si32(_mm512_castsi512_si128(sums[0]));
    return 2.0 * 64 * ACCUMULATORS * (double)rounds;
}

const nn_roofline_probe nn_roofline_probe_vnni = {.int8 = int8};
