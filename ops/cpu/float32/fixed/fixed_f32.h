/* Matrices of floats in 24 bits of fixed point, for products of one row, which are bound by reading
 * them: three bytes for each weight in place of four.
 *
 * A column's greatest weight is about 2^31; all its weights are whole numbers of 32 bits, of which
 * only the upper 24 are kept. Four weights k .. k + 3 lie in three dwords: the first three are
 * rounded to the nearest number with a given low byte, so that those bytes cost no precision, and
 * are the upper three bytes of the fourth, from the highest on. That is within 2^-24 of the
 * greatest weight of the column; floats are within 2^-24 of the weight itself.
 *
 * Packed as [four of k][3][lane]: a group for each four rows of sixteen columns. Sums are
 * multiplied by a factor for each column. Behind the last weight of a column are zeros. */
#ifndef NN_FIXED_F32_H
#define NN_FIXED_F32_H

#include "base/integers.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    NN_FIXED_LANES = 16,
    NN_FIXED_DEPTH = 4,                                     /* weights of a group */
    NN_FIXED_GROUP = (NN_FIXED_DEPTH - 1) * NN_FIXED_LANES, /* dwords of one for all lanes */
};

static inline int64_t nn_fixed_groups(int64_t k) {
    return nn_divide_up(k, NN_FIXED_DEPTH);
}

/* The row as kernels take it: times a power of two, so that products with whole numbers of 31 bits,
 * and their sums, are finite where those of floats are, and with zeros up to a whole group. */
static inline void nn_fixed_scale_row(const float *x, int64_t k, float scale, float *out) {
    for (int64_t i = 0; i < k; i++) out[i] = x[i] * scale;
    for (int64_t i = k; i < nn_fixed_groups(k) * NN_FIXED_DEPTH; i++) out[i] = 0;
}

/* The greatest of the weights without their signs (NaN is above all), and their squares. */
float nn_fixed_greatest(const float *w, int64_t k);
double nn_fixed_squares(const float *w, int64_t k);

/* What is known of the columns of a matrix. */
typedef struct nn_fixed_fit {
    double shares; /* the sum of what part of its squares is the greatest one's */
    int64_t columns;
    bool fails;
} nn_fixed_fit;

void nn_fixed_fit_add(nn_fixed_fit *fit, float greatest, double squares);
/* Are sums of products with these weights about as near to exact ones as those of floats are? They
 * are not where few weights of a column are much greater than the others. */
bool nn_fixed_fit_suits(const nn_fixed_fit *fit);

/* Where weights lie. */
typedef struct nn_fixed_source {
    const float *w;
    int64_t k_step, column_step;
} nn_fixed_source;

/* `count` columns of `k` weights, whose greatest are known, at most NN_FIXED_LANES; groups are
 * `step` dwords apart. What is packed is zero before. */
void nn_fixed_pack(const nn_fixed_source *source, int64_t k, int64_t count, const float *greatest,
                   int32_t *groups, int64_t step);
/* What multiplies the sums of a column. */
float nn_fixed_factor(float greatest);

#endif
