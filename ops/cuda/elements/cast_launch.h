#ifndef NN_CUDA_CAST_LAUNCH_H
#define NN_CUDA_CAST_LAUNCH_H

#include <cuda_runtime_api.h>
#include <nnopt.h>

#ifdef __cplusplus
extern "C" {
#endif

/* y[i] = x[i] of another type: bool, integers of 8 to 64 bits, floating types of 16 to 64. */
typedef struct nn_cuda_cast {
    nnopt_type from, to;
    const void *x;
    void *y;
    int64_t count;
} nn_cuda_cast;

cudaError_t nn_cuda_launch_cast(const nn_cuda_cast *arguments, cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
