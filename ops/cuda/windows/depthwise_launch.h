#ifndef NN_CUDA_DEPTHWISE_LAUNCH_H
#define NN_CUDA_DEPTHWISE_LAUNCH_H

#include "ops/cuda/runtime/arguments.h"

#include <cuda_runtime_api.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Height or width. */
typedef struct nn_cuda_depthwise_axis {
    int in, out, kernel, stride, dilation, pad;
} nn_cuda_depthwise_axis;

/* A filter for each channel, channels last: x [batch, in, in, channels],
 * y = after(before(x * w + bias) + residual). All of one type, but bias, which is float. */
typedef struct nn_cuda_depthwise {
    nnopt_type type; /* float, float16, bfloat16 */
    int64_t batch, channels;
    nn_cuda_depthwise_axis height, width;
    nn_activation_argument before, after;
    const void *x;
    const void *w;        /* [taps, channels] */
    const float *bias;    /* NULL: none */
    const void *residual; /* NULL: none */
    void *y;
} nn_cuda_depthwise;

cudaError_t nn_cuda_launch_depthwise(const nn_cuda_depthwise *arguments, cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
