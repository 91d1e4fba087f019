/* Loops of ops/family/loops.h as kernels walk them; C and C++. */
#ifndef NN_CUDA_LOOPS_LAUNCH_H
#define NN_CUDA_LOOPS_LAUNCH_H

#include "ops/cuda/runtime/arguments.h"

#include <cuda_runtime_api.h>
#include <stdbool.h>

enum {
    NN_CUDA_LOOP_OPERANDS = 4,
    NN_CUDA_LOOP_RANK = 24, /* NN_LOOP_RANK */
    NN_CUDA_VECTOR_BYTES = 16,
};

/* Axes outermost first; operand 0 is what is written. Steps count elements. 1.3 KB of the 4 KB that
 * a kernel's arguments may have. */
typedef struct nn_cuda_loops {
    int rank;
    bool is_wide; /* 2^31 elements or more: 64-bit divisions */
    int64_t count;
    int64_t dims[NN_CUDA_LOOP_RANK];
    nn_divisor divisors[NN_CUDA_LOOP_RANK];
    int64_t steps[NN_CUDA_LOOP_OPERANDS][NN_CUDA_LOOP_RANK];
} nn_cuda_loops;

/* A size to divide places by: quotients and remainders in 32 bits where all places fit. */
typedef struct nn_cuda_extent {
    int64_t size; /* at least 1 */
    bool is_wide;
    nn_divisor divisor;
} nn_cuda_extent;

/* Of places below `count`; a size of 0 or less counts as 1. */
static inline nn_cuda_extent nn_cuda_extent_make(int64_t size, int64_t count) {
    nn_cuda_extent out = {size > 0 ? size : 1, size > INT32_MAX || count > INT32_MAX, {1, 1, 0}};
    if (!out.is_wide) out.divisor = nn_divisor_make(out.size);
    return out;
}

#endif
