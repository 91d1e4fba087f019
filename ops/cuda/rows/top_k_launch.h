#ifndef NN_CUDA_TOP_K_LAUNCH_H
#define NN_CUDA_TOP_K_LAUNCH_H

#include <cuda_runtime_api.h>
#include <nnopt.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* x is [outer, size, inner], size > 0: its best k along `size`, best first; of equals the one with
 * the lower index is better, NaN is the largest. values and places are [outer, k, inner]; either
 * may be NULL. */
typedef struct nn_cuda_top_k {
    nnopt_type type;
    int largest;
    int64_t outer, size, inner, k;
    const void *x;
    void *values;
    int64_t *places;
} nn_cuda_top_k;

cudaError_t nn_cuda_launch_top_k(const nn_cuda_top_k *arguments, cudaStream_t stream);

/* y[outer, i, inner] = the sum (or product) of x up to i, without i itself where `exclusive`; from
 * the end where `reverse`. y may be x. */
typedef struct nn_cuda_cumulative {
    nnopt_type type;
    int multiplies, exclusive, reverse;
    int64_t outer, size, inner;
    const void *x;
    void *y;
} nn_cuda_cumulative;

cudaError_t nn_cuda_launch_cumulative(const nn_cuda_cumulative *arguments, cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
