/* DepthToSpace and SpaceToDepth: both reorder blocks of an N x C x H x W value. */
#ifndef NN_FAMILY_BLOCK_H
#define NN_FAMILY_BLOCK_H

#include "ops/family/copy.h"

typedef struct nn_block_attrs {
    int64_t size;
    bool channel_first; /* mode CRD: channels vary slowest inside the depth */
} nn_block_attrs;

nn_status nn_block_parse(const nn_node_view *node, const nn_attrs *attrs, void *out);
/* The six axes of `deep` (N x C x H x W) and their steps there and in `wide` (N x C / b^2 x Hb x
 * Wb): N, C / b^2, H, row in the block, W, column in the block. */
void nn_block_steps(const nn_block_attrs *attrs, const nn_tensor *deep, int64_t dims[6],
                    int64_t deep_steps[6], int64_t wide_steps[6]);

#endif
