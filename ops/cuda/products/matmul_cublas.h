/* MatMul, Gemm and Linear through cuBLASLt, for the lists of kernels of those operators. */
#ifndef NN_MATMUL_CUBLAS_H
#define NN_MATMUL_CUBLAS_H

#include "ops/op.h"

extern const nn_kernel nn_kernel_matmul_cublas, nn_kernel_gemm_cublas, nn_kernel_linear_cublas;

#endif
