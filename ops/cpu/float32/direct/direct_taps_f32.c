#include "ops/cpu/float32/direct/direct_taps_f32.h"

#include "base/integers.h"

nn_tap_part nn_direct_tap_part(const nn_direct_plan *plan, int64_t pass) {
    const int64_t first = plan->taps > 1 ? pass * plan->taps_per_pass : 0;
    return (nn_tap_part){
        .tap_begin = first,
        .tap_end = nn_min(first + plan->taps_per_pass, plan->taps),
        .k_begin = plan->taps > 1 ? 0 : pass * plan->k_per_pass,
    };
}

void nn_direct_clip_taps(const nn_window_axis *axis, int64_t position, int64_t *begin,
                         int64_t *end) {
    const int64_t first = nn_first_input(axis, position), dilation = axis->dilation;
    *begin = 0;
    *end = axis->kernel;
    /* Divisions take as long as a row of a small tile. */
    if (first < 0) *begin = nn_min(nn_divide_up(-first, dilation), axis->kernel);
    if (nn_end_input(axis, position) > axis->in)
        *end = first < axis->in ? (axis->in - 1 - first) / dilation + 1 : 0;
}

int64_t nn_direct_place(const nn_direct_plan *plan, const nn_direct_input *view,
                        const nn_tap_range *range, int64_t depth, int64_t row) {
    const nn_window_axis *axes = plan->problem.axes;
    if (range->plane_begin >= range->plane_end || range->row_begin >= range->row_end) return 0;
    const int64_t d =
        nn_first_input(&axes[NN_DEPTH], depth) + range->plane_begin * axes[NN_DEPTH].dilation;
    const int64_t h =
        nn_first_input(&axes[NN_HEIGHT], row) + range->row_begin * axes[NN_HEIGHT].dilation;
    return (d - view->depth0) * view->plane + (h - view->row0) * view->row;
}

int64_t nn_direct_list_taps(const nn_direct_plan *plan, const nn_tap_part *part,
                            const nn_direct_input *view, const nn_tap_range *range, int64_t columns,
                            nn_tile_tap *taps) {
    const nn_window_axis *axes = plan->problem.axes;
    const int64_t in_row = plan->merged ? 1 : axes[NN_WIDTH].kernel;
    const int64_t tap_floats = plan->k * columns;
    int64_t count = 0;
    for (int64_t kd = range->plane_begin; kd < range->plane_end; kd++)
        for (int64_t kh = range->row_begin; kh < range->row_end; kh++) {
            const int64_t first = (kd * axes[NN_HEIGHT].kernel + kh) * in_row;
            const int64_t end = nn_min(first + in_row, part->tap_end);
            const int64_t place =
                (kd - range->plane_begin) * axes[NN_DEPTH].dilation * view->plane +
                (kh - range->row_begin) * axes[NN_HEIGHT].dilation * view->row + part->k_begin -
                view->k_begin;
            for (int64_t tap = nn_max(first, part->tap_begin); tap < end; tap++)
                taps[count++] = (nn_tile_tap){
                    .a = place + (tap - first) * axes[NN_WIDTH].dilation * view->pitch,
                    .w = tap * tap_floats + part->k_begin * columns,
                };
        }
    return count;
}
