/* Resize and Upsample: every output element is a weighted sum of input elements, axis by axis. */
#ifndef NN_FAMILY_RESIZE_H
#define NN_FAMILY_RESIZE_H

#include "ops/family/axes.h"
#include "ops/family/infer.h"

typedef enum nn_resize_mode { NN_RESIZE_NEAREST, NN_RESIZE_LINEAR, NN_RESIZE_CUBIC } nn_resize_mode;

/* How a place of the output is mapped to one of the input. */
typedef enum nn_resize_coordinates {
    NN_COORDINATES_HALF_PIXEL,
    NN_COORDINATES_HALF_PIXEL_SYMMETRIC,
    NN_COORDINATES_PYTORCH_HALF_PIXEL,
    NN_COORDINATES_ALIGN_CORNERS,
    NN_COORDINATES_ASYMMETRIC,
    NN_COORDINATES_CROP, /* tf_crop_and_resize */
} nn_resize_coordinates;

typedef enum nn_resize_rounding {
    NN_ROUND_PREFER_FLOOR,
    NN_ROUND_PREFER_CEIL,
    NN_ROUND_FLOOR,
    NN_ROUND_CEIL,
    NN_ROUND_OUTWARD, /* before version 11: up where the axis shrinks, else down */
} nn_resize_rounding;

typedef enum nn_resize_policy {
    NN_RESIZE_STRETCH,
    NN_RESIZE_NOT_LARGER,
    NN_RESIZE_NOT_SMALLER
} nn_resize_policy;

typedef struct nn_resize_attrs {
    nn_resize_mode mode;
    nn_resize_coordinates coordinates;
    nn_resize_rounding rounding;
    nn_resize_policy policy;
    bool antialias, exclude_outside;
    float cubic, extrapolation;
    nn_list axes;                             /* not present: all */
    int roi_input, scales_input, sizes_input; /* input indices, -1: none */
    int scale_count;                          /* attribute of Upsample before version 9 */
    float scales[NN_MAX_RANK];
} nn_resize_attrs;

/* What happens to one axis, logical. */
typedef struct nn_resize_axis {
    bool known;     /* scale and size are */
    bool unchanged; /* the output axis is the input axis */
    int64_t in, out;
    double scale;
    double length;             /* in * scale, which need not be whole */
    double roi_begin, roi_end; /* fractions of the input axis */
} nn_resize_axis;

/* The axes of an input of this shape; sizes are NN_DIM_UNKNOWN where they cannot be known. */
nn_status nn_resize_find_axes(const nn_node_view *node, const int64_t *dims, int rank,
                              nn_resize_axis axes[NN_MAX_RANK]);
nn_status nn_resize_infer(const nn_node_view *node);
nn_status nn_resize_axes(const nn_node_view *node, nn_axis_relations *out);
void nn_resize_cost(const nn_node_view *node, nn_cost *out);

extern const nn_kernel nn_resize_kernel;
extern const nn_kernel *const nn_resize_kernels[];

#define NN_RESIZE_COLUMNS                                                                          \
    .domain = "", .min_outputs = 1, .max_outputs = 1, .attr_size = sizeof(nn_resize_attrs),        \
    .infer = nn_resize_infer, .cost = nn_resize_cost, .axes = nn_resize_axes,                      \
    .quant = NN_QUANT_MOVES, .kernels = nn_resize_kernels

#endif
