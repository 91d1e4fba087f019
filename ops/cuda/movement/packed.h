/* Moving packed elements on a device through bytes: what ops/family/packed.h is on the CPU. */
#ifndef NN_CUDA_PACKED_H
#define NN_CUDA_PACKED_H

#include "ops/op.h"

/* nn_cuda_moves_bytes, and packed elements. */
bool nn_cuda_packed_accepts(const nn_node_view *node, const nn_target *target);
/* Asks for the workspace that nn_cuda_packed_run needs, where input 0 is packed. */
void nn_cuda_packed_workspace(const nn_node_view *node, nn_prepare *prepare);
/* Calls `run`, which moves bytes and has no workspace: as it is, or where input 0 is packed, with
 * uint8 in place of the packed tensors. One output. */
nn_status nn_cuda_packed_run(const nn_call *call, nn_status (*run)(const nn_call *call));

#endif
