#include "ops/cpu/float32/direct_shared_f32.h"

#include "base/integers.h"
#include "ops/cpu/float32/direct_taps_f32.h"

nn_direct_scaled nn_direct_scale(const nn_direct_plan *plan, const nn_direct_part *part,
                                 float scale, float *room) {
    const int64_t columns = plan->shape->columns;
    nn_direct_scaled out = {part->w, part->shared.factors,
                            scale != 0 && !isnan(part->shared.own[0])};
    if (!out.shares || scale == 1) return out;
    /* In front of the weights, which lie where they lie in the panel. */
    for (int64_t j = 0; j < columns; j++) room[j] = part->shared.factors[j] / scale;
    plan->tiles->shared->scale(part->w + part->begin, part->count, scale,
                               room + columns + part->begin);
    out.factors = room;
    out.w = room + columns;
    return out;
}

nn_direct_own nn_direct_own_of(const nn_direct_plan *plan, const float *own, int64_t pass) {
    return (nn_direct_own){own[pass], own + plan->passes + pass * plan->own_pixels};
}

static float *rows_of_pass(const nn_direct_plan *plan, float *own, int64_t pass) {
    return own + plan->passes + pass * plan->own_pixels;
}

static void find_pass(const nn_direct_job *job, const nn_direct_unit *unit,
                      const nn_direct_input *view, int64_t pass, nn_tile_tap *taps, float *own) {
    const nn_direct_plan *plan = job->plan;
    const nn_window_axis *axes = plan->problem.axes;
    const nn_tap_part part = nn_direct_tap_part(plan, pass);
    const int64_t columns = unit->column_end - unit->column_begin;
    nn_tap_range range, listed = {-1, -1, -1, -1};
    nn_shared_seen seen = NN_SHARED_SEEN_NONE;
    nn_shared_rows rows = {
        .a_step = view->column_step,
        .count = columns,
        .taps = taps,
        .k = nn_min(plan->k_per_pass, plan->k - part.k_begin),
        .compares = plan->problem.compares_rows,
        .own = rows_of_pass(plan, own, pass),
    };
    nn_direct_clip_taps(&axes[NN_DEPTH], unit->depth, &range.plane_begin, &range.plane_end);
    for (int64_t row = unit->row_begin; row < unit->row_end; row++, rows.own += columns) {
        nn_direct_clip_taps(&axes[NN_HEIGHT], row, &range.row_begin, &range.row_end);
        if (range.row_begin != listed.row_begin || range.row_end != listed.row_end)
            rows.tap_count =
                nn_direct_list_taps(plan, &part, view, &range, plan->shape->columns, taps);
        listed = range;
        rows.a = view->base + nn_direct_place(plan, view, &range, unit->depth, row) +
                 view->column_offset + unit->column_begin * view->column_step;
        plan->tiles->shared->own(&rows, &seen);
    }
    own[pass] = nn_shared_scale(&seen, plan->problem.compares_rows);
}

void nn_direct_find_own(const nn_direct_job *job, const nn_direct_unit *unit,
                        const nn_direct_input *view, int64_t begin, int64_t end, nn_tile_tap *taps,
                        float *own) {
    for (int64_t pass = begin; pass < end; pass++) find_pass(job, unit, view, pass, taps, own);
}

nn_direct_own nn_direct_find_product_own(const nn_direct_job *job, int64_t pixels, float *own) {
    static const nn_tile_tap tap = {0, 0};
    const nn_direct_plan *plan = job->plan;
    nn_shared_seen seen = NN_SHARED_SEEN_NONE;
    plan->tiles->shared->own(
        &(nn_shared_rows){
            .a = job->x,
            .a_step = plan->problem.in_pitch,
            .count = pixels,
            .taps = &tap,
            .tap_count = 1,
            .k = plan->k,
            .compares = plan->problem.compares_rows,
            .own = rows_of_pass(plan, own, 0),
        },
        &seen);
    own[0] = nn_shared_scale(&seen, plan->problem.compares_rows);
    return nn_direct_own_of(plan, own, 0);
}
