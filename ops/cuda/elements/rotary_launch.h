#ifndef NN_CUDA_ROTARY_LAUNCH_H
#define NN_CUDA_ROTARY_LAUNCH_H

#include "ops/cuda/runtime/fault_launch.h"

#include <cuda_runtime_api.h>
#include <nnopt.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* RotaryEmbedding (ops/family/rotary.h) of float, float16 or bfloat16; y may be x. */
typedef struct nn_cuda_rotary {
    nnopt_type type;
    bool interleaved;
    bool heads_first; /* [batch, heads, length, size]; else [batch, length, heads, size] */
    int64_t batch, length, heads, size, half;
    int64_t rows; /* of the caches that positions name, negative ones from the end */
    const void *x, *cosine, *sine;
    const int64_t *positions; /* [batch, length]; NULL: each token has a row */
    void *y;
    nn_cuda_fault fault; /* a position that is out of range: the nearest is taken */
} nn_cuda_rotary;
cudaError_t nn_cuda_launch_rotary(const nn_cuda_rotary *arguments, cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
