/* Rules of shapes that operators with many inputs share. Facts may be NULL (absent) or unknown;
 * what is not known breaks no rule. Messages name the input, the axis and both sizes. */
#ifndef NN_FAMILY_DIMS_H
#define NN_FAMILY_DIMS_H

#include "ops/op.h"

/* Size of an axis, NN_DIM_UNKNOWN when the fact or its rank is not known. */
static inline int64_t nn_fact_dim(const nn_fact *fact, int axis) {
    return fact != NULL && axis < fact->rank ? fact->dims[axis] : NN_DIM_UNKNOWN;
}

/* Input `index`, where its rank is known, has this rank / this or a greater one. */
nn_status nn_check_rank(const nn_node_view *node, int index, int rank);
nn_status nn_check_least_rank(const nn_node_view *node, int index, int rank);

/* Axis `axis` of input `index` has `*size` elements; a size that was unknown is learnt from it. */
nn_status nn_agree_dim(const nn_node_view *node, int index, int axis, int64_t *size);

/* Input `index` is a vector or scalar of `count` elements (unknown: any number). */
nn_status nn_check_count(const nn_node_view *node, int index, int64_t count);

/* Element `element` of input `index`, a size, as far as it is known; negative sizes are refused. */
nn_status nn_size_element(const nn_node_view *node, int index, int element, int64_t *dim);

#endif
