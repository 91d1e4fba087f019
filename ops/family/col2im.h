/* Col2Im: Y [N, C, image...] sums the blocks that are the columns of X [N, C x block, positions]
 * where they overlap. */
#ifndef NN_FAMILY_COL2IM_H
#define NN_FAMILY_COL2IM_H

#include "ops/family/infer.h"

enum { NN_COL2IM_X, NN_COL2IM_IMAGE, NN_COL2IM_BLOCKS };
enum { NN_COL2IM_AXES = NN_MAX_RANK - 2 };

typedef struct nn_col2im_attrs {
    nn_list dilations, pads, strides; /* absent: ones, zeros, ones */
} nn_col2im_attrs;

typedef struct nn_col2im_axis {
    int64_t image, block, positions, dilation, stride, pad_begin, pad_end;
} nn_col2im_axis;

/* Axes as far as they are known; *count is -1 when even their number is not. */
nn_status nn_col2im_find_axes(const nn_node_view *node, int *count,
                              nn_col2im_axis axes[NN_COL2IM_AXES]);

#endif
