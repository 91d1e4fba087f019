#include "ops/cpu/float32/direct/direct_shared_f32.h"

#include "base/integers.h"
#include "ops/cpu/float32/direct/direct_taps_f32.h"

#include <math.h>

/* A scale for each pass, then the rows' own sums. */
static float *scale_of_pass(const nn_direct_space *space, int64_t pass) {
    return space->own + pass;
}

static float *rows_of_pass(const nn_direct_plan *plan, const nn_direct_space *space, int64_t pass) {
    return space->own + plan->passes + pass * plan->own_pixels;
}

/* ---- finding it ---- */

static void scale_rows(const nn_direct_plan *plan, const nn_shared_rows *from, float scale,
                       const nn_direct_space *space) {
    float *copied = space->scaled;
    for (int64_t i = 0; i < from->count; i++, copied += plan->copied_step) {
        plan->tiles->shared->scale(from->a + i * from->a_step, plan->k, 1 / scale, copied);
        from->own[i] /= scale * scale;
    }
}

static void find_pass(const nn_direct_job *job, const nn_direct_unit *unit,
                      const nn_direct_input *view, int64_t pass, const nn_direct_space *space) {
    const nn_direct_plan *plan = job->plan;
    const nn_window_axis *axes = plan->problem.axes;
    const nn_tap_part part = nn_direct_tap_part(plan, pass);
    const int64_t columns = unit->column_end - unit->column_begin;
    nn_tap_range range, listed = {-1, -1, -1, -1};
    nn_shared_seen seen = NN_SHARED_SEEN_NONE;
    nn_shared_rows rows = {
        .a_step = view->column_step,
        .count = columns,
        .taps = space->taps,
        .k = nn_min(plan->k_per_pass, plan->k - part.k_begin),
        .compares = plan->problem.compares_rows,
        .own = rows_of_pass(plan, space, pass),
    };
    nn_direct_clip_taps(&axes[NN_DEPTH], unit->depth, &range.plane_begin, &range.plane_end);
    for (int64_t row = unit->row_begin; row < unit->row_end; row++) {
        nn_direct_clip_taps(&axes[NN_HEIGHT], row, &range.row_begin, &range.row_end);
        if (range.row_begin != listed.row_begin || range.row_end != listed.row_end)
            rows.tap_count =
                nn_direct_list_taps(plan, &part, view, &range, plan->shape->columns, space->taps);
        listed = range;
        rows.a = view->base + nn_direct_place(plan, view, &range, unit->depth, row) +
                 view->column_offset + unit->column_begin * view->column_step;
        if (row > unit->row_begin) rows.own += columns;
        plan->tiles->shared->own(&rows, &seen);
    }
    const float scale = nn_shared_scale(&seen, plan->problem.compares_rows);
    *scale_of_pass(space, pass) = scale;
    if (plan->scales_rows && scale != 0 && scale != 1) scale_rows(plan, &rows, scale, space);
}

void nn_direct_find_own(const nn_direct_job *job, const nn_direct_unit *unit,
                        const nn_direct_input *view, int64_t begin, int64_t end,
                        const nn_direct_space *space) {
    for (int64_t pass = begin; pass < end; pass++) find_pass(job, unit, view, pass, space);
}

nn_direct_own nn_direct_own_of(const nn_direct_plan *plan, const nn_direct_space *space,
                               int64_t pass) {
    const float scale = *scale_of_pass(space, pass);
    nn_direct_own own = {.rows = rows_of_pass(plan, space, pass)};
    if (scale == 0) return own;
    own.weight_scale = plan->scales_rows ? 1 : scale;
    own.result_scale = plan->scales_rows ? scale : 1 / scale;
    if (plan->scales_rows && scale != 1) own.a = space->scaled;
    return own;
}

/* ---- panels ---- */

bool nn_direct_can_share(const nn_direct_own *own, const nn_direct_shared *shared) {
    return own->weight_scale != 0 && !isnan(shared->own[0]);
}

const float *nn_direct_scale(const nn_direct_plan *plan, const nn_direct_part *part,
                             const nn_direct_own *own, float *room) {
    if (own->weight_scale == 1) return part->w;
    plan->tiles->shared->scale(part->w + part->begin, part->count, own->weight_scale,
                               room + part->begin);
    return room;
}
