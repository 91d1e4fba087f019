/* Register tiles of float matrix products, which convolutions, GEMM and Winograd are built of.
 *
 * A tile is R rows (pixels) by C columns (output channels), held in registers while it sums over
 * taps and, for each tap, over k (input channels):
 *
 *     y[i][j] = clip(start[j] + addends[i][j] + sum_taps sum_k a[i][tap.a + k] * w[tap.w + k * C +
 * j]
 *                    + residual[i][j])
 */
#ifndef NN_TILE_F32_H
#define NN_TILE_F32_H

#include "ops/cpu/float32/activation_f32.h"
#include "ops/cpu/float32/rows_f32.h"

/* Rows come in two segments of equal step, so that one tile can take two short rows of a map. */
enum { NN_TILE_SEGMENT = 7, NN_TILE_MAX_ROWS = 14, NN_TILE_MAX_COLUMNS = 64, NN_TILE_ADDENDS = 2 };

typedef struct nn_tile_tap {
    int64_t a, w; /* offsets in floats */
} nn_tile_tap;

typedef struct nn_tile_f32 {
    const float *a[2]; /* row 0 and row NN_TILE_SEGMENT */
    int64_t a_step;    /* floats from a row to the next; so are the other steps */
    const float *w;    /* packed, C columns */
    const nn_tile_tap *taps;
    int64_t tap_count, k;
    const float *start; /* C values, the bias; NULL: zero */
    /* Rows of C values that the sums start with, each behind the last one whatever the segments;
     * NULL: none, nor one behind it. The 14x24 tile does not take them. */
    const float *addends[NN_TILE_ADDENDS];
    int64_t addend_step;
    const float *residual[2]; /* NULL: none; may be y */
    int64_t residual_step;
    float *y[2];
    int64_t y_step;
    int columns; /* that exist, some of them in the last vector; others are not read or stored */
    bool is_only_row; /* of the whole product: how its sum is split depends on nothing but k */
    int64_t more;     /* tiles of as many rows that lie behind this one and are done with it, */
    int64_t a_skip;   /* their rows so many floats further than behind the last one's */
    float low, high;  /* clip: -INFINITY, INFINITY for none */
    /* Of tiles that share products (shared/shared_f32.h): sums are multiplied by the factors before
     * `start` is added. */
    const float *factors;    /* C powers of two */
    const float *own[2];     /* of row 0 and row NN_TILE_SEGMENT, one each; NULL: products are not
                                shared in this tile */
    const float *column_own; /* C values, to be multiplied by own_scale, */
    float own_scale, result_scale; /* and the factors by result_scale */
    bool claims; /* lines of y come to L1 while the sums are made: they are further than L2 */
    const void *prefetch; /* `prefetch_bytes` from here are brought to L2 while the tiles run */
    int64_t prefetch_bytes;
} nn_tile_f32;

typedef void (*nn_tile_function)(const nn_tile_f32 *tile);

/* The functions for 1 .. rows rows of one width. */
typedef struct nn_shared_f32 nn_shared_f32;

typedef struct nn_tile_shape {
    int rows, columns;
    nn_tile_function run[NN_TILE_MAX_ROWS + 1]; /* indexed by the number of rows */
} nn_tile_shape;

/* Runs `count` rows that follow each other, of which the tile names the first in a[0], y[0] and
 * residual[0], and all that is fetched: in pieces of nearly equal height, for two of 8 are faster
 * than 14 and 2, all of one height with one call, the higher ones first. */
void nn_tile_run_rows(const nn_tile_shape *shape, nn_tile_f32 tile, int64_t count);

/* Shapes of one instruction set. */
typedef struct nn_tiles_f32 {
    int lanes;
    int count;
    const nn_tile_shape *shapes[4];    /* of 1, 2, ... vectors */
    nn_epilogue_function finish;       /* what tiles cannot do themselves */
    const struct nn_tiles_f32 *narrow; /* of vectors half as long; NULL: none */
    const nn_tile_shape *with_half;    /* of a vector and a half; NULL: none */
    const nn_shared_f32 *shared;       /* NULL: none */
    const nn_rows_f32 *rows;           /* loops over elements */
} nn_tiles_f32;

extern const nn_tile_shape nn_tile_f32_14x24_avx512;
extern const nn_tiles_f32 nn_tiles_f32_portable, nn_tiles_f32_avx2, nn_tiles_f32_avx512;

#endif
