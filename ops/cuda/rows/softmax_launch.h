#ifndef NN_CUDA_SOFTMAX_LAUNCH_H
#define NN_CUDA_SOFTMAX_LAUNCH_H

#include <cuda_runtime_api.h>
#include <nnopt.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* x and y are [outer, size, inner]; along `size` y = exp(x) / sum(exp(x)), or its logarithm. y may
 * be x. size > 0. */
typedef struct nn_cuda_softmax {
    nnopt_type type; /* floating */
    int logarithm;
    const void *x;
    void *y;
    int64_t outer, size, inner;
} nn_cuda_softmax;

cudaError_t nn_cuda_launch_softmax(const nn_cuda_softmax *arguments, cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
