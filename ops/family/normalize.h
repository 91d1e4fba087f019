/* Normalisation of groups of elements by their own mean and variance: InstanceNormalization,
 * GroupNormalization, LayerNormalization. */
#ifndef NN_FAMILY_NORMALIZE_H
#define NN_FAMILY_NORMALIZE_H

#include "ops/cpu/float32/rows_f32.h"

/* x is rows x size: each row is normalised by itself. Inside a row the element at place i has
 * parameter i / run % period (of the row's own parameters, which start at row % row_periods *
 * period). */
typedef struct nn_normalize {
    nn_type type;
    int64_t rows, size;
    int64_t run, period, row_periods;
    /* Rows of channels-last values are not contiguous: `width` elements, then a gap. size when
     * dense. */
    int64_t width, stride;
    int64_t rows_per_block; /* rows side by side before the next block of `stride * size / width` */
    double epsilon;
    const nn_tensor *scale, *bias;       /* bias may be NULL */
    nn_tensor *mean, *inverse_deviation; /* one element per row, or NULL */
} nn_normalize;

/* What the operators make of a call; size 0 where there is nothing to do. */
nn_status nn_layer_normalization_of(const nn_call *call, nn_normalize *out);
nn_status nn_instance_normalization_of(const nn_call *call, nn_normalize *out);
nn_status nn_group_normalization_of(const nn_call *call, nn_normalize *out);

/* RMSNormalization. */
typedef struct nn_rms_attrs {
    int64_t axis;
    float epsilon;
} nn_rms_attrs;

/* `rows` NULL: in double, for every floating type; else for floats. */
void nn_normalize_run(const nn_call *call, const nn_normalize *normalize, const nn_rows_f32 *rows);
bool nn_normalize_accepts(const nn_node_view *node, const nn_target *target);
/* Mean, deviations, squares, scale and shift: eight FLOPs per element. */
void nn_normalize_cost(const nn_node_view *node, nn_cost *out);

#endif
