/* Convolution as Conv, ConvInteger and QLinearConv share it.
 *
 *     x [N, C, in...]   w [M, C / group, kernel...]   bias [M]   y [N, M, out...]
 */
#ifndef NN_FAMILY_CONVOLUTION_H
#define NN_FAMILY_CONVOLUTION_H

#include "ops/family/window.h"

typedef struct nn_conv_attrs {
    nn_window_attrs window;
    int64_t group;
} nn_conv_attrs;

/* Which inputs of the node are which; bias is -1 where the operator has none. */
typedef struct nn_conv_inputs {
    int x, w, bias;
} nn_conv_inputs;

/* op->parse for attributes that are exactly an nn_conv_attrs. */
nn_status nn_conv_parse(const nn_node_view *node, const nn_attrs *attrs, void *out);

/* Checks ranks, groups, kernel_shape and bias of facts that may be unknown in part, and writes rank
 * and dims of output 0 (its type is the operator's). */
nn_status nn_conv_infer(const nn_node_view *node, const nn_conv_attrs *attrs, nn_conv_inputs inputs,
                        nn_type output_type);

void nn_conv_cost(const nn_node_view *node, const nn_conv_attrs *attrs, nn_conv_inputs inputs,
                  nn_cost *out);
nn_status nn_conv_axes(const nn_node_view *node, const nn_conv_attrs *attrs, nn_conv_inputs inputs,
                       nn_axis_relations *out);

/* Concrete numbers of a node whose shapes were inferred. */
typedef struct nn_conv_geometry {
    int64_t batch, groups;
    int64_t in_channels, out_channels;             /* of the whole node */
    int64_t group_in_channels, group_out_channels; /* of one group */
    nn_window_axis axes[NN_MAX_SPATIAL];           /* depth, height, width */
    int64_t in_pixels, out_pixels, taps;           /* products over the axes */
    int64_t in_pitch, out_pitch;                   /* channels last: elements between pixels */
} nn_conv_geometry;

/* Facts of x and w must be concrete and have passed nn_conv_infer. */
nn_conv_geometry nn_conv_geometry_of(const nn_node_view *node, const nn_conv_attrs *attrs,
                                     nn_conv_inputs inputs);

#endif
