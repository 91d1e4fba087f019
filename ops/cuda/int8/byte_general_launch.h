/* Products of bytes whatever is known of them: a thread makes one result, and reads scales and zero
 * points itself. */
#ifndef NN_CUDA_BYTE_GENERAL_LAUNCH_H
#define NN_CUDA_BYTE_GENERAL_LAUNCH_H

#include "ops/cuda/int8/numbers_launch.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ops/family/requantize.h, with its parameters on the device; y_scale absent: a float result. */
typedef struct nn_cuda_general_finish {
    nnopt_type type;
    nn_activation_argument activation;
    bool divides;
    float scale; /* a factor of x_scale */
    nn_cuda_parameter x_scale, w_scale, y_scale, y_zero;
    /* The sum of a QConv; data NULL: none. */
    const uint8_t *addend;
    bool addend_first;
    nn_cuda_parameter addend_scale, addend_zero, sum_scale, sum_zero;
} nn_cuda_general_finish;

typedef struct nn_cuda_general_axis {
    int64_t in, out, kernel, stride, dilation, pad;
} nn_cuda_general_axis;

/* Standard layout. */
typedef struct nn_cuda_general_conv {
    int64_t count; /* of results */
    int64_t in_channels, out_channels, group_in_channels, group_out_channels;
    int64_t in_pixels, out_pixels, taps;
    nn_cuda_general_axis axes[3];
    nn_cuda_parameter x, w, x_zero, w_zero, bias;
    nn_cuda_general_finish finish;
    void *y;
} nn_cuda_general_conv;

cudaError_t nn_cuda_launch_general_conv(const nn_cuda_general_conv *arguments, cudaStream_t stream);

enum { NN_CUDA_GENERAL_BATCH = NNOPT_MAX_RANK };

/* nn_matmul_geometry; parameters of a go with its rows, those of b with its columns
 * (ops/family/integer_matmul.h). */
typedef struct nn_cuda_general_matmul {
    int64_t batch, m, n, k;
    int batch_rank;
    int64_t batch_dims[NN_CUDA_GENERAL_BATCH];
    int64_t a_steps[NN_CUDA_GENERAL_BATCH], b_steps[NN_CUDA_GENERAL_BATCH];
    int64_t a_row, a_depth, b_depth, b_column; /* steps within a matrix */
    nn_cuda_parameter a, b, a_zero, b_zero;
    nn_cuda_parameter addend; /* int32 or float; absent: none */
    int64_t addend_row, addend_column;
    nn_cuda_general_finish finish;
    void *y;
} nn_cuda_general_matmul;

cudaError_t nn_cuda_launch_general_matmul(const nn_cuda_general_matmul *arguments,
                                          cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
