/* Products with a matrix that is packed in panels (as tile_f32.h reads them), of a few rows at a
 * time on the calling thread: for operators that multiply inside of a larger step. Whole products
 * of many rows are direct_f32.h's. */
#ifndef NN_PANELS_F32_H
#define NN_PANELS_F32_H

#include "ops/cpu/float32/rows_f32.h"
#include "ops/cpu/float32/tile_f32.h"

/* The matrix W [k, columns] as panels of shape->columns columns: [panel][k][shape->columns]; the
 * last one, where it is narrower, has last->columns. */
typedef struct nn_panels {
    const nn_tile_shape *shape, *last;
    int64_t k, columns, count;
} nn_panels;

/* `rows`: about how many rows are multiplied at once; few want wide tiles. */
nn_panels nn_panels_make(const nn_tiles_f32 *tiles, int64_t rows, int64_t k, int64_t columns);
/* Floats that hold the packed matrix. */
static inline int64_t nn_panels_floats(const nn_panels *panels) {
    return panels->count * panels->k * panels->shape->columns;
}

/* Columns [begin, end), of which begin starts a panel: element (k, column) lies at
 * w[k * k_step + (column - begin) * column_step]. One of the steps is 1. Columns behind the last
 * one are zero. */
void nn_panels_pack(const nn_panels *panels, const nn_rows_f32 *rows, const float *w,
                    int64_t k_step, int64_t column_step, int64_t begin, int64_t end, float *packed);

/* y [rows, columns] = x [rows, k] W, or added to y, for panels [first, last) and k in [k_begin,
 * k_end); x starts at k_begin, y at column 0 of W. */
typedef struct nn_panels_product {
    const float *packed, *x;
    float *y;
    int64_t rows, x_step, y_step;
    int64_t first, last, k_begin, k_end;
    bool add;
} nn_panels_product;
void nn_panels_multiply(const nn_panels *panels, const nn_panels_product *product);

#endif
