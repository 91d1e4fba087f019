/* What a unit of direct_f32.h works on, and where the tiles find its input: in place, or in a copy
 * of the rows that it reads. */
#ifndef NN_DIRECT_INPUT_F32_H
#define NN_DIRECT_INPUT_F32_H

#include "ops/cpu/float32/direct/direct_f32.h"

/* The input as the tiles see it. Row `row` of depth `depth` is at (depth - depth0) * plane +
 * (row - row0) * row; on it, what output column `column` sees under its first tap is at
 * (column - column0) * column_step. All in floats. */
typedef struct nn_direct_input {
    const float *base;
    int64_t plane, row, pitch, column_step;
    int64_t depth0, row0;
    int64_t column_offset; /* -column0 * column_step */
    int64_t k_begin;       /* the first channel that is there */
} nn_direct_input;

/* Channels of the input that a copy holds. */
typedef struct nn_channel_range {
    int64_t begin, count;
} nn_channel_range;

typedef struct nn_direct_job {
    const nn_direct_plan *plan;
    const float *packed, *bias, *x, *residual;
    float *y;          /* of a row of the output: */
    int64_t first_row; /* mostly 0 */
    char *workspace;
} nn_direct_job;

/* What one thread works on. */
typedef struct nn_direct_unit {
    int64_t image, group, depth;
    int64_t row_begin, row_end, column_begin, column_end, panel_begin, panel_end;
} nn_direct_unit;

/* A worker's part of the workspace. */
typedef struct nn_direct_space {
    nn_tile_tap *taps;
    float *band;
    float *own, *scaled; /* direct_shared_f32.h */
} nn_direct_space;

/* In front of it: the pixels, by their units' number without the panels, whose input is in the band
 * and whose own sums are found; -1: none. */
typedef struct nn_direct_kept {
    int64_t pixels;
    nn_direct_input view;
} nn_direct_kept;

/* First input position of output `position` and the one after the last of output `last`. */
static inline int64_t nn_first_input(const nn_window_axis *axis, int64_t position) {
    return position * axis->stride - axis->pad_begin;
}
static inline int64_t nn_end_input(const nn_window_axis *axis, int64_t last) {
    return nn_first_input(axis, last) + (axis->kernel - 1) * axis->dilation + 1;
}

/* The input of the unit; `band` has room for what the plan says. */
nn_direct_input nn_direct_input_of(const nn_direct_job *job, const nn_direct_unit *unit,
                                   nn_channel_range channels, float *band);

#endif
