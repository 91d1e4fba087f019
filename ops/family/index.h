/* Index inputs: int32 or int64 tensors whose values must lie in an axis; negative ones count from
 * its end. */
#ifndef NN_FAMILY_INDEX_H
#define NN_FAMILY_INDEX_H

#include "ops/op.h"

static inline int64_t nn_index_at(const nn_tensor *indices, int64_t i) {
    return indices->type == NNOPT_INT32 ? ((const int32_t *)indices->data)[i]
                                        : ((const int64_t *)indices->data)[i];
}

/* Every index must lie in -size .. size-1. */
nn_status nn_check_indices(const nn_node_view *node, const nn_tensor *indices, int64_t size);
/* The same at inference, as far as input `index` and the size are known. */
nn_status nn_check_constant_indices(const nn_node_view *node, int index, int64_t size);

#endif
