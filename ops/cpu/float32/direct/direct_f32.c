#include "ops/cpu/float32/direct/direct_f32.h"

#include "base/integers.h"
#include "ops/cpu/float32/direct/direct_pass_f32.h"
#include "ops/cpu/float32/direct/direct_product_f32.h"
#include "ops/cpu/float32/direct/direct_shared_f32.h"

static nn_direct_unit unit_at(const nn_direct_plan *plan, int64_t index) {
    const nn_window_axis *axes = plan->problem.axes;
    nn_direct_unit unit;
    int64_t panels = index % plan->panel_blocks;
    index /= plan->panel_blocks;
    int64_t columns = index % plan->column_blocks;
    index /= plan->column_blocks;
    int64_t rows = index % plan->row_blocks;
    index /= plan->row_blocks;
    unit.depth = index % axes[NN_DEPTH].out;
    index /= axes[NN_DEPTH].out;
    unit.group = index % plan->problem.groups;
    unit.image = index / plan->problem.groups;
    unit.row_begin = rows * plan->row_block;
    unit.row_end = nn_min(unit.row_begin + plan->row_block, axes[NN_HEIGHT].out);
    unit.column_begin = columns * plan->column_block;
    unit.column_end = nn_min(unit.column_begin + plan->column_block, axes[NN_WIDTH].out);
    unit.panel_begin = panels * plan->panel_block;
    unit.panel_end = nn_min(unit.panel_begin + plan->panel_block, plan->panels);
    return unit;
}

static nn_direct_space space_at(const nn_direct_plan *plan, char *own) {
    return (nn_direct_space){
        (nn_tile_tap *)(own + plan->taps_at),
        (float *)(own + plan->band_at),
        (float *)(own + plan->own_at),
        (float *)(own + plan->scaled_at),
    };
}

/* `view` is the last unit's; where that had the same pixels, it is used again. */
static void run_unit(const nn_direct_job *job, const nn_direct_unit *unit, bool same_input,
                     nn_direct_input *view, const nn_direct_space *space) {
    const nn_direct_plan *plan = job->plan;
    const int64_t passes = plan->passes / plan->input_parts;
    for (int64_t part = 0; part < plan->input_parts; part++) {
        const int64_t k_begin = part * plan->k_per_pass;
        const int64_t k_end = plan->input_parts > 1 ? k_begin + plan->k_per_pass : plan->problem.k;
        const nn_channel_range channels = {k_begin, nn_min(k_end, plan->problem.k) - k_begin};
        if (!same_input || plan->input_parts > 1)
            *view = nn_direct_input_of(job, unit, channels, space->band);
        if (plan->shares && (!same_input || plan->input_parts > 1))
            nn_direct_find_own(job, unit, view, part * passes, (part + 1) * passes, space);
        if (nn_direct_is_product(plan)) {
            nn_direct_multiply(job, unit, view, space);
            return;
        }
        for (int64_t panel = unit->panel_begin; panel < unit->panel_end; panel++)
            nn_direct_run_panel(job, unit, panel, part * passes, (part + 1) * passes, view, space);
    }
}

/* Before the first units of a run. */
static void keep_nothing(char *own) {
    *(nn_direct_kept *)own = (nn_direct_kept){.pixels = -1};
}

/* Units that differ in panels only share what the worker has found and copied of their pixels. */
static void run_units(const nn_direct_job *job, int64_t begin, int64_t end, char *own) {
    const nn_direct_plan *plan = job->plan;
    nn_direct_kept *kept = (nn_direct_kept *)own;
    const nn_direct_space space = space_at(plan, own);
    for (int64_t i = begin; i < end; i++) {
        const nn_direct_unit unit = unit_at(plan, i);
        const int64_t pixels = i / plan->panel_blocks;
        run_unit(job, &unit, pixels == kept->pixels, &kept->view, &space);
        kept->pixels = pixels;
    }
}

