/* What portable C reaches: the vectors every CPU of the architecture has (SSE2 on x86-64). */
#include "engine/measure/roofline_probe.h"

#if defined(__SSE2__)
#    include <emmintrin.h>
#endif

volatile float nn_roofline_sink_float;
volatile int32_t nn_roofline_sink_int;

enum { ACCUMULATORS = 12 };

typedef float float4 __attribute__((vector_size(16)));
typedef uint64_t word2 __attribute__((vector_size(16)));

static double fp32(int64_t rounds) {
    float4 sums[ACCUMULATORS], factor, addend;
    for (int lane = 0; lane < 4; lane++) {
        factor[lane] = 0.999f;
        addend[lane] = 0.001f + 0.0001f * (float)lane;
    }
#pragma GCC unroll 12
    for (int i = 0; i < ACCUMULATORS; i++) sums[i] = addend * (float)(i + 1);
    for (int64_t r = 0; r < rounds; r++) {
#pragma GCC unroll 12
        for (int i = 0; i < ACCUMULATORS; i++) sums[i] = sums[i] * factor + addend;
    }
    float total = 0;
#pragma GCC unroll 12
    for (int i = 0; i < ACCUMULATORS; i++) total += sums[i][0] + sums[i][3];
    nn_roofline_sink_float = total;
    return 2.0 * 4 * ACCUMULATORS * (double)rounds;
}

#if defined(__SSE2__)
static double int8(int64_t rounds) {
    __m128i sums[ACCUMULATORS], a = _mm_set1_epi16(113), b = _mm_set1_epi16(-77);
#    pragma GCC unroll 12
    for (int i = 0; i < ACCUMULATORS; i++) sums[i] = _mm_set1_epi32(i);
    for (int64_t r = 0; r < rounds; r++) {
#    pragma GCC unroll 12
        for (int i = 0; i < ACCUMULATORS; i++) {
            sums[i] = _mm_add_epi32(sums[i], _mm_madd_epi16(a, b));
            __asm__("" : "+x"(a)); /* a new operand as far as the compiler knows */
        }
    }
#    pragma GCC unroll 12
    for (int i = 1; i < ACCUMULATORS; i++) sums[0] = _mm_add_epi32(sums[0], sums[i]);
    nn_roofline_sink_int = _mm_cvtsi128_si32(sums[0]);
    return 2.0 * 8 * ACCUMULATORS * (double)rounds;
}
#else
static double int8(int64_t rounds) {
    typedef int16_t short8 __attribute__((vector_size(16)));
    short8 sums[ACCUMULATORS], a = {1, 2, 3, 4, 5, 6, 7, 8}, b = {3, 1, 4, 1, 5, 9, 2, 6};
#    pragma GCC unroll 12
    for (int i = 0; i < ACCUMULATORS; i++) sums[i] = a * (int16_t)i;
    for (int64_t r = 0; r < rounds; r++) {
#    pragma GCC unroll 12
        for (int i = 0; i < ACCUMULATORS; i++) sums[i] = sums[i] * a + b;
    }
#    pragma GCC unroll 12
    for (int i = 1; i < ACCUMULATORS; i++) sums[0] += sums[i];
    nn_roofline_sink_int = sums[0][0];
    return 2.0 * 8 * ACCUMULATORS * (double)rounds;
}
#endif

static uint64_t read_memory(const void *memory, int64_t bytes) {
    const word2 *words = memory;
    word2 sums[4] = {{0}};
    for (int64_t i = 0; i < bytes / (int64_t)sizeof *words; i += 4) {
        sums[0] += words[i];
        sums[1] += words[i + 1];
        sums[2] += words[i + 2];
        sums[3] += words[i + 3];
    }
    sums[0] += sums[1] + sums[2] + sums[3];
    return sums[0][0] + sums[0][1];
}

const nn_roofline_probe nn_roofline_probe_portable = {
    .fp32 = fp32,
    .int8 = int8,
    .read = read_memory,
};
