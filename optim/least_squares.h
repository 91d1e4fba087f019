/* Ridge regression from second moments: the refit that pruning, rewrites and bias correction share.
 */
#ifndef NN_LEAST_SQUARES_H
#define NN_LEAST_SQUARES_H

#include "base/status.h"

/* Second moments of inputs x (length `side`, the last element a constant 1 when has_bias) and
 * targets y (length `outputs`), summed over positions; float64, row-major. */
typedef struct nn_moments {
    int64_t side, outputs;
    bool has_bias; /* the last element of x is a constant 1 */
    int64_t positions;
    double *gram;          /* side x side: sum x x^T, symmetric */
    double *cross;         /* outputs x side: sum y x^T */
    double *target_square; /* outputs: sum y^2 */
} nn_moments;

nn_status nn_moments_init(nn_moments *moments, int64_t side, int64_t outputs, bool has_bias);
void nn_moments_clear(nn_moments *moments);
/* Adds `rows` positions: x is rows x side, y is rows x outputs (NULL: the Gram matrix only). */
nn_status nn_moments_add(nn_moments *moments, const float *x, const float *y, int64_t rows);

/* Minimises |y - W x|^2 + lambda m |W - prior|^2 over W (outputs x side), m the mean diagonal of
 * the Gram matrix without the bias; the bias column is not damped. prior NULL: zero. Factorises by
 * Cholesky; lambda grows tenfold (at most to 1) when the matrix is not positive definite. */
nn_status nn_ridge_solve(const nn_moments *moments, double lambda, const double *prior,
                         double *weights);

/* Relative squared error |y - W x|^2 / |y|^2 of given weights over the positions (0 when y is 0).
 */
double nn_moments_error(const nn_moments *moments, const double *weights);

#endif
