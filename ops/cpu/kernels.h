/* The kernels that descriptors list; each is defined in the file of its family. */
#ifndef NN_CPU_KERNELS_H
#define NN_CPU_KERNELS_H

#include "ops/op.h"

/* One kernel for each instruction set that floats have. */
#define NN_DECLARE_KERNELS(stem)                                                                   \
    extern const nn_kernel nn_kernel_##stem##_portable, nn_kernel_##stem##_avx2,                   \
        nn_kernel_##stem##_avx512;

NN_DECLARE_KERNELS(conv_f32)               /* conv_f32.c */
NN_DECLARE_KERNELS(conv_winograd2_f32)     /* conv_winograd2_f32.c */
NN_DECLARE_KERNELS(conv_winograd4_f32)     /* conv_winograd4_f32.c */
NN_DECLARE_KERNELS(conv_winograd_line_f32) /* conv_winograd_line_f32.c */
NN_DECLARE_KERNELS(conv_transpose_f32)     /* conv_transpose_f32.c */
NN_DECLARE_KERNELS(depthwise_f32)          /* depthwise_f32.c */
NN_DECLARE_KERNELS(depthwise_block_f32)    /* depthwise_block_f32.c */
NN_DECLARE_KERNELS(deform_f32)             /* deform_f32.c */
NN_DECLARE_KERNELS(grid_sample_f32)        /* grid_sample_f32.c */
NN_DECLARE_KERNELS(gemm_f32)               /* gemm_f32.c */
NN_DECLARE_KERNELS(linear_f32)
NN_DECLARE_KERNELS(matmul_f32)
NN_DECLARE_KERNELS(matmul_nbits_f32)
NN_DECLARE_KERNELS(qlinear_matmul_f32)                   /* qlinear_matmul_f32.c */
NN_DECLARE_KERNELS(recurrent_f32)                        /* recurrent_f32.c */
extern const nn_kernel nn_kernel_conv_strassen_f32_avx2, /* conv_strassen_f32.c */
    nn_kernel_conv_strassen_f32_avx512;
extern const nn_kernel nn_kernel_matmul_strassen_f32_avx2, /* linear_strassen_f32.c */
    nn_kernel_matmul_strassen_f32_avx512, nn_kernel_linear_strassen_f32_avx2,
    nn_kernel_linear_strassen_f32_avx512, nn_kernel_gemm_strassen_f32_avx2,
    nn_kernel_gemm_strassen_f32_avx512;
extern const nn_kernel nn_kernel_recurrent_fixed_f32_vbmi2, /* one row by fixed point */
    nn_kernel_gemm_fixed_f32_vbmi2, nn_kernel_matmul_fixed_f32_vbmi2,
    nn_kernel_linear_fixed_f32_vbmi2;
NN_DECLARE_KERNELS(scaled_conv_f32) /* scaled_conv_f32.c */
NN_DECLARE_KERNELS(max_pool)        /* pooling.c */
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

/* Products of plans in bf16, as entries of a descriptor's list, before all others. */
#define NN_DECLARE_BF16_PRODUCT(stem)                                                              \
    extern const nn_kernel nn_kernel_##stem##_bf16_amx, nn_kernel_##stem##_bf16_avx512bf16;
NN_DECLARE_BF16_PRODUCT(conv)
NN_DECLARE_BF16_PRODUCT(conv_transpose)
NN_DECLARE_BF16_PRODUCT(gemm)
NN_DECLARE_BF16_PRODUCT(matmul)
NN_DECLARE_BF16_PRODUCT(linear)
NN_DECLARE_BF16_PRODUCT(recurrent)
extern const nn_kernel nn_kernel_add_bf16_avx512bf16, nn_kernel_mul_bf16_avx512bf16,
    nn_kernel_depthwise_bf16_avx512bf16, nn_kernel_max_pool_bf16_avx512,
    nn_kernel_average_pool_bf16_avx512, nn_kernel_global_max_pool_bf16_avx512,
    nn_kernel_global_average_pool_bf16_avx512;
#if defined(__x86_64__)
#    define NN_BF16_KERNEL(stem, isa) &nn_kernel_##stem##_bf16_##isa,
#else
#    define NN_BF16_KERNEL(stem, isa)
#endif
#define NN_BF16_PRODUCT(stem) NN_BF16_KERNEL(stem, amx) NN_BF16_KERNEL(stem, avx512bf16)

/* Those of floats with the one that keeps matrices in fixed point, where rows are few. */
#if defined(__x86_64__)
#    define NN_ROW_KERNELS(stem) &nn_kernel_##stem##_fixed_f32_vbmi2, NN_KERNELS(stem##_f32)
#else
#    define NN_ROW_KERNELS(stem) NN_KERNELS(stem##_f32)
#endif
/* The same with those that multiply by Strassen's algorithm, where rows are many. */
#if defined(__x86_64__)
#    define NN_LINEAR_KERNELS(stem)                                                                \
        &nn_kernel_##stem##_fixed_f32_vbmi2, &nn_kernel_##stem##_strassen_f32_avx512,              \
            &nn_kernel_##stem##_f32_avx512, &nn_kernel_##stem##_strassen_f32_avx2,                 \
            &nn_kernel_##stem##_f32_avx2, &nn_kernel_##stem##_f32_portable
