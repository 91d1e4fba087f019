#ifndef NN_CUDA_GENERATE_LAUNCH_H
#define NN_CUDA_GENERATE_LAUNCH_H

#include "ops/cuda/elements/loops_launch.h"

#include <nnopt.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The bits of one element of up to 16 bytes. */
typedef struct nn_cuda_element {
    uint64_t bits[2];
} nn_cuda_element;

/* y[i] = value; elements of 1, 2, 4, 8 or 16 bytes, here and below but for ranges. */
typedef struct nn_cuda_fill {
    int bytes;
    nn_cuda_element value;
    void *y;
    int64_t count;
} nn_cuda_fill;
cudaError_t nn_cuda_launch_fill(const nn_cuda_fill *arguments, cudaStream_t stream);

/* y[row][column] = column - row == diagonal ? one : 0 */
typedef struct nn_cuda_eye {
    int bytes;
    nn_cuda_element one;
    nn_cuda_extent columns;
    int64_t count, diagonal;
    void *y;
} nn_cuda_eye;
cudaError_t nn_cuda_launch_eye(const nn_cuda_eye *arguments, cudaStream_t stream);

/* y[i] = start + i * delta, for integers and floating types; both are read from the device. */
typedef struct nn_cuda_range {
    nnopt_type type;
    const void *start, *delta;
    void *y;
    int64_t count;
} nn_cuda_range;
cudaError_t nn_cuda_launch_range(const nn_cuda_range *arguments, cudaStream_t stream);

/* y[o][d][i] = d == indices[o][i] ? values[1] : values[0]. Indices are numbers of any type;
 * floating ones are truncated. Negative ones count from the end where `wraps`. */
typedef struct nn_cuda_one_hot {
    int bytes;
    nnopt_type index_type;
    bool wraps;
    nn_cuda_extent depth, inner;
    int64_t count; /* elements of y */
    const void *indices, *values;
    void *y;
} nn_cuda_one_hot;
cudaError_t nn_cuda_launch_one_hot(const nn_cuda_one_hot *arguments, cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
