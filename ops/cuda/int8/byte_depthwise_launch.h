/* Convolutions of bytes with a filter for each channel, channels last. */
#ifndef NN_CUDA_BYTE_DEPTHWISE_LAUNCH_H
#define NN_CUDA_BYTE_DEPTHWISE_LAUNCH_H

#include "ops/cuda/int8/finish_launch.h"

#include <cuda_runtime_api.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Height or width. */
typedef struct nn_cuda_byte_axis {
    int in, out, kernel, stride, dilation, pad;
} nn_cuda_byte_axis;

/* x [batch, in, in, channels]; places on the padding hold the byte of `padding`. */
typedef struct nn_cuda_byte_depthwise {
    bool is_signed; /* x */
    int64_t batch, channels;
    nn_cuda_byte_axis height, width;
    const uint8_t *x, *padding;
    const int16_t *w; /* [taps, channels], less their zero points */
    nn_cuda_finish finish;
    void *y;
} nn_cuda_byte_depthwise;

cudaError_t nn_cuda_launch_byte_depthwise(const nn_cuda_byte_depthwise *arguments,
                                          cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