#else
#    define NN_LINEAR_KERNELS(stem) NN_KERNELS(stem##_f32)
#endif

extern const nn_kernel nn_kernel_conv_reference;           /* conv_reference.c */
extern const nn_kernel nn_kernel_conv_transpose_reference; /* conv_transpose_reference.c */
extern const nn_kernel nn_kernel_gemm_reference;           /* matmul_reference.c */
extern const nn_kernel nn_kernel_linear_reference;
extern const nn_kernel nn_kernel_matmul_reference;
extern const nn_kernel nn_kernel_max_pool_reference; /* pooling_reference.c */
extern const nn_kernel nn_kernel_average_pool_reference;
extern const nn_kernel nn_kernel_global_average_pool_reference;
extern const nn_kernel nn_kernel_global_max_pool_reference;

/* Quantised products (conv_u8s8_kernels.c); QLinearConv and QConv share theirs. */
#define NN_DECLARE_INT8_KERNELS(stem)                                                              \
    extern const nn_kernel nn_kernel_##stem##_portable, nn_kernel_##stem##_avx2,                   \
        nn_kernel_##stem##_vnni, nn_kernel_##stem##_amx;

NN_DECLARE_INT8_KERNELS(qconv_u8s8)
NN_DECLARE_INT8_KERNELS(conv_integer_u8s8)
NN_DECLARE_INT8_KERNELS(qlinear_matmul_u8s8)
NN_DECLARE_INT8_KERNELS(matmul_integer_u8s8)
NN_DECLARE_INT8_KERNELS(matmul_integer_to_float_u8s8)
NN_DECLARE_INT8_KERNELS(qgemm_u8s8)
extern const nn_kernel nn_kernel_qlinear_matmul_strassen_u8s8_avx2, /* strassen_u8s8.c */
    nn_kernel_matmul_integer_strassen_u8s8_avx2,
    nn_kernel_matmul_integer_to_float_strassen_u8s8_avx2, nn_kernel_qgemm_strassen_u8s8_avx2;
extern const nn_kernel nn_kernel_qconv_depthwise_u8s8_vnni, nn_kernel_qconv_depthwise_u8s8_avx2;
extern const nn_kernel nn_kernel_conv_integer_depthwise_u8s8_vnni,
    nn_kernel_conv_integer_depthwise_u8s8_avx2;
extern const nn_kernel nn_kernel_qconv_winograd_u8s8_avx2, /* conv_winograd_u8s8.c */
    nn_kernel_qconv_winograd_line_u8s8_avx2;               /* conv_winograd_line_u8s8.c */
extern const nn_kernel nn_kernel_qconv_winograd_s16_vnni;  /* conv_winograd_s16.c */
extern const nn_kernel nn_kernel_lstm_u8s8_portable, nn_kernel_lstm_u8s8_avx2,
    nn_kernel_lstm_u8s8_vnni; /* lstm_u8s8.c */

/* Entries of a descriptor's list, best first; those of convolutions with the depthwise ones, and
 * for AVX2 what else there is beside exact products. */
#if defined(__x86_64__)
#    define NN_INT8_PRODUCTS(stem)                                                                 \
        &nn_kernel_##stem##_u8s8_amx, &nn_kernel_##stem##_u8s8_vnni,                               \
            &nn_kernel_##stem##_strassen_u8s8_avx2, &nn_kernel_##stem##_u8s8_avx2,                 \
            &nn_kernel_##stem##_u8s8_portable
#    define NN_INT8_CONVOLUTIONS_WITH(stem, ...)                                                   \
        &nn_kernel_##stem##_depthwise_u8s8_vnni, &nn_kernel_##stem##_u8s8_amx,                     \
            &nn_kernel_##stem##_u8s8_vnni, &nn_kernel_##stem##_depthwise_u8s8_avx2,                \
            __VA_ARGS__ &nn_kernel_##stem##_u8s8_avx2, &nn_kernel_##stem##_u8s8_portable
#    define NN_INT8_CONVOLUTIONS(stem) NN_INT8_CONVOLUTIONS_WITH(stem, )
#    define NN_QCONV_KERNELS                                                                       \
        &nn_kernel_qconv_winograd_s16_vnni,                                                        \
            NN_INT8_CONVOLUTIONS_WITH(qconv, &nn_kernel_qconv_winograd_u8s8_avx2,                  \
                                      &nn_kernel_qconv_winograd_line_u8s8_avx2, )
#else
#    define NN_INT8_PRODUCTS(stem)     &nn_kernel_##stem##_u8s8_portable
#    define NN_INT8_CONVOLUTIONS(stem) &nn_kernel_##stem##_u8s8_portable
#    define NN_QCONV_KERNELS           NN_INT8_CONVOLUTIONS(qconv)
#endif

#endif
