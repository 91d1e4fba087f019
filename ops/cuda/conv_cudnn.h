/* Conv and ConvTranspose through cuDNN, for the lists of kernels of those operators. */
#ifndef NN_CONV_CUDNN_H
#define NN_CONV_CUDNN_H

#include "ops/op.h"

extern const nn_kernel nn_kernel_conv_cudnn, nn_kernel_conv_transpose_cudnn;

#endif
