/* MaxUnpool puts each element of X [N, C, in...] back where MaxPool took it from, which the indices
 * say as places in the tensor that kernel, strides and pads lead to; the rest is zero. A larger
 * output_shape holds that tensor at its front. */
#ifndef NN_FAMILY_MAX_UNPOOL_H
#define NN_FAMILY_MAX_UNPOOL_H

#include "ops/family/window.h"

enum { NN_UNPOOL_X, NN_UNPOOL_INDICES, NN_UNPOOL_SHAPE };

/* Size of a spatial axis before it was pooled. */
nn_status nn_max_unpool_size(const nn_node_view *node, int axis, int64_t pooled, int64_t *out);

#endif
