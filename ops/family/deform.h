/* Deformable convolution: a convolution of X [N, C, in...] that reads each tap where an offset
 * [N, G x taps x axes, out...] moves it, between elements too, weighted by a mask [N, G x taps,
 * out...]. */
#ifndef NN_FAMILY_DEFORM_H
#define NN_FAMILY_DEFORM_H

#include "ops/family/window.h"

enum { NN_DEFORM_X, NN_DEFORM_W, NN_DEFORM_OFFSET, NN_DEFORM_BIAS, NN_DEFORM_MASK };
enum { NN_DEFORM_CORNERS = 1 << NN_MAX_SPATIAL };

typedef struct nn_deform_attrs {
    nn_window_attrs window;
    int64_t group, offset_group;
} nn_deform_attrs;

nn_status nn_deform_parse(const nn_node_view *node, const nn_attrs *attrs, void *out);
nn_status nn_deform_infer(const nn_node_view *node);
void nn_deform_cost(const nn_node_view *node, nn_cost *out);

/* Concrete numbers. */
typedef struct nn_deform {
    int axes; /* 1 .. NN_MAX_SPATIAL, the last entries of `axis` */
    nn_window_axis axis[NN_MAX_SPATIAL];
    int64_t batch, channels, out_channels, group, offset_group;
    int64_t in_pixels, out_pixels, taps;
} nn_deform;
nn_deform nn_deform_of(const nn_node_view *node);

/* Elements around a tap and their weights, the mask among them; offset -1: outside. */
typedef struct nn_deform_corners {
    int count;
    int64_t offset[NN_DEFORM_CORNERS];
    double weight[NN_DEFORM_CORNERS];
} nn_deform_corners;
void nn_deform_find(const nn_call *call, const nn_deform *shape, int64_t sample,
                    int64_t offset_group, int64_t tap, int64_t pixel, nn_deform_corners *out);

#endif
