#ifndef NN_CUDA_CEILINGS_LAUNCH_H
#define NN_CUDA_CEILINGS_LAUNCH_H

#include <cuda_runtime_api.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Fused multiply-adds of floats in registers, NN_CUDA_FMA_STEP to an iteration of each of
 * `blocks` * NN_CUDA_FMA_THREADS threads. Nothing is written to `sink` unless a sum is `never`. */
enum { NN_CUDA_FMA_THREADS = 256, NN_CUDA_FMA_STEP = 64 };

typedef struct nn_cuda_fma {
    int blocks;
    int64_t iterations;
    float factor, never;
    float *sink;
} nn_cuda_fma;

cudaError_t nn_cuda_launch_fma(const nn_cuda_fma *arguments, cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