static char *worker_space(const nn_direct_job *job, int worker) {
    return job->workspace + job->plan->worker_bytes * (size_t)worker;
}

static void run_task(void *argument, int64_t begin, int64_t end, int worker) {
    run_units(argument, begin, end, worker_space(argument, worker));
}

/* The column behind those that are done at once from `column` on. Where planes lie in memory as
 * they are, only tiles that read padding read a band. */
static int64_t end_of_columns(const nn_direct_plan *plan, int64_t column, int64_t width) {
    const nn_window_axis *axis = &plan->problem.axes[NN_WIDTH];
    const int64_t end = nn_min(column + plan->column_block, width), tile = plan->shape->rows;
    if (plan->band_use != NN_BAND_FOR_PADDING || !nn_direct_is_planar(&plan->problem)) return end;
    if (nn_first_input(axis, column) < 0) return nn_min(column + tile, end);
    if (nn_end_input(axis, end - 1) <= axis->in || end - column <= tile) return end;
    return end - tile;
}

/* The first `width` columns of output rows [row_begin, row_end) of one image and two axes, and of
 * those panels [panel_begin, panel_end). */
static void run_part(const nn_direct_job *job, int64_t row_begin, int64_t row_end, int64_t width,
                     int64_t panel_begin, int64_t panel_end, void *workspace) {
    const nn_direct_plan *plan = job->plan;
    const nn_direct_space space = space_at(plan, workspace);
    for (int64_t row = row_begin; row < row_end; row += plan->row_block)
        for (int64_t column = 0, end; column < width; column = end) {
            end = end_of_columns(plan, column, width);
            const nn_direct_unit unit = {
                .row_begin = row,
                .row_end = nn_min(row + plan->row_block, row_end),
                .column_begin = column,
                .column_end = end,
                .panel_begin = panel_begin,
                .panel_end = panel_end,
            };
            run_unit(job, &unit, false, &(nn_direct_input){0}, &space);
        }
}

static nn_direct_job job_of(const nn_direct_plan *plan, const float *packed, const float *bias,
                            const float *x, const float *residual, float *y) {
    return (nn_direct_job){
        .plan = plan, .packed = packed, .bias = bias, .x = x, .residual = residual, .y = y};
}

void nn_direct_run_pixels(const nn_direct_plan *plan, const float *packed, const float *bias,
                          const float *x, const float *residual, float *y, int64_t pixels,
                          int64_t panel_begin, int64_t panel_end, void *workspace) {
    const nn_direct_job job = job_of(plan, packed, bias, x, residual, y);
    run_part(&job, 0, 1, pixels, panel_begin, panel_end, workspace);
}

void nn_direct_run_rows(const nn_direct_plan *plan, const float *packed, const float *bias,
                        const float *x, float *y, int64_t row_begin, int64_t row_end,
                        int64_t panel_begin, int64_t panel_end, void *workspace) {
    nn_direct_job job = job_of(plan, packed, bias, x, NULL, y);
    job.first_row = row_begin;
    run_part(&job, row_begin, row_end, plan->problem.axes[NN_WIDTH].out, panel_begin, panel_end,
             workspace);
}

void nn_direct_run_units(const nn_direct_plan *plan, const float *packed, const float *bias,
                         const float *x, const float *residual, float *y, int64_t begin,
                         int64_t end, void *workspace) {
    const nn_direct_job job = job_of(plan, packed, bias, x, residual, y);
    keep_nothing(workspace);
    run_units(&job, begin, end, workspace);
}

void nn_direct_run(const nn_direct_plan *plan, const float *packed, const float *bias,
                   const float *x, const float *residual, float *y, nn_pool *pool,
                   void *workspace) {
    nn_direct_job job = job_of(plan, packed, bias, x, residual, y);
    job.workspace = workspace;
    for (int worker = 0; worker < nn_pool_threads(pool); worker++)
        keep_nothing(worker_space(&job, worker));
    nn_parallel(pool, plan->units, 1, run_task, &job);
}
