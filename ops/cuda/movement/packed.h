/* Moving packed elements on a device through bytes: ops/family/packed.h there. Workspace is that of
 * nn_packed_prepare. */
#ifndef NN_CUDA_PACKED_H
#define NN_CUDA_PACKED_H

#include "ops/family/packed.h"

/* nn_cuda_moves_bytes, and packed elements. */
bool nn_cuda_packed_accepts(const nn_node_view *node, const nn_target *target);
nn_status nn_cuda_packed_run(const nn_call *call, nn_status (*run)(const nn_call *call));

#endif
