/* The matrix of a recurrent layer in fixed point (fixed_f32.h), for steps of one sample.
 *
 * Packed as [block][four of k][gate][3][lane], then the factors of the block's columns,
 * [gate][lane]. */
#ifndef NN_RECURRENT_FIXED_F32_H
#define NN_RECURRENT_FIXED_F32_H

#include "ops/cpu/float32/fixed/fixed_f32.h"

/* What states are multiplied by; factors undo it. States are rarely far from one. */
#define NN_FIXED_STATE_SCALE 0x1p-48f

/* Dwords of packed weights for each column of `k` weights. */
static inline int64_t nn_recurrent_fixed_dwords(int64_t k) {
    return nn_fixed_groups(k) * (NN_FIXED_DEPTH - 1) + 1;
}

/* Rows of `k` weights for each column: see nn_fixed_fit_suits. */
bool nn_recurrent_fixed_suits(const float *r, int64_t columns, int64_t k);

/* Rows of `k` weights for each of `count` columns of one gate, whose groups are `step` dwords
 * apart. What is packed is zero before. */
void nn_recurrent_fixed_pack(const float *r, int64_t k, int64_t count, int32_t *groups,
                             int64_t step, float *factors);

#endif
