#ifndef NN_CUDA_EPILOGUE_LAUNCH_H
#define NN_CUDA_EPILOGUE_LAUNCH_H

#include "ops/cuda/runtime/arguments.h"

#include <cuda_runtime_api.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What stands behind a product, over a matrix of rows x columns:
 *
 *     y = after(before(scale x + bias_scale bias) + residual)
 *
 * in float, rounded once. Types are float, float16 or bfloat16, that of x may also be int32. y may
 * be x where the types are the same. Without anything it converts. */
typedef struct nn_cuda_epilogue {
    nnopt_type x_type, y_type, bias_type, residual_type;
    const void *x;
    void *y;
    const void *bias, *residual; /* NULL: none */
    float scale, bias_scale;
    int64_t bias_row, bias_column; /* elements of bias from a row, a column to the next */
    nn_activation_argument before, after;
    int64_t rows, columns;
} nn_cuda_epilogue;

cudaError_t nn_cuda_launch_epilogue(const nn_cuda_epilogue *arguments, cudaStream_t stream);

/* Filters in the order of channels last, [filters, taps, channels], from [filters, channels, taps].
 */
typedef struct nn_cuda_filters {
    nnopt_type from_type, to_type;
    const void *from;
    void *to;
    int64_t filters, channels, taps;
} nn_cuda_filters;

cudaError_t nn_cuda_launch_filters(const nn_cuda_filters *arguments, cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
