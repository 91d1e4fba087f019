#ifndef NN_CUDA_UNARY_LAUNCH_H
#define NN_CUDA_UNARY_LAUNCH_H

#include "ops/family/functions.h"

#include <cuda_runtime_api.h>
#include <nnopt.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* y[i] = f(x[i]); x and y may be the same. Types agree, but for predicates, which give bool. */
typedef struct nn_cuda_unary {
    nn_function function;
    nnopt_type type;   /* of x */
    int64_t low, high; /* bounds of integers; of uint64 the bits */
    const void *x;
    void *y;
    int64_t count;
} nn_cuda_unary;

cudaError_t nn_cuda_launch_unary(const nn_cuda_unary *arguments, cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
