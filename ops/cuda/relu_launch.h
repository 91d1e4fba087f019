#ifndef NN_CUDA_RELU_LAUNCH_H
#define NN_CUDA_RELU_LAUNCH_H

#include <cuda_runtime_api.h>
#include <nnopt.h>

#ifdef __cplusplus
extern "C" {
#endif

/* y[i] = max(x[i], 0) for floats of 16 and 32 bits; x and y may be the same. */
typedef struct nn_cuda_relu {
    nnopt_type type;
    const void *x;
    void *y;
    int64_t count;
} nn_cuda_relu;

cudaError_t nn_cuda_launch_relu(const nn_cuda_relu *arguments, cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
