/* A window that slides over the spatial axes of N x C x spatial data: what convolutions, transposed
 * convolutions and pools share. */
#ifndef NN_FAMILY_WINDOW_H
#define NN_FAMILY_WINDOW_H

#include "ops/op.h"

enum { NN_MAX_SPATIAL = 3 };
/* Axes of a geometry; missing leading ones have size 1, so that 1-D is a map of one row. */
enum { NN_DEPTH, NN_HEIGHT, NN_WIDTH };

typedef enum nn_auto_pad {
    NN_AUTO_PAD_NONE, /* pads as the attribute says */
    NN_AUTO_PAD_SAME_UPPER,
    NN_AUTO_PAD_SAME_LOWER,
    NN_AUTO_PAD_VALID,
} nn_auto_pad;

/* Attributes as the model gives them; lists are filled up with their defaults. */
typedef struct nn_window_attrs {
    nn_auto_pad auto_pad;
    int rank;        /* spatial axes that the lists are for; 0: no list was given */
    bool has_kernel; /* kernel_shape was given */
    int64_t kernel[NN_MAX_SPATIAL], stride[NN_MAX_SPATIAL], dilation[NN_MAX_SPATIAL];
    int64_t pad_begin[NN_MAX_SPATIAL], pad_end[NN_MAX_SPATIAL];
} nn_window_attrs;

/* Reads auto_pad, kernel_shape, strides, dilations and pads; refuses strides and dilations below 1,
 * negative pads, values over INT32_MAX,
 * lists that disagree in length. */
nn_status nn_window_parse(const nn_node_view *node, const nn_attrs *attrs, nn_window_attrs *out);

/* Reads a list with `per_axis` values for each spatial axis, each from `minimum` to INT32_MAX;
 * *values is NULL when it is absent. The first list that is there decides window->rank. */
nn_status nn_window_parse_list(const nn_node_view *node, const nn_attrs *attrs, const char *name,
                               int per_axis, int64_t minimum, nn_window_attrs *window,
                               const int64_t **values);

/* Refuses data of a known rank that is not rank + 2 of the lists, or over NN_MAX_SPATIAL + 2. */
nn_status nn_window_check_rank(const nn_node_view *node, const nn_window_attrs *attrs,
                               const nn_fact *data);

/* One axis with its pads decided. */
typedef struct nn_window_axis {
    int64_t in, out;
    int64_t kernel, stride, dilation, pad_begin, pad_end;
} nn_window_axis;

/* Slides a window of `kernel` taps along spatial axis `axis` of size `in`, both perhaps unknown,
 * which makes out (and pads, with SAME) unknown too. ceil_mode counts a last window that is not
 * whole, when it starts on data or on the padding before it. */
nn_status nn_window_slide(const nn_node_view *node, const nn_window_attrs *attrs, int axis,
                          int64_t in, int64_t kernel, bool ceil_mode, nn_window_axis *out);

/* Output positions [*begin, *end) whose tap `tap` lies on data, not on padding. */
static inline void nn_window_valid(const nn_window_axis *axis, int64_t tap, int64_t *begin,
                                   int64_t *end) {
    int64_t offset = tap * axis->dilation - axis->pad_begin; /* input = output * stride + offset */
    int64_t first = offset >= 0 ? 0 : (-offset + axis->stride - 1) / axis->stride;
    int64_t last = axis->in - offset <= 0 ? 0 : (axis->in - offset - 1) / axis->stride + 1;
    *begin = first < axis->out ? first : axis->out;
    *end = last < axis->out ? last : axis->out;
    if (*end < *begin) *end = *begin;
}

/* Adds the WINDOW relation between spatial axis `axis` of input 0 and of output 0. */
nn_status nn_window_relate(const nn_node_view *node, const nn_window_axis *window, int axis,
                           nn_axis_relations *out);

#endif
