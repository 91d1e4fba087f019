/* Attributes of operators that move elements, which kernels outside of the operator's file read. */
#ifndef NN_FAMILY_MOVEMENT_H
#define NN_FAMILY_MOVEMENT_H

#include "ops/family/block.h"
#include "ops/family/infer.h"
#include "ops/family/loops.h"

/* Concat, Gather, GatherElements, OneHot. */
typedef struct nn_axis_attrs {
    int64_t axis;
} nn_axis_attrs;

typedef struct nn_transpose_attrs {
    nn_list order; /* not present: reversed */
} nn_transpose_attrs;

/* The axis of the input that becomes `axis`. */
static inline int nn_transpose_source(const nn_transpose_attrs *attrs, int rank, int axis) {
    return attrs->order.present ? (int)attrs->order.values[axis] : rank - 1 - axis;
}

typedef struct nn_split_attrs {
    int64_t axis;
    int64_t parts;   /* attribute num_outputs; 0: not given */
    bool from_input; /* sizes in input 1 */
    nn_list sizes;
} nn_split_attrs;

/* Starts, ends, axes, steps: attributes before version 10, inputs after. */
typedef struct nn_slice_attrs {
    bool from_input;
    nn_list starts, ends, axes;
} nn_slice_attrs;

/* What happens to one axis. */
typedef struct nn_axis_slice {
    bool known;
    bool whole; /* all of it, in order */
    int64_t start, step, count;
} nn_axis_slice;

/* Slices of all axes of a shape that is known in part. *axes_known false: even which axes are cut
 * is not known. */
nn_status nn_slice_axes(const nn_node_view *node, const int64_t *dims, int rank,
                        nn_axis_slice slices[NN_MAX_RANK], bool *axes_known);

/* A copy of dims[] elements: steps from one to the next of each axis, in elements, and where the
 * first of the source stands. */
typedef struct nn_walk {
    int rank;
    int64_t dims[NN_LOOP_RANK], source[NN_LOOP_RANK], target[NN_LOOP_RANK];
    int64_t begin;
} nn_walk;

/* Every output axis is walked as repeats times the input axis; the output is not empty. */
void nn_tile_walk(const nn_tensor *in, const nn_tensor *out, nn_walk *walk);
/* `slices` are those of the logical axes. */
void nn_slice_walk(const nn_tensor *in, const nn_tensor *out, nn_layout layout,
                   const nn_axis_slice *slices, nn_walk *walk);

typedef enum nn_pad_mode {
    NN_PAD_CONSTANT,
    NN_PAD_REFLECT,
    NN_PAD_EDGE,
    NN_PAD_WRAP,
} nn_pad_mode;

/* Before version 11 pads and the constant were attributes. */
typedef struct nn_pad_attrs {
    nn_pad_mode mode;
    bool from_input;
    float value;
    nn_list pads;
} nn_pad_attrs;

typedef struct nn_axis_pad {
    bool known;
    int64_t before, after; /* negative: elements are cut off */
} nn_axis_pad;

/* Pads of all axes of an input of this rank; not known where they are not. */
nn_status nn_pad_axes(const nn_node_view *node, int rank, nn_axis_pad pads[NN_MAX_RANK]);

typedef struct nn_gather_nd_attrs {
    int batch_dims;
} nn_gather_nd_attrs;

typedef struct nn_reverse_sequence_attrs {
    bool batch_first; /* time is axis 1, else axis 0 */
} nn_reverse_sequence_attrs;

typedef struct nn_trilu_attrs {
    bool upper;
} nn_trilu_attrs;

typedef struct nn_eye_like_attrs {
    nn_type type; /* NONE: that of the input */
    int64_t diagonal;
} nn_eye_like_attrs;

/* ConstantOfShape. */
typedef struct nn_constant_attrs {
    const nn_tensor *value; /* one element; NULL: a float zero */
} nn_constant_attrs;

#endif
