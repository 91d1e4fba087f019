/* Moving packed elements through bytes: the operands are unpacked into workspace, one code a byte,
 * the kernel for bytes runs on them, and its output is packed. */
#ifndef NN_FAMILY_PACKED_H
#define NN_FAMILY_PACKED_H

#include "ops/op.h"

/* Accepts element types of whole bytes and packed ones, and no epilogue. */
bool nn_packed_accepts(const nn_node_view *node, const nn_target *target);
/* The packed ones alone. */
bool nn_packed_fits(const nn_node_view *node);
/* Asks for the workspace that nn_packed_run needs, where input 0 is packed. */
nn_status nn_packed_prepare(const nn_node_view *node, const nn_target *target, nn_prepare *prepare);
/* Calls `run`, which moves bytes and has no workspace: as it is, or where input 0 is packed, with
 * uint8 in place of the packed tensors. One output. */
nn_status nn_packed_run(const nn_call *call, nn_status (*run)(const nn_call *call));

/* How a whole tensor becomes one code a byte, and is made of them. */
typedef struct nn_packed_ways {
    nn_status (*unpack)(const nn_call *call, const nn_tensor *packed, void *bytes);
    nn_status (*pack)(const nn_call *call, const void *bytes, const nn_tensor *packed);
} nn_packed_ways;

/* nn_packed_run in other memory than the host's. */
nn_status nn_packed_run_by(const nn_call *call, nn_status (*run)(const nn_call *call),
                           const nn_packed_ways *ways);

#endif
