/* What launchers and kernels pass to each other beside pointers and numbers; C and C++. */
#ifndef NN_CUDA_ARGUMENTS_H
#define NN_CUDA_ARGUMENTS_H

#include "ops/activation_kind.h"

#include <nnopt.h>
#include <stdint.h>

/* nn_activate of activation.cuh computes it. */
typedef nn_activation nn_activation_argument;

/* Division of 32-bit unsigned numbers by one that the host knows, as a multiplication:
 * n / divisor = (high word of n * multiplier + n) >> shift. Exact for n below 2^31. */
typedef struct nn_divisor {
    uint32_t divisor, multiplier, shift;
} nn_divisor;

/* divisor: 1 .. 2^31 - 1. With l = ceil(log2 divisor), multiplier = 2^32 (2^l - divisor) / divisor
 * + 1. */
static inline nn_divisor nn_divisor_make(int64_t divisor) {
    nn_divisor out = {(uint32_t)divisor, 0, 0};
    while (((uint64_t)1 << out.shift) < (uint64_t)divisor) out.shift++;
    const uint64_t excess = ((uint64_t)1 << out.shift) - (uint64_t)divisor;
    out.multiplier = (uint32_t)((excess << 32) / (uint64_t)divisor + 1);
    return out;
}

#endif
