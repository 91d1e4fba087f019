/* Which taps of a direct convolution lie inside of the input for a row of its output, and where. */
#ifndef NN_DIRECT_TAPS_F32_H
#define NN_DIRECT_TAPS_F32_H

#include "ops/cpu/float32/direct/direct_input_f32.h"

/* Kernel planes and rows that lie inside of the input for one output row. */
typedef struct nn_tap_range {
    int64_t plane_begin, plane_end, row_begin, row_end;
} nn_tap_range;

/* Taps [tap_begin, tap_end), or channels from k_begin on of the only one, which a pass sums. */
typedef struct nn_tap_part {
    int64_t tap_begin, tap_end, k_begin;
} nn_tap_part;

nn_tap_part nn_direct_tap_part(const nn_direct_plan *plan, int64_t pass);

/* First and last tap of an axis that are inside for output `position`. */
void nn_direct_clip_taps(const nn_window_axis *axis, int64_t position, int64_t *begin,
                         int64_t *end);

/* Where the first of the range lies in the view; 0 where there is none. */
int64_t nn_direct_place(const nn_direct_plan *plan, const nn_direct_input *view,
                        const nn_tap_range *range, int64_t depth, int64_t row);

/* Lists the taps of the part that are in the range, from its first one on: neighbouring rows of the
 * output mostly have the same list. Their weights are those of a panel of `columns` columns. */
int64_t nn_direct_list_taps(const nn_direct_plan *plan, const nn_tap_part *part,
                            const nn_direct_input *view, const nn_tap_range *range, int64_t columns,
                            nn_tile_tap *taps);

#endif
