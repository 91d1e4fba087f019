/* Kernels of products of bytes, for the lists of their operators (products.c). */
#ifndef NN_CUDA_BYTE_KERNELS_H
#define NN_CUDA_BYTE_KERNELS_H

#include "ops/op.h"

extern const nn_kernel nn_kernel_qconv_depthwise_cuda, nn_kernel_conv_integer_depthwise_cuda;
/* Matrices that are both known in the run only. */
extern const nn_kernel nn_kernel_qlinear_matmul_batched_cuda, nn_kernel_matmul_integer_batched_cuda,
    nn_kernel_matmul_integer_to_float_batched_cuda;
/* Everything is known in the run only; a thread for each result. */
extern const nn_kernel nn_kernel_qconv_general_cuda, nn_kernel_conv_integer_general_cuda,
    nn_kernel_qlinear_matmul_general_cuda, nn_kernel_matmul_integer_general_cuda,
    nn_kernel_matmul_integer_to_float_general_cuda, nn_kernel_qgemm_general_cuda;

#endif
