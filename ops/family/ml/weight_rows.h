/* One row of features against many rows of weights: linear models and kernels of support vectors.
 */
#ifndef NN_FAMILY_WEIGHT_ROWS_H
#define NN_FAMILY_WEIGHT_ROWS_H

#include "ops/op.h"

/* Weights [rows][columns]; turned where there are many rows, so that their results are computed
 * side by side. */
typedef struct nn_weight_rows {
    int64_t rows, columns;
    const float *weights;
    bool turned; /* weights are [columns][rows] */
} nn_weight_rows;

/* Bytes for the turned copy, 0 where the weights are used as they are; false on overflow. */
bool nn_weight_rows_bytes(int64_t rows, int64_t columns, size_t *out);
/* `copy` holds as many bytes as said above. */
void nn_weight_rows_init(nn_weight_rows *matrix, const float *weights, int64_t rows,
                         int64_t columns, float *copy);

/* out[r] = sum over c of x[c] w[r][c] */
void nn_weight_products(const nn_weight_rows *matrix, const float *x, float *out);
/* out[r] = sum over c of (x[c] - w[r][c])^2 */
void nn_weight_distances(const nn_weight_rows *matrix, const float *x, float *out);

#endif
