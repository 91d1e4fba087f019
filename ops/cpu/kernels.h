/* The kernels that descriptors list; each is defined in the file of its family. */
#ifndef NN_CPU_KERNELS_H
#define NN_CPU_KERNELS_H

#include "ops/op.h"

/* One kernel for each instruction set that floats have. */
#define NN_DECLARE_KERNELS(stem)                                                                   \
    extern const nn_kernel nn_kernel_##stem##_portable, nn_kernel_##stem##_avx2,                   \
        nn_kernel_##stem##_avx512;

NN_DECLARE_KERNELS(conv_f32)      /* conv_f32.c */
NN_DECLARE_KERNELS(depthwise_f32) /* depthwise_f32.c */
NN_DECLARE_KERNELS(gemm_f32)      /* gemm_f32.c */
NN_DECLARE_KERNELS(matmul_f32)
NN_DECLARE_KERNELS(max_pool) /* pooling.c */
NN_DECLARE_KERNELS(average_pool_f32)
NN_DECLARE_KERNELS(global_max_pool_f32)
NN_DECLARE_KERNELS(global_average_pool_f32)

/* The same as entries of a descriptor's list, best first. */
#if defined(__x86_64__)
#    define NN_KERNELS(stem)                                                                       \
        &nn_kernel_##stem##_avx512, &nn_kernel_##stem##_avx2, &nn_kernel_##stem##_portable
#else
#    define NN_KERNELS(stem) &nn_kernel_##stem##_portable
#endif

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
