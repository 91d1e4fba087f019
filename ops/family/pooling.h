/* Pools over the spatial axes of x [N, C, in...]. */
#ifndef NN_FAMILY_POOLING_H
#define NN_FAMILY_POOLING_H

#include "ops/family/window.h"

typedef struct nn_pool_attrs {
    nn_window_attrs window;
    bool ceil_mode;
    bool count_include_pad; /* AveragePool */
    bool column_major;      /* MaxPool: order of the indices of output 1 */
} nn_pool_attrs;

/* op->parse for MaxPool, AveragePool. */
nn_status nn_pool_parse(const nn_node_view *node, const nn_attrs *attrs, void *out);
/* Writes outputs of the type of input 0; output 1, where wanted, is int64. */
nn_status nn_pool_infer(const nn_node_view *node);
nn_status nn_pool_axes(const nn_node_view *node, nn_axis_relations *out);
void nn_pool_cost(const nn_node_view *node, nn_cost *out);

/* The same for pools over whole planes: y [N, C, 1...]. */
nn_status nn_global_pool_infer(const nn_node_view *node);
nn_status nn_global_pool_axes(const nn_node_view *node, nn_axis_relations *out);
void nn_global_pool_cost(const nn_node_view *node, nn_cost *out);

/* Concrete numbers; axes are depth, height, width, missing leading ones of size 1. */
typedef struct nn_pool_geometry {
    int64_t batch, channels, in_pixels, out_pixels;
    int64_t in_pitch, out_pitch; /* channels last: elements between pixels */
    nn_window_axis axes[NN_MAX_SPATIAL];
} nn_pool_geometry;

nn_pool_geometry nn_pool_geometry_of(const nn_node_view *node);

/* Taps [*first, *last) of the window at output `position` that lie on data. */
static inline void nn_pool_taps(const nn_window_axis *axis, int64_t position, int64_t *first,
                                int64_t *last) {
    int64_t start = position * axis->stride - axis->pad_begin;
    if (start >= 0 && start + (axis->kernel - 1) * axis->dilation < axis->in) {
        *first = 0;
        *last = axis->kernel;
        return;
    }
    *first = start >= 0 ? 0 : (-start + axis->dilation - 1) / axis->dilation;
    int64_t room = axis->in - start; /* tap * dilation must be below */
    int64_t end = room <= 0 ? 0 : (room - 1) / axis->dilation + 1;
    *last = end < axis->kernel ? end : axis->kernel;
    if (*first > *last) *first = *last;
}

/* How many elements an average divides by along one axis: taps on data, or with padding also those
 * on the padding (but not past it, where a last window is not whole). */
static inline int64_t nn_pool_divisor(const nn_window_axis *axis, int64_t position,
                                      bool include_pad) {
    nn_window_axis padded = *axis;
    if (include_pad) {
        padded.in += axis->pad_begin + axis->pad_end;
        padded.pad_begin = 0;
    }
    int64_t first, last;
    nn_pool_taps(&padded, position, &first, &last);
    return last - first;
}

#endif
