/* The matrix of a recurrent layer in 24 bits of fixed point, for steps of one sample, which are
 * bound by reading it: three bytes for each weight in place of four.
 *
 * A column's greatest weight is about 2^31; all its weights are whole numbers of 32 bits, of which
 * only the upper 24 are kept. Four weights k .. k + 3 lie in three dwords: the first three are
 * rounded to the nearest number with a given low byte, so that those bytes cost no precision, and
 * are the upper three bytes of the fourth, from the highest on. That is within 2^-24 of the
 * greatest weight of the column; floats are within 2^-24 of the weight itself.
 *
 * Packed as [block][four of k][gate][3][lane], then the factors of its columns, [gate][lane], by
 * which the sums are multiplied. Behind the last weight of a column are zeros. */
#ifndef NN_RECURRENT_FIXED_F32_H
#define NN_RECURRENT_FIXED_F32_H

#include <stdbool.h>
#include <stdint.h>

enum {
    NN_FIXED_LANES = 16,
    NN_FIXED_DEPTH = 4,                                     /* weights of a group */
    NN_FIXED_GROUP = (NN_FIXED_DEPTH - 1) * NN_FIXED_LANES, /* dwords of one for all lanes */
};

/* States are multiplied by this, so that products with whole numbers of 31 bits, and their sums,
 * are finite where those of floats are. */
#define NN_FIXED_STATE_SCALE 0x1p-48f

/* Dwords of packed weights for each column of `k` weights. */
static inline int64_t nn_recurrent_fixed_dwords(int64_t k) {
    return (k + NN_FIXED_DEPTH - 1) / NN_FIXED_DEPTH * (NN_FIXED_DEPTH - 1) + 1;
}

/* Are sums of products with these weights, rows of `k` for each column, about as near to exact ones
 * as those of floats are? They are not where few weights of a column are much greater than the
 * others. */
bool nn_recurrent_fixed_suits(const float *r, int64_t columns, int64_t k);

/* Rows of `k` weights for each of `count` columns of one gate, whose groups are `step` dwords
 * apart. What is packed is zero before. */
void nn_recurrent_fixed_pack(const float *r, int64_t k, int64_t count, int32_t *groups,
                             int64_t step, float *factors);

#endif
