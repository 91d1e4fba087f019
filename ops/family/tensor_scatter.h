#ifndef NN_FAMILY_TENSOR_SCATTER_H
#define NN_FAMILY_TENSOR_SCATTER_H

#include "ops/op.h"

/* TensorScatter: rows of an update [.., length, ..] written into a cache [.., capacity, ..] along
 * `axis`, from an index of each sample on. */
typedef struct nn_tensor_scatter_attrs {
    int64_t axis;
    bool circular;
} nn_tensor_scatter_attrs;

#endif
