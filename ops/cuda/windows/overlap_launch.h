#ifndef NN_CUDA_OVERLAP_LAUNCH_H
#define NN_CUDA_OVERLAP_LAUNCH_H

#include "ops/cuda/runtime/fault_launch.h"

#include <cuda_runtime_api.h>
#include <nnopt.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { NN_CUDA_OVERLAP_AXES = 3 };

/* One axis of an image that blocks cover; missing leading ones have size 1. */
typedef struct nn_cuda_overlap_axis {
    int64_t image, block, positions, dilation, stride, pad;
} nn_cuda_overlap_axis;

/* y [planes, image...] sums the elements of the columns of x [planes, block..., positions...] that
 * fall on a place. Float of 16 to 64 bits. */
typedef struct nn_cuda_col2im {
    nnopt_type type;
    int64_t planes;
    nn_cuda_overlap_axis axes[NN_CUDA_OVERLAP_AXES];
    const void *x;
    void *y;
} nn_cuda_col2im;
cudaError_t nn_cuda_launch_col2im(const nn_cuda_col2im *arguments, cudaStream_t stream);

enum { NN_CUDA_UNPOOL_RANK = 5 };

/* y[place of indices[i]] = x[i]: an index counts a tensor of `dims`, which lies at the front of y
 * of steps `steps`; what is of no element is a fault, and is left out. Elements of 2, 4 or 8 bytes.
 */
typedef struct nn_cuda_unpool {
    int bytes, rank;
    int64_t count, total; /* of x, of the tensor */
    int64_t dims[NN_CUDA_UNPOOL_RANK], steps[NN_CUDA_UNPOOL_RANK];
    const void *x;
    const int64_t *indices;
    void *y;
    nn_cuda_fault fault;
} nn_cuda_unpool;
cudaError_t nn_cuda_launch_unpool(const nn_cuda_unpool *arguments, cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
