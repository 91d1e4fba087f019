/* Direct convolution and matrix product of channels-last floats, without im2col: for each tap of
 * the kernel the register tiles (tile_f32.h) read the input where it lies.
 *
 * Weights are packed in panels of as many output channels as a tile is wide:
 * [group][panel][tap][k][columns]. */
#ifndef NN_DIRECT_F32_H
#define NN_DIRECT_F32_H

#include "ops/cpu/float32/shared/shared_f32.h"
#include "ops/cpu/float32/tile_f32.h"
#include "ops/family/convolution.h"

typedef struct nn_direct_problem {
    int64_t images, groups;
    int64_t k, columns; /* input and output channels of one group */
    int64_t in_pitch;   /* floats from an input pixel to the next; rows are dense */
    /* Floats from an output pixel, row, plane, image to the next; residuals have the same. */
    int64_t out_pitch, out_row, out_plane, out_image;
    nn_window_axis axes[NN_MAX_SPATIAL];
    int vectors; /* width of the tiles: nn_prepare_variant of nn_direct_widths; 0: as suits */
    nn_sharing sharing;
    bool compares_rows; /* rows are of a matrix: those of too different magnitude do not share */
} nn_direct_problem;

/* The widths of tiles as a kernel's variants. */
extern const char *const nn_direct_widths[];

/* Sets the steps of output that is dense with `channels` a pixel. */
void nn_direct_dense_output(nn_direct_problem *problem, int64_t channels);

/* The product of matrices [m, k] and [k, n] as a convolution of m pixels by a 1x1 kernel. */
nn_direct_problem nn_direct_product(int64_t m, int64_t n, int64_t k);

/* Does a convolution read for each pixel the one that lies at the same place, and no other? */
bool nn_direct_is_pointwise(const nn_window_axis axes[NN_MAX_SPATIAL]);

/* Does a convolution read the planes of an image as a standard tensor has them, as a volume of one
 * channel, all of which the kernel reaches? */
static inline bool nn_direct_is_planar(const nn_direct_problem *problem) {
    return problem->in_pitch == 1 && problem->axes[NN_DEPTH].kernel > 1 &&
           problem->axes[NN_DEPTH].out == 1;
}

bool nn_direct_is_one_pixel(const nn_direct_problem *problem);

/* Tiles run along the last axis, so the last one should be long: a pointwise problem becomes one
 * row of pixels, and a map of width 1 a row standing upright. */
void nn_direct_simplify(nn_direct_problem *problem);

/* Where weight (group, column, tap, k) is found: steps in floats of the unpacked array. */
typedef struct nn_direct_source {
    int64_t group_step, column_step, tap_step, k_step;
    float scale;
} nn_direct_source;

/* When a unit copies the input that it reads into a band of its own: where it reads padding left
 * and right; always, where pixels lie a multiple of 4 KB apart and would push each other out of L1,
 * or where they lie in planes.
 */
typedef enum nn_band_use { NN_BAND_NEVER, NN_BAND_FOR_PADDING, NN_BAND_ALWAYS } nn_band_use;

typedef struct nn_direct_plan {
    nn_direct_problem problem; /* simplified: no axis of size 1 behind another */
    const nn_tiles_f32 *tiles;
    const nn_tile_shape *shape, *last_shape; /* of all panels but the last, of the last */
    int64_t panels;                          /* of one group */
    /* Neighbouring pixels of a row that stand side by side as columns of one, so that few output
     * channels fill vectors: the kernel grows by what they are apart. `fold_channels` are those of
     * a pixel, `fold_step` its distance in the input. In the last pixel of a row fewer may exist.
     */
    int64_t fold, fold_channels, fold_step, last_columns;
    int64_t taps, k; /* of the tiles: a tap is a whole kernel row where channels are few */
    bool merged;     /* that is so */
    int64_t row_block, column_block, panel_block; /* a unit of work */
    int64_t row_blocks, column_blocks, panel_blocks, units;
    int64_t taps_per_pass, k_per_pass, passes; /* splits of the sum, so that weights stay in L2 */
    /* 1, or as many as passes: all panels of a unit do a pass before the next one, which reads
     * other channels of the input, so that these stay in L2, too. */
    int64_t input_parts;
    nn_band_use band_use;
    bool band_is_compact; /* holds only the columns that a kernel of width 1 reads */
    int64_t band_rows, band_columns, band_pitch;
    int64_t group_floats, group_columns; /* packed weights and bias of one group */
    /* Panels of the shape that can, share products. Behind all weights come those panels' factors
     * and own sums: of each tap or, where there is one, of each pass. A worker keeps a scale for
     * each pass and the rows' own sums, [pass][pixel of the unit]. */
    bool shares;
    int64_t own_parts, own_pixels;
    size_t own_at, scaled_at; /* in a worker's workspace; the latter: of panels, or of rows */
    bool scales_rows;         /* where these are fewer, instead of weights; */
    int64_t copied_step;      /* floats from row to row then */
    size_t worker_bytes, taps_at, band_at; /* a worker's workspace, and places in it */
    nn_epilogue epilogue;
    bool tile_finishes; /* the whole epilogue is a residual and a clip, done in registers */
    float low, high;
} nn_direct_plan;

