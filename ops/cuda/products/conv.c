/* The kernels of convolutions, best first. */
#include "ops/cuda/products/conv_kernels.h"

const nn_kernel *const nn_cuda_conv_kernels[] = {&nn_kernel_depthwise_cuda, &nn_kernel_conv_cudnn,
                                                 &nn_kernel_conv_cuda, NULL};
const nn_kernel *const nn_cuda_conv_transpose_kernels[] = {&nn_kernel_conv_transpose_cudnn,
                                                           &nn_kernel_conv_transpose_cuda, NULL};
