/* The kernels of matrix products, best first. */
#include "ops/cuda/products/matmul_cublas.h"

const nn_kernel *const nn_cuda_matmul_kernels[] = {&nn_kernel_matmul_cublas, NULL};
const nn_kernel *const nn_cuda_gemm_kernels[] = {&nn_kernel_gemm_cublas, NULL};
const nn_kernel *const nn_cuda_linear_kernels[] = {&nn_kernel_linear_cublas, NULL};
