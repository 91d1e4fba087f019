/* Matrices of bytes that are known in the run only, as columns for the tile kernel. */
#ifndef NN_CUDA_COLUMNS_LAUNCH_H
#define NN_CUDA_COLUMNS_LAUNCH_H

#include "ops/cuda/int8/numbers_launch.h"

#ifdef __cplusplus
extern "C" {
#endif

/* columns [batch][n][step] of int8 from b [batch][k][n], uint8 less 128, zero behind k; and the
 * numbers of each column as nn_cuda_numbers has them. */
typedef struct nn_cuda_columns {
    int64_t batch;
    int k, n, step;
    nn_cuda_parameter b, a_zero, b_zero, a_scale, b_scale, bias; /* bias: float, [n] */
    bool divides;
    float y_scale;

    int8_t *columns;
    int32_t *start, *zeros;     /* [batch][n], as what follows; zeros NULL: not wanted */
    float *multiplier, *offset; /* offset NULL: no bias */
} nn_cuda_columns;

cudaError_t nn_cuda_launch_columns(const nn_cuda_columns *arguments, cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
