#ifndef NN_CUDA_REDUCE_LAUNCH_H
#define NN_CUDA_REDUCE_LAUNCH_H

#include <cuda_runtime_api.h>
#include <nnopt.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { NN_CUDA_REDUCE_RANK = 12 };

typedef enum nn_cuda_reduction {
    NN_CUDA_REDUCE_SUM,
    NN_CUDA_REDUCE_MEAN,
    NN_CUDA_REDUCE_MAX,
    NN_CUDA_REDUCE_MIN,
    NN_CUDA_REDUCE_PROD,
    NN_CUDA_REDUCE_L1,
    NN_CUDA_REDUCE_L2,
    NN_CUDA_REDUCE_SUM_SQUARE,
    NN_CUDA_REDUCE_LOG_SUM,
    NN_CUDA_REDUCE_LOG_SUM_EXP,
} nn_cuda_reduction;

/* Some axes of x, outermost first; `count` is the product of dims. */
typedef struct nn_cuda_axes {
    int rank;
    int64_t count;
    int64_t dims[NN_CUDA_REDUCE_RANK], steps[NN_CUDA_REDUCE_RANK];
} nn_cuda_axes;

/* y[i] = the reduction over all places of `reduced` from place i of `kept` on. */
typedef struct nn_cuda_reduce {
    nnopt_type type;
    nn_cuda_reduction reduction;
    const void *x;
    void *y;
    nn_cuda_axes kept, reduced;
    int by_rows; /* neighbours in x are reduced, not kept apart */
    int splits;  /* parts of each sum, joined by a second kernel through `parts` */
    void *parts; /* NN_CUDA_REDUCE_PART bytes for each output and split; NULL where splits 1 */
} nn_cuda_reduce;

enum { NN_CUDA_REDUCE_PART = 16 };

cudaError_t nn_cuda_launch_reduce(const nn_cuda_reduce *arguments, cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
