/* Which elements of the input make a place of the output of Resize, axis by axis. Follows the
 * definition of coordinates and weights in the ONNX specification of Resize. */
#ifndef NN_FAMILY_RESIZE_TABLES_H
#define NN_FAMILY_RESIZE_TABLES_H

#include "ops/family/resize.h"

/* For each place of the output along one axis: `taps` input indices and weights. */
typedef struct nn_resize_table {
    int64_t taps;
    int64_t *indices; /* out x taps; -1: outside of the region of interest */
    double *weights;
} nn_resize_table;

typedef struct nn_resize_plan {
    const nn_resize_attrs *attrs;
    int rank;
    nn_resize_axis axes[NN_MAX_RANK]; /* in the order of memory */
    nn_resize_table tables[NN_MAX_RANK];
} nn_resize_plan;

int64_t nn_resize_tap_count(const nn_resize_attrs *attrs, double scale);
/* An upper bound of the taps for any scale that leads from `in` to `out`. */
int64_t nn_resize_tap_limit(const nn_resize_attrs *attrs, int64_t in, int64_t out);
/* The table has its taps and memory for them. */
void nn_resize_fill_table(const nn_resize_attrs *attrs, const nn_resize_axis *axis,
                          nn_resize_table *table);

/* The output from the nearest elements; tables of all axes are filled (resize_nearest.c). */
void nn_resize_run_nearest(const nn_call *call, const nn_resize_plan *plan);

#endif
