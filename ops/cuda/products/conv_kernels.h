/* Kernels of Conv and ConvTranspose, for the lists of those operators. */
#ifndef NN_CUDA_CONV_KERNELS_H
#define NN_CUDA_CONV_KERNELS_H

#include "ops/op.h"

extern const nn_kernel nn_kernel_conv_cudnn, nn_kernel_conv_transpose_cudnn;
extern const nn_kernel nn_kernel_depthwise_cuda;
extern const nn_kernel nn_kernel_conv_cuda, nn_kernel_conv_transpose_cuda;

#endif
