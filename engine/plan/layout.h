/* Physical orders of tensors: what a value looks like in memory, and which order a step should use.
 */
#ifndef NN_ENGINE_LAYOUT_H
#define NN_ENGINE_LAYOUT_H

#include "ops/op.h"

/* Only values of rank 3 to 5 (N, C, spatial axes) can lie channels last; others look the same in
 * all layouts. */
static inline bool nn_layout_matters(int rank) {
    return rank >= 3 && rank <= 5;
}

/* Dims as they lie in memory. */
void nn_layout_dims(nn_layout layout, const int64_t *dims, int rank, int64_t *out);
/* Both orders put the elements at the same places: one channel, or one place per channel. */
bool nn_layout_is_same_order(const int64_t *dims, int rank);

/* Does a tensor in `from`, with these logical dims, hold its elements in the very order of its
 * transpose in `to`? Axis i of the transpose is axis perm[i]. */
bool nn_layout_is_transposed(const int64_t *dims, int rank, const int *perm, nn_layout from,
                             nn_layout to);

/* Is input `index` handed over channels last to `kernel` when its node runs in `layout`? Inputs of
 * another rank than output 0 never are: they are broadcast, and the kernel knows. */
bool nn_layout_input_is_last(const nn_kernel *kernel, const nn_node_view *node, nn_layout layout,
                             int index);

#endif