void nn_direct_plan_make(const nn_direct_problem *problem, const nn_tiles_f32 *tiles, int threads,
                         const nn_epilogue *epilogue, nn_direct_plan *out);

/* Names all that packing depends on. */
void nn_direct_variant(const nn_direct_plan *plan, const nn_direct_source *source, char *text,
                       size_t size);
/* Bytes of the packed weights and of the bias, which is padded to whole panels: multiples of the
 * alignment of memory. */
size_t nn_direct_packed_bytes(const nn_direct_plan *plan);
size_t nn_direct_bias_bytes(const nn_direct_plan *plan);
void nn_direct_pack(const nn_direct_plan *plan, const nn_direct_source *source, const float *w,
                    float *packed);

/* Weights whose array can be packed a piece at a time: consecutive columns as dense rows, or rows
 * of k that hold all columns. */
typedef enum nn_direct_pieces {
    NN_PIECES_NONE,
    NN_PIECES_COLUMNS,
    NN_PIECES_ROWS
} nn_direct_pieces;
nn_direct_pieces nn_direct_pieces_of(const nn_direct_plan *plan, const nn_direct_source *source);
/* Panels [begin, end) of a group; w begins with the first column of `begin`. */
void nn_direct_pack_panels(const nn_direct_plan *plan, const nn_direct_source *source,
                           int64_t group, int64_t begin, int64_t end, const float *w,
                           float *packed);
/* Rows [begin, end) of k of all panels of the only group; w begins with row `begin`. */
void nn_direct_pack_rows(const nn_direct_plan *plan, const nn_direct_source *source, int64_t begin,
                         int64_t end, const float *w, float *packed);
/* When all rows are packed so. */
void nn_direct_end_rows(const nn_direct_plan *plan, float *packed);
/* Columns before panel `panel`, which may be the one behind the last. */
int64_t nn_direct_columns_before(const nn_direct_plan *plan, int64_t panel);

/* For a product whose weights the caller packs: where element (k = 0, column) of the packed weights
 * lies, and the step to the next k. The columns from there to the next multiple of the lanes lie
 * beside it. */
float *nn_direct_packed_column(const nn_direct_plan *plan, float *packed, int64_t column,
                               int64_t *k_step);
/* `bias` has a value for each column of each group, `step` floats apart; NULL: zeros. */
void nn_direct_pack_bias(const nn_direct_plan *plan, const float *bias, int64_t step, float scale,
                         float *packed);

/* A panel's factors and own sums, if it shares products. */
typedef struct nn_direct_shared {
    float *factors, *own; /* own: [own_parts][columns] */
} nn_direct_shared;
nn_direct_shared nn_direct_shared_at(const nn_direct_plan *plan, const float *packed, int64_t group,
                                     int64_t panel);

size_t nn_direct_workspace(const nn_direct_plan *plan, int threads);

/* The first `pixels` pixels of a product (nn_direct_product), the columns of panels [panel_begin,
 * panel_end), on the calling thread; workspace is that of one thread. */
void nn_direct_run_pixels(const nn_direct_plan *plan, const float *packed, const float *bias,
                          const float *x, const float *residual, float *y, int64_t pixels,
                          int64_t panel_begin, int64_t panel_end, void *workspace);

/* Output rows [row_begin, row_end) of a convolution of one image and two axes, the columns of
 * panels [panel_begin, panel_end), on the calling thread; y begins with row `row_begin`, and there
 * is no residual. The output is more than one pixel wide: others lie turned (nn_direct_simplify).
 */
void nn_direct_run_rows(const nn_direct_plan *plan, const float *packed, const float *bias,
                        const float *x, float *y, int64_t row_begin, int64_t row_end,
                        int64_t panel_begin, int64_t panel_end, void *workspace);

/* Asks for what output rows from `row` on read of the planes of an image, if the input lies so: as
 * many of them as nn_direct_run_rows does not ask for itself, before it needs them. */
void nn_direct_prefetch_rows(const nn_direct_plan *plan, const float *x, int64_t row);

/* Units [begin, end) of those that nn_direct_run does, on the calling thread; workspace is that of
 * one thread. */
void nn_direct_run_units(const nn_direct_plan *plan, const float *packed, const float *bias,
                         const float *x, const float *residual, float *y, int64_t begin,
                         int64_t end, void *workspace);

/* residual is NULL unless the epilogue has one; it may be y itself. */
void nn_direct_run(const nn_direct_plan *plan, const float *packed, const float *bias,
                   const float *x, const float *residual, float *y, nn_pool *pool, void *workspace);

#endif
