#ifndef NN_CUDA_SCATTER_LAUNCH_H
#define NN_CUDA_SCATTER_LAUNCH_H

#include "ops/cuda/movement/gather_launch.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The numbers of nn_scatter_reduction. */
typedef enum nn_cuda_reduction {
    NN_CUDA_SCATTER_NONE,
    NN_CUDA_SCATTER_ADD,
    NN_CUDA_SCATTER_MUL,
    NN_CUDA_SCATTER_MAX,
    NN_CUDA_SCATTER_MIN,
} nn_cuda_reduction;

/* data[place] = data[place] op update. `type` is that of the elements; where nothing is combined
 * any unsigned integer of their size. In order: one thread takes the updates of what may meet one
 * after the other. Else all at once, each combined in one step that nothing comes between. */

/* Places lie along an axis: loops over the other axes of updates and data where they go in order
 * (`count` updates each, `update_step` apart), over all axes but with a step of 0 along this one of
 * the data where not. */
typedef struct nn_cuda_scatter_elements {
    nnopt_type type, index_type;
    nn_cuda_reduction reduction;
    bool in_order;
    nn_cuda_loops loops;
    int64_t count, update_step, axis_step, size;
    const void *indices, *updates;
    void *data;
    nn_cuda_fault fault;
} nn_cuda_scatter_elements;
cudaError_t nn_cuda_launch_scatter_elements(const nn_cuda_scatter_elements *arguments,
                                            cudaStream_t stream);

typedef struct nn_cuda_scatter_nd {
    nnopt_type type;
    nn_cuda_reduction reduction;
    bool in_order; /* slice after slice, a thread for each of their elements */
    nn_cuda_slices slices;
    const void *updates;
    void *data;
} nn_cuda_scatter_nd;
cudaError_t nn_cuda_launch_scatter_nd(const nn_cuda_scatter_nd *arguments, cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
