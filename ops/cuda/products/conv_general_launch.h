#ifndef NN_CUDA_CONV_GENERAL_LAUNCH_H
#define NN_CUDA_CONV_GENERAL_LAUNCH_H

#include "ops/cuda/runtime/arguments.h"

#include <cuda_runtime_api.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One axis of the windows: x slides over it from place * stride + tap * dilation - pad, or, where
 * it is transposed, y does. */
typedef struct nn_cuda_axis {
    int64_t x, y, kernel, stride, dilation, pad;
} nn_cuda_axis;

/* Any convolution, or transposed one, of maps that lie channels last with filters as the standard
 * has them: [out, in of the group, taps], transposed [in, out of the group, taps].
 *
 *     y = after(before(conv(x, w) + bias) + residual) */
typedef struct nn_cuda_conv_general {
    int is_transpose;
    int64_t batch, groups, in_channels, out_channels;
    nn_cuda_axis axes[3];
    nnopt_type x_type, w_type, bias_type, residual_type, y_type; /* floats of 16 or 32 bits */
    const void *x, *w, *bias, *residual; /* bias, residual NULL: there is none */
    void *y;
    nn_activation_argument before, after;
} nn_cuda_conv_general;

cudaError_t nn_cuda_launch_conv_general(const nn_cuda_conv_general *arguments, cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
