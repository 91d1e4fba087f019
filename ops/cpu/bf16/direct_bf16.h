/* Direct convolution and matrix product in bf16 with float sums, channels last, without im2col: the
 * tiles (tile_bf16.h) read the input where it lies, or from a band of it that was copied because it
 * is float, needs padding, or its channels do not divide into steps.
 *
 * Positions of the input that the outputs of a unit see under one tap lie at equal distances: where
 * a band is copied, strides are taken out of it, so that every tap of a convolution with strides
 * reads neighbours, too. */
#ifndef NN_DIRECT_BF16_H
#define NN_DIRECT_BF16_H

#include "ops/cpu/bf16/tile_bf16.h"
#include "ops/cpu/float32/direct/direct_f32.h"

/* Element types of the operands; the residual's counts where there is one. */
typedef struct nn_bf16_types {
    bool x_is_float, y_is_float, residual_is_float;
} nn_bf16_types;

enum { NN_BF16_MOST_PHASES = 4 }; /* strides that are taken out of a band */

/* Bytes between what the outputs and taps of a unit read. */
typedef struct nn_bf16_view {
    int64_t slice, row, column; /* from an output depth, row, column to the next */
    int64_t plane, line, pixel; /* of the band: a phase, a row, a pixel */
    int row_phases, column_phases;
} nn_bf16_view;

typedef struct nn_bf16_plan {
    nn_direct_problem problem; /* simplified */
    const nn_bf16_unit *unit;
    nn_bf16_types types;
    nn_epilogue epilogue;
    bool merged;    /* a tap is a whole kernel row, where channels are few */
    bool uses_band; /* else tiles read x */
    int64_t padded; /* channels of a pixel of the band */
    int k;          /* channels of a step */
    int64_t step_count, tap_steps, taps;
    nn_bf16_view view;
    int64_t band_bytes;
    int64_t panels, panel_bytes, group_bytes; /* packed weights of a group */
    int last_columns;
    int64_t row_block, column_block, panel_block; /* a unit of work */
    int64_t row_blocks, column_blocks, panel_blocks, units;
    bool panels_outer;
    nn_bf16_tiles full, last; /* of a unit, of the last one along rows or columns */
    const int64_t *steps;
} nn_bf16_plan;

/* With tiles of AMX where `isa` has them, else of AVX-512. False where an offset does not fit or
 * the shape does not suit tiles. The lists are missing yet. */
bool nn_bf16_plan_make(const nn_direct_problem *problem, const nn_bf16_types *types, nn_isa isa,
                       int threads, const nn_epilogue *epilogue, nn_bf16_plan *out);
/* Writes the lists of a plan into memory of that many bytes, aligned to 8. */
size_t nn_bf16_plan_bytes(const nn_bf16_plan *plan);
void nn_bf16_plan_fill(nn_bf16_plan *plan, void *memory);

/* Names all that packing depends on. */
void nn_bf16_variant(const nn_bf16_plan *plan, const nn_direct_source *source, char *text,
                     size_t size);
size_t nn_bf16_packed_bytes(const nn_bf16_plan *plan);
size_t nn_bf16_bias_bytes(const nn_bf16_plan *plan);
void nn_bf16_pack(const nn_bf16_plan *plan, const nn_direct_source *source, const float *w,
                  uint16_t *packed);
/* Where the tile of 16 columns from `column` on, a multiple of that, of a step lies in packed
 * weights. */
uint16_t *nn_bf16_packed_tile(const nn_bf16_plan *plan, uint16_t *packed, int64_t step,
                              int64_t column);
/* The same for a matrix [k][columns] that is computed, rows `step` elements apart: problems of one
 * tap. */
void nn_bf16_pack_matrix(const nn_bf16_plan *plan, const void *from, bool from_float, int64_t step,
                         uint16_t *packed);
/* The same for its transpose [columns][k], times `scale`. */
void nn_bf16_pack_transposed(const nn_bf16_plan *plan, const void *from, bool from_float,
                             int64_t step, float scale, uint16_t *packed);
void nn_bf16_pack_bias(const nn_bf16_plan *plan, const float *bias, int64_t step, float scale,
                       float *packed);

size_t nn_bf16_workspace(const nn_bf16_plan *plan, int threads);

/* residual is NULL unless the epilogue has one; it may be y itself when the types are the same. */
typedef struct nn_bf16_operands {
    const void *packed, *x, *residual;
    const float *bias;
    void *y;
} nn_bf16_operands;
void nn_bf16_run(const nn_bf16_plan *plan, const nn_bf16_operands *operands, nn_pool *pool,
                 void *workspace);

#endif
