/* Moving elements on a device: what ops/family/copy.h is on the CPU. */
#ifndef NN_CUDA_COPY_H
#define NN_CUDA_COPY_H

#include "ops/family/copy.h"

/* Elements of whole bytes that a device may hold: all of those but strings. */
static inline bool nn_cuda_moves(nn_type type) {
    return nn_type_in(type, NN_TYPES_BYTES & ~NN_TYPES_STRING);
}
/* Input 0 is of such elements, and there is no epilogue. */
bool nn_cuda_moves_bytes(const nn_node_view *node, const nn_target *target);

/* nn_copy_strided. Steps of the target are those of a part of a dense tensor. */
nn_status nn_cuda_copy_strided(const nn_call *call, size_t size, const int64_t *dims, int rank,
                               void *target, const int64_t *target_steps, const void *source,
                               const int64_t *source_steps);
/* All elements, in order, unless the two share memory. */
nn_status nn_cuda_copy_tensor(const nn_call *call, const nn_tensor *from, const nn_tensor *to);
/* All bytes 0. */
nn_status nn_cuda_zero(const nn_call *call, const nn_tensor *tensor);

#endif
