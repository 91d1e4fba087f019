#ifndef NN_CUDA_GATHER_LAUNCH_H
#define NN_CUDA_GATHER_LAUNCH_H

#include "ops/cuda/elements/loops_launch.h"
#include "ops/cuda/runtime/fault_launch.h"

#include <nnopt.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Indices are int32 or int64; negative ones count from the end of their axis. One that is out of
 * range is a fault, and stands for the nearest that is in it. Where an axis is empty nothing is
 * read: the output is zeros. Elements have 1, 2, 4, 8 or 16 bytes. */

/* y[(o * count + i) * inner + k] = x[(o * size + indices[i]) * inner + k] */
typedef struct nn_cuda_gather {
    int bytes;
    nnopt_type index_type;
    int64_t outer, size;
    nn_cuda_extent count, inner;
    int64_t total; /* elements of y */
    const void *x, *indices;
    void *y;
    nn_cuda_fault fault;
} nn_cuda_gather;
cudaError_t nn_cuda_launch_gather(const nn_cuda_gather *arguments, cudaStream_t stream);

/* y[i] = x[place + indices[i] * axis_step] over loops of y and the data without the gathered axis.
 */
typedef struct nn_cuda_gather_elements {
    int bytes;
    nnopt_type index_type;
    nn_cuda_loops loops;
    int64_t size, axis_step;
    const void *x, *indices;
    void *y;
    nn_cuda_fault fault;
} nn_cuda_gather_elements;
cudaError_t nn_cuda_launch_gather_elements(const nn_cuda_gather_elements *arguments,
                                           cudaStream_t stream);

/* Slices of data that tuples of indices name (ops/family/gather_nd.h). */
enum { NN_CUDA_TUPLE = 12 };
typedef struct nn_cuda_slices {
    int tuple;
    int64_t count; /* of tuples */
    nn_cuda_extent batch, length;
    int64_t batch_step;
    int64_t dims[NN_CUDA_TUPLE], steps[NN_CUDA_TUPLE];
    const int64_t *indices;
    nn_cuda_fault fault;
} nn_cuda_slices;

/* y[i] = slice i of x, each of slices.length elements. */
typedef struct nn_cuda_gather_nd {
    int bytes;
    nn_cuda_slices slices;
    const void *x;
    void *y;
} nn_cuda_gather_nd;
cudaError_t nn_cuda_launch_gather_nd(const nn_cuda_gather_nd *arguments, cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
