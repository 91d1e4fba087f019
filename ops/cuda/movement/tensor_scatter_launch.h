#ifndef NN_CUDA_TENSOR_SCATTER_LAUNCH_H
#define NN_CUDA_TENSOR_SCATTER_LAUNCH_H

#include "ops/cuda/runtime/fault_launch.h"

#include <cuda_runtime_api.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Of each of `samples`, `prefixes` times: rows first .. first + length - 1 of `capacity` rows of
 * the cache, counted on from its start behind its end where it is circular, become those of the
 * update. A linear write that leaves the cache is a fault, and is moved into it. */
typedef struct nn_cuda_tensor_scatter {
    int bytes; /* of an element: 1, 2, 4, 8 or 16 */
    bool circular;
    int64_t samples, prefixes, capacity, length, row; /* row: elements */
    const int64_t *first;                             /* of each sample; NULL: 0 */
    const void *update;
    void *cache;
    nn_cuda_fault fault;
} nn_cuda_tensor_scatter;
cudaError_t nn_cuda_launch_tensor_scatter(const nn_cuda_tensor_scatter *arguments,
                                          cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
