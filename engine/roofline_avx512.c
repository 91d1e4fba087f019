#include "engine/roofline_probe.h"

#include <immintrin.h>

enum { ACCUMULATORS = 12 };

static double fp32(int64_t rounds) {
    __m512 sums[ACCUMULATORS], factor = _mm512_set1_ps(0.999f), addend = _mm512_set1_ps(0.001f);
#pragma GCC unroll 12
    for (int i = 0; i < ACCUMULATORS; i++) sums[i] = _mm512_set1_ps(0.1f * (float)(i + 1));
    for (int64_t r = 0; r < rounds; r++) {
#pragma GCC unroll 12
        for (int i = 0; i < ACCUMULATORS; i++) sums[i] = _mm512_fmadd_ps(sums[i], factor, addend);
    }
#pragma GCC unroll 12
    for (int i = 1; i < ACCUMULATORS; i++) sums[0] = _mm512_add_ps(sums[0], sums[i]);
    nn_roofline_sink_float = _mm512_cvtss_f32(sums[0]);
    return 2.0 * 16 * ACCUMULATORS * (double)rounds;
}

/* Without a dot-product instruction 64 products take three: pairs to int16, to int32, add. */
static double int8(int64_t rounds) {
    __m512i sums[ACCUMULATORS], a = _mm512_set1_epi8(57), b = _mm512_set1_epi8(-77);
    __m512i ones = _mm512_set1_epi16(1);
#pragma GCC unroll 12
    for (int i = 0; i < ACCUMULATORS; i++) sums[i] = _mm512_set1_epi32(i);
    for (int64_t r = 0; r < rounds; r++) {
#pragma GCC unroll 12
        for (int i = 0; i < ACCUMULATORS; i++) {
            __m512i pairs = _mm512_madd_epi16(_mm512_maddubs_epi16(a, b), ones);
            sums[i] = _mm512_add_epi32(sums[i], pairs);
            __asm__("" : "+v"(a)); /* a new operand as far as the compiler knows */
        }
    }
#pragma GCC unroll 12
    for (int i = 1; i < ACCUMULATORS; i++) sums[0] = _mm512_add_epi32(sums[0], sums[i]);
    nn_roofline_sink_int = _mm_cvtsi128_si32(_mm512_castsi512_si128(sums[0]));
    return 2.0 * 64 * ACCUMULATORS * (double)rounds;
}

static uint64_t read_memory(const void *memory, int64_t bytes) {
    const __m512i *words = memory;
    __m512i sums[8];
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) sums[i] = _mm512_setzero_si512();
    for (int64_t at = 0; at < bytes / (int64_t)sizeof *words; at += 8) {
#pragma GCC unroll 8
        for (int i = 0; i < 8; i++)
            sums[i] = _mm512_add_epi64(sums[i], _mm512_load_si512(words + at + i));
    }
#pragma GCC unroll 8
    for (int i = 1; i < 8; i++) sums[0] = _mm512_add_epi64(sums[0], sums[i]);
    return (uint64_t)_mm_cvtsi128_si64(_mm512_castsi512_si128(sums[0]));
}

const nn_roofline_probe nn_roofline_probe_avx512 = {
    .fp32 = fp32,
    .int8 = int8,
    .read = read_memory,
};
