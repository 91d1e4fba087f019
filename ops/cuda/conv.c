/* The kernels of convolutions, best first. */
#include "ops/cuda/conv_cudnn.h"

const nn_kernel *const nn_cuda_conv_kernels[] = {&nn_kernel_conv_cudnn, NULL};
const nn_kernel *const nn_cuda_conv_transpose_kernels[] = {&nn_kernel_conv_transpose_cudnn, NULL};
