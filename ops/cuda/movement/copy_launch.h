#ifndef NN_CUDA_COPY_LAUNCH_H
#define NN_CUDA_COPY_LAUNCH_H

#include "ops/cuda/elements/loops_launch.h"

#ifdef __cplusplus
extern "C" {
#endif

/* to[sum i_k steps[0][k]] = from[sum i_k steps[1][k]] for elements of 1, 2, 4, 8 or 16 bytes; steps
 * of `from` may be 0 or negative. The two do not overlap. */
typedef struct nn_cuda_copy {
    int bytes;
    nn_cuda_loops loops;
    const void *from;
    void *to;
} nn_cuda_copy;
cudaError_t nn_cuda_launch_copy(const nn_cuda_copy *arguments, cudaStream_t stream);

/* The same where the innermost axis is that of neighbours in `to` and `rows` that of neighbours in
 * `from`: tiles go through shared memory, so that both sides are accessed in runs. `loops` are the
 * other axes. */
typedef struct nn_cuda_transposition {
    int bytes;
    nn_cuda_loops loops;
    int64_t rows, columns;
    int64_t row_step, column_step; /* of `to` from row to row, of `from` from column to column */
    const void *from;
    void *to;
} nn_cuda_transposition;
cudaError_t nn_cuda_launch_transposition(const nn_cuda_transposition *arguments,
                                         cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
