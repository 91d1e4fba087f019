/* What the reference kernels of Conv and ConvTranspose share: every output plane is made on its
 * own, in standard layout. */
#ifndef NN_CONV_PLANES_H
#define NN_CONV_PLANES_H

#include "ops/family/convolution.h"

typedef struct nn_conv_planes nn_conv_planes;

/* Makes plane `index` of y, counted over batch and channels. */
typedef void (*nn_conv_plane)(const nn_conv_planes *self, int64_t index);

struct nn_conv_planes {
    nn_conv_geometry geometry;
    nn_type type;
    const void *x, *w, *bias; /* bias NULL: none */
    void *y;
    const nn_epilogue *epilogue;
    const float *residual;
    nn_conv_plane plane_f32, plane_f64;
};

/* Runs a float or double node of inputs x, w and bias; the epilogue follows float planes. */
nn_status nn_conv_planes_run(const nn_call *call, const nn_conv_geometry *geometry,
                             nn_conv_plane plane_f32, nn_conv_plane plane_f64);

/* prepare and accepts of kernels that run half types through nn_half_run. */
nn_status nn_conv_planes_prepare(const nn_node_view *node, const nn_target *target,
                                 nn_prepare *services);
bool nn_conv_planes_accepts(const nn_node_view *node, const nn_target *target);

#endif
