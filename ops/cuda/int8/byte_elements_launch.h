/* Elementwise work on bytes: functions of one byte as tables, sums and products of two. */
#ifndef NN_CUDA_BYTE_ELEMENTS_LAUNCH_H
#define NN_CUDA_BYTE_ELEMENTS_LAUNCH_H

#include "ops/cuda/elements/loops_launch.h"

#ifdef __cplusplus
extern "C" {
#endif

/* y = table[x], in `runs` runs of `length` bytes; those of y are `y_step` bytes apart, those of x
 * follow each other. Places of y depend on the same places of x alone: y may be x. */
typedef struct nn_cuda_table {
    const uint8_t *x, *table; /* 256 entries */
    uint8_t *y;
    int64_t runs, length, y_step;
} nn_cuda_table;
cudaError_t nn_cuda_launch_table(const nn_cuda_table *arguments, cudaStream_t stream);

/* nn_qbinary of ops/family/qlinear_binary.h over loops of y, a, b. */
typedef struct nn_cuda_qbinary {
    bool is_signed, multiplies;
    nn_cuda_loops loops;
    int a_zero, b_zero;
    float a_scale, b_scale, offset, lowest, highest;
    const void *a, *b;
    void *y;
} nn_cuda_qbinary;
cudaError_t nn_cuda_launch_qbinary(const nn_cuda_qbinary *arguments, cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
