/* The product of one row by a constant matrix in fixed point (fixed_f32.h).
 *
 * Columns come in vectors of sixteen and panels of four vectors, the last of fewer: packed as
 * [panel][four of k][vector][3][lane], so that a run reads the matrix from beginning to end. */
#ifndef NN_ROW_FIXED_F32_H
#define NN_ROW_FIXED_F32_H

#include "ops/cpu/float32/fixed/fixed_f32.h"
#include "ops/op.h"

enum { NN_ROW_FIXED_VECTORS = 4 };

typedef struct nn_row_fixed {
    int w; /* input */
    int64_t k, columns, k_step, column_step;
    /* The rest is filled in. */
    const int32_t *packed; /* NULL: the weights do not suit */
    const float *factors;
} nn_row_fixed;

/* May the node run so here, where its weights suit? */
bool nn_row_fixed_accepts(const nn_row_fixed *row, const nn_node_view *node,
                          const nn_target *target);

/* Packs the matrix where its weights suit and asks for workspace. */
nn_status nn_row_fixed_prepare(nn_prepare *services, nn_row_fixed *row);

/* y = x w + bias_scale * bias, and what the epilogue does; `bias` (NULL: none) has a number for
 * each column, `bias_step` apart. */
void nn_row_fixed_run(const nn_row_fixed *row, const nn_call *call, const float *bias,
                      int64_t bias_step, float bias_scale);

/* Sums of a panel: x by `groups` groups of `vectors` vectors, times the factors and `scale`. */
void nn_row_fixed_sums_vbmi2(const int32_t *w, const float *x, int64_t groups, int vectors,
                             const float *factors, float scale, float *sums);

#endif
