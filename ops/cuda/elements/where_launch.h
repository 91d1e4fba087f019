#ifndef NN_CUDA_WHERE_LAUNCH_H
#define NN_CUDA_WHERE_LAUNCH_H

#include "ops/cuda/elements/loops_launch.h"

#ifdef __cplusplus
extern "C" {
#endif

/* y = condition ? a : b for elements of 1, 2, 4, 8 or 16 bytes, over loops of y, condition, a, b.
 */
typedef struct nn_cuda_where {
    int bytes;
    nn_cuda_loops loops;
    const void *condition, *a, *b;
    void *y;
} nn_cuda_where;

cudaError_t nn_cuda_launch_where(const nn_cuda_where *arguments, cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
