/* The rows' part of shared products (shared/shared_f32.h) in direct convolutions: own sums of the
 * pixels of a unit, which all of its panels use, and what brings rows and weights to one magnitude.
 */
#ifndef NN_DIRECT_SHARED_F32_H
#define NN_DIRECT_SHARED_F32_H

#include "ops/cpu/float32/direct/direct_input_f32.h"

/* Finds it for passes [begin, end) of a unit, whose channels the view has. */
void nn_direct_find_own(const nn_direct_job *job, const nn_direct_unit *unit,
                        const nn_direct_input *view, int64_t begin, int64_t end,
                        const nn_direct_space *space);

/* What was found for one pass. */
typedef struct nn_direct_own {
    const float *rows;  /* own sums, [pixel of the unit] */
    float weight_scale; /* of weights; 0: these rows are multiplied plainly */
    float result_scale; /* of what comes out of scaled weights and rows */
    const float *a;     /* a scaled copy of the rows, plan->copied_step apart; NULL: none */
} nn_direct_own;
nn_direct_own nn_direct_own_of(const nn_direct_plan *plan, const nn_direct_space *space,
                               int64_t pass);

static inline const float *nn_direct_own_at(const nn_direct_own *own, const nn_direct_unit *unit,
                                            int64_t row, int64_t column) {
    const int64_t columns = unit->column_end - unit->column_begin;
    return own->rows + (row - unit->row_begin) * columns + column - unit->column_begin;
}

/* Can those rows share products with that panel? */
bool nn_direct_can_share(const nn_direct_own *own, const nn_direct_shared *shared);

/* What a pass multiplies by: weights [begin, begin + count) of a panel at w. */
typedef struct nn_direct_part {
    const float *w;
    int64_t begin, count;
} nn_direct_part;

/* The panel as it is to be multiplied: itself, or what of it was scaled, in `room` for a panel. */
const float *nn_direct_scale(const nn_direct_plan *plan, const nn_direct_part *part,
                             const nn_direct_own *own, float *room);

#endif
