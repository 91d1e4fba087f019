/* The rows' part of shared products (shared/shared_f32.h) in direct convolutions: own sums of the
 * pixels of a unit, which all of its panels use. */
#ifndef NN_DIRECT_SHARED_F32_H
#define NN_DIRECT_SHARED_F32_H

#include "ops/cpu/float32/direct_input_f32.h"

/* Of one pass. */
typedef struct nn_direct_own {
    float scale;       /* nn_shared_scale */
    const float *rows; /* [pixel of the unit] */
} nn_direct_own;

/* Finds them for passes [begin, end), whose channels the view has; `own` is what the plan has room
 * for in a worker's workspace, `taps` room for a list of them. */
void nn_direct_find_own(const nn_direct_job *job, const nn_direct_unit *unit,
                        const nn_direct_input *view, int64_t begin, int64_t end, nn_tile_tap *taps,
                        float *own);
nn_direct_own nn_direct_own_of(const nn_direct_plan *plan, const float *own, int64_t pass);

/* The same for the first `pixels` pixels of a product of one pass. */
nn_direct_own nn_direct_find_product_own(const nn_direct_job *job, int64_t pixels, float *own);

/* What a pass multiplies by: weights [begin, begin + count) of a panel at w. */
typedef struct nn_direct_part {
    const float *w;
    int64_t begin, count;
    nn_direct_shared shared; /* of the panel */
} nn_direct_part;

/* The same brought to the magnitude of the rows. */
typedef struct nn_direct_scaled {
    const float *w, *factors;
    bool shares; /* else all is as it was */
} nn_direct_scaled;

/* `room` has place for a panel's weights and a number for each column. */
nn_direct_scaled nn_direct_scale(const nn_direct_plan *plan, const nn_direct_part *part,
                                 float scale, float *room);

static inline const float *nn_direct_own_at(const nn_direct_own *own, const nn_direct_unit *unit,
                                            int64_t row, int64_t column) {
    const int64_t columns = unit->column_end - unit->column_begin;
    return own->rows + (row - unit->row_begin) * columns + column - unit->column_begin;
}

#endif
