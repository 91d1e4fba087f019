/* Body of the probes of AVX2 and AVX-512: FLOATS and INTS are the vector types, OP(name) an
 * intrinsic of their width, LOW_INTS the lowest 128 bits, PROBE the table's name. */
#include "engine/measure/roofline_probe.h"

#include <immintrin.h>

enum { ACCUMULATORS = 12, READ_ACCUMULATORS = 8 };

static double fp32(int64_t rounds) {
    FLOATS sums[ACCUMULATORS], factor = OP(set1_ps)(0.999f), addend = OP(set1_ps)(0.001f);
#pragma GCC unroll 12
    for (int i = 0; i < ACCUMULATORS; i++) sums[i] = OP(set1_ps)(0.1f * (float)(i + 1));
    for (int64_t r = 0; r < rounds; r++) {
#pragma GCC unroll 12
        for (int i = 0; i < ACCUMULATORS; i++) sums[i] = OP(fmadd_ps)(sums[i], factor, addend);
    }
#pragma GCC unroll 12
    for (int i = 1; i < ACCUMULATORS; i++) sums[0] = OP(add_ps)(sums[0], sums[i]);
    nn_roofline_sink_float = OP(cvtss_f32)(sums[0]);
    return 2.0 * (sizeof(FLOATS) / sizeof(float)) * ACCUMULATORS * (double)rounds;
}

/* Without a dot-product instruction a vector of products takes three: pairs to int16, to int32,
 * add. */
static double int8(int64_t rounds) {
    INTS sums[ACCUMULATORS], a = OP(set1_epi8)(57), b = OP(set1_epi8)(-77);
    INTS ones = OP(set1_epi16)(1);
#pragma GCC unroll 12
    for (int i = 0; i < ACCUMULATORS; i++) sums[i] = OP(set1_epi32)(i);
    for (int64_t r = 0; r < rounds; r++) {
#pragma GCC unroll 12
        for (int i = 0; i < ACCUMULATORS; i++) {
            INTS pairs = OP(madd_epi16)(OP(maddubs_epi16)(a, b), ones);
            sums[i] = OP(add_epi32)(sums[i], pairs);
            __asm__("" : "+v"(a)); /* a new operand as far as the compiler knows */
        }
    }
#pragma GCC unroll 12
    for (int i = 1; i < ACCUMULATORS; i++) sums[0] = OP(add_epi32)(sums[0], sums[i]);
    nn_roofline_sink_int = _mm_cvtsi128_si32(LOW_INTS(sums[0]));
    return 2.0 * sizeof(INTS) * ACCUMULATORS * (double)rounds;
}

static uint64_t read_memory(const void *memory, int64_t bytes) {
    const INTS *words = memory;
    INTS sums[READ_ACCUMULATORS];
#pragma GCC unroll 8
    for (int i = 0; i < READ_ACCUMULATORS; i++) sums[i] = OP(set1_epi32)(0);
    for (int64_t at = 0; at < bytes / (int64_t)sizeof *words; at += READ_ACCUMULATORS) {
#pragma GCC unroll 8
        for (int i = 0; i < READ_ACCUMULATORS; i++) sums[i] = OP(add_epi64)(sums[i], words[at + i]);
    }
#pragma GCC unroll 8
    for (int i = 1; i < READ_ACCUMULATORS; i++) sums[0] = OP(add_epi64)(sums[0], sums[i]);
    return (uint64_t)_mm_cvtsi128_si64(LOW_INTS(sums[0]));
}

const nn_roofline_probe PROBE = {.fp32 = fp32, .int8 = int8, .read = read_memory};
