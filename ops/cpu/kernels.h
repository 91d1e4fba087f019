/* The kernels that descriptors list; each is defined in the file of its family. */
#ifndef NN_CPU_KERNELS_H
#define NN_CPU_KERNELS_H

#include "ops/op.h"

extern const nn_kernel nn_kernel_conv_f32_portable; /* conv_f32.c */
extern const nn_kernel nn_kernel_conv_f32_avx2;
extern const nn_kernel nn_kernel_conv_f32_avx512;

extern const nn_kernel nn_kernel_conv_reference;           /* conv_reference.c */
extern const nn_kernel nn_kernel_conv_transpose_reference; /* conv_transpose_reference.c */
extern const nn_kernel nn_kernel_gemm_reference;           /* matmul_reference.c */
extern const nn_kernel nn_kernel_matmul_reference;
extern const nn_kernel nn_kernel_max_pool_reference; /* pooling_reference.c */
extern const nn_kernel nn_kernel_average_pool_reference;
extern const nn_kernel nn_kernel_global_average_pool_reference;
extern const nn_kernel nn_kernel_global_max_pool_reference;

/* Quantised products (conv_u8s8_kernels.c); QLinearConv and QConv share theirs. */
#if defined(__x86_64__)
extern const nn_kernel nn_kernel_qconv_u8s8_vnni;
extern const nn_kernel nn_kernel_conv_integer_u8s8_vnni;
extern const nn_kernel nn_kernel_qlinear_matmul_u8s8_vnni;
extern const nn_kernel nn_kernel_matmul_integer_u8s8_vnni;
extern const nn_kernel nn_kernel_qgemm_u8s8_vnni;
extern const nn_kernel nn_kernel_qconv_depthwise_u8s8_vnni;
extern const nn_kernel nn_kernel_conv_integer_depthwise_u8s8_vnni;
#endif

#endif
