/* Running half types through float32: the operands are converted into workspace, the float kernel
 * runs on them, and its outputs are rounded once. */
#ifndef NN_FAMILY_HALF_H
#define NN_FAMILY_HALF_H

#include "ops/op.h"

/* True for float16 and bfloat16. */
bool nn_is_half(nn_type type);

/* Workspace that nn_half_run needs for the node's concrete facts; 0 when none is half. */
size_t nn_half_workspace(const nn_node_view *node);

/* Calls `run`, a kernel without workspace, with float32 in place of the half tensors. */
nn_status nn_half_run(const nn_call *call, nn_status (*run)(const nn_call *call));

#endif
