/* Transposed convolution:
 *
 *     x [N, C, in...]   w [C, M / group, kernel...]   bias [M]   y [N, M, out...]
 */
#ifndef NN_FAMILY_CONV_TRANSPOSE_H
#define NN_FAMILY_CONV_TRANSPOSE_H

#include "ops/family/convolution.h"

typedef struct nn_conv_transpose_attrs {
    nn_window_attrs window;
    int64_t group;
    bool has_output_shape;
    int64_t output_shape[NN_MAX_SPATIAL], output_padding[NN_MAX_SPATIAL];
} nn_conv_transpose_attrs;

/* Concrete numbers. The axes are those of the convolution that this one transposes, which slides
 * over y: axis.in is a size of y and axis.out one of x; x[i] adds to y[i * stride + tap * dilation
 * - pad_begin]. */
typedef struct nn_conv_transpose_geometry {
    int64_t batch, groups;
    int64_t in_channels, out_channels;
    int64_t group_in_channels, group_out_channels;
    nn_window_axis axes[NN_MAX_SPATIAL]; /* depth, height, width; missing ones of size 1 */
    int64_t in_pixels, out_pixels, taps; /* in: of x */
} nn_conv_transpose_geometry;

/* Facts of x (input 0) and w (input 1) must be concrete and inferred. */
nn_conv_transpose_geometry nn_conv_transpose_geometry_of(const nn_node_view *node);

#endif
