#ifndef NN_CUDA_CHANNEL_NORM_LAUNCH_H
#define NN_CUDA_CHANNEL_NORM_LAUNCH_H

#include <cuda_runtime_api.h>
#include <nnopt.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* x and y are [outer, channels, inner], of a floating type. */
typedef struct nn_cuda_lrn {
    nnopt_type type;
    int64_t outer, channels, inner;
    int64_t before, after;    /* neighbours that count */
    double alpha, beta, bias; /* x / (bias + alpha sum of squares) ^ beta */
    const void *x;
    void *y;
} nn_cuda_lrn;

cudaError_t nn_cuda_launch_lrn(const nn_cuda_lrn *arguments, cudaStream_t stream);

/* x and y are [outer, size, inner]: x / its norm of order 1 or 2 along `size`; zeros stay. y may be
 * x. */
typedef struct nn_cuda_lp_normalize {
    nnopt_type type;
    int squares; /* order 2 */
    int64_t outer, size, inner;
    const void *x;
    void *y;
} nn_cuda_lp_normalize;

cudaError_t nn_cuda_launch_lp_normalize(const nn_cuda_lp_normalize *arguments, cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
