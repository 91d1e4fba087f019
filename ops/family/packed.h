/* Moving packed elements through bytes: the operands are unpacked into workspace, one code a byte,
 * the kernel for bytes runs on them, and its output is packed. */
#ifndef NN_FAMILY_PACKED_H
#define NN_FAMILY_PACKED_H

#include "ops/op.h"

/* Input 0 is of a packed type, and there is no epilogue. */
bool nn_packed_accepts(const nn_node_view *node, const nn_target *target);
/* Asks for the workspace that nn_packed_run needs. */
nn_status nn_packed_prepare(const nn_node_view *node, const nn_target *target, nn_prepare *prepare);
/* Calls `run`, a kernel without workspace or state, with uint8 in place of the packed tensors. */
nn_status nn_packed_run(const nn_call *call, nn_status (*run)(const nn_call *call));

/* Defines kernel `stem` for packed types over the function that moves bytes. */
#define NN_PACKED_KERNEL(stem, run_bytes)                                                          \
    static nn_status stem##_run(const nn_call *call) {                                             \
        return nn_packed_run(call, run_bytes);                                                     \
    }                                                                                              \
    static const nn_kernel stem = {                                                                \
        .name = #stem,                                                                             \
        .exactness = NN_EXACT,                                                                     \
        .accepts = nn_packed_accepts,                                                              \
        .prepare = nn_packed_prepare,                                                              \
        .run = stem##_run,                                                                         \
    };

#endif
