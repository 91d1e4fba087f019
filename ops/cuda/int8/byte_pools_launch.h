/* Averages of bytes. */
#ifndef NN_CUDA_BYTE_POOLS_LAUNCH_H
#define NN_CUDA_BYTE_POOLS_LAUNCH_H

#include "ops/cuda/int8/finish_launch.h"

#include <cuda_runtime_api.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Of all pixels of a channel: y = round((sum - pixels x_zero) multiplier). Results of uint8 or
 * int8, as `y_signed` says. */
typedef struct nn_cuda_byte_means {
    bool x_signed, channels_last;
    int64_t images, channels, pixels;
    int x_zero;
    float multiplier;
    nn_cuda_rounding rounding;
    const uint8_t *x;
    uint8_t *y;
} nn_cuda_byte_means;
cudaError_t nn_cuda_launch_byte_means(const nn_cuda_byte_means *arguments, cudaStream_t stream);

/* Depth, height, width. */
typedef struct nn_cuda_byte_pool_axis {
    int in, out, kernel, stride, dilation, pad;
} nn_cuda_byte_pool_axis;

/* Of windows: dequantised elements are added one after the other. */
typedef struct nn_cuda_byte_pool {
    bool x_signed, channels_last, include_pad;
    int64_t images, channels, in_pixels, out_pixels;
    nn_cuda_byte_pool_axis axes[3];
    int x_zero;
    float x_scale, y_scale, y_zero, lowest, highest;
    const uint8_t *x;
    uint8_t *y;
} nn_cuda_byte_pool;
cudaError_t nn_cuda_launch_byte_pool(const nn_cuda_byte_pool *arguments, cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
