/* The kernels that descriptors list; each is defined in the file of its family. */
#ifndef NN_CPU_KERNELS_H
#define NN_CPU_KERNELS_H

#include "ops/op.h"

extern const nn_kernel nn_kernel_conv_reference;           /* conv_reference.c */
extern const nn_kernel nn_kernel_conv_transpose_reference; /* conv_transpose_reference.c */
extern const nn_kernel nn_kernel_gemm_reference;           /* matmul_reference.c */
extern const nn_kernel nn_kernel_matmul_reference;
extern const nn_kernel nn_kernel_max_pool_reference; /* pooling_reference.c */
extern const nn_kernel nn_kernel_average_pool_reference;
extern const nn_kernel nn_kernel_global_average_pool_reference;
extern const nn_kernel nn_kernel_global_max_pool_reference;

#endif
