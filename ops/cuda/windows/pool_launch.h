#ifndef NN_CUDA_POOL_LAUNCH_H
#define NN_CUDA_POOL_LAUNCH_H

#include <cuda_runtime_api.h>
#include <nnopt.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum nn_cuda_pooling {
    NN_CUDA_POOL_MAX,
    NN_CUDA_POOL_AVERAGE,
    NN_CUDA_POOL_LP, /* the root of order p of the sum of powers */
} nn_cuda_pooling;

/* Depth, height, width; sizes below 2^31. */
typedef struct nn_cuda_pool_axis {
    int in, out, kernel, stride, dilation, pad_begin, pad_end;
} nn_cuda_pool_axis;

/* x is [batch, channels, in...] or, channels last, [batch, in..., channels]. */
typedef struct nn_cuda_pool {
    nn_cuda_pooling pooling;
    nnopt_type type;
    int channels_last;
    int64_t batch, channels, in_pixels, out_pixels;
    nn_cuda_pool_axis axes[3];
    int count_include_pad; /* averages divide by places on the padding too */
    int column_major;      /* order in which indices count a plane */
    double p;
    const void *x;
    void *y;
    int64_t *indices; /* of maxima, in the standard layout of x; NULL: not wanted */
} nn_cuda_pool;

cudaError_t nn_cuda_launch_pool(const nn_cuda_pool *arguments, cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
