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
 * - pad_begin]. in_pixels counts x and out_pixels y. Facts of x (input 0) and w (input 1) must be
 * concrete and inferred. */
nn_conv_geometry nn_conv_transpose_geometry_of(const nn_node_view *node);

#endif
