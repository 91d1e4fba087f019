#include "ops/cpu/float32/direct/direct_f32.h"

#include "base/integers.h"
#include "ops/cpu/float32/direct/direct_product_f32.h"
#include "ops/cpu/float32/direct/direct_shared_f32.h"
#include "ops/cpu/float32/direct/direct_taps_f32.h"

#include <math.h>
#include <string.h>

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

/* ---- one pass over the tiles of a unit ---- */

/* Some taps or some channels of one panel. */
typedef struct direct_pass {
    int64_t index;
    nn_tap_part part;
    int64_t k;
    bool first, last;
    const nn_tile_shape *shape;
    const float *w; /* of the panel */
    bool shares;    /* products */
    nn_direct_shared shared;
    nn_direct_own own;
    const float *next; /* weights that come after this pass */
    int64_t next_bytes;
    int64_t column; /* first output channel, in the whole pixel */
    int columns;
} direct_pass;

/* Rows of raw sums that wait to be finished, as what is done to them beyond clipping starts slowly:
 * rows [begin, end) of `floats`, whose y and residual are at `offset`. */
enum { RAW_FLOATS = 2 * NN_TILE_MAX_ROWS * NN_TILE_MAX_COLUMNS };
typedef struct raw_rows {
    float *floats;
    int64_t begin, end, offset;
} raw_rows;

static void finish_raw(const nn_direct_job *job, const direct_pass *pass, raw_rows *raw,
                       int64_t columns) {
    const nn_direct_plan *plan = job->plan;
    if (raw->begin < raw->end)
        plan->tiles->finish(&plan->epilogue,
                            &(nn_epilogue_block){
                                .x = raw->floats + raw->begin * pass->shape->columns,
                                .x_step = pass->shape->columns,
                                .residual = job->residual ? job->residual + raw->offset : NULL,
                                .y = job->y + raw->offset,
                                .y_step = plan->problem.out_pitch,
                                .rows = raw->end - raw->begin,
                                .columns = columns,
                            });
    raw->begin = raw->end;
}

/* Adds rows that lie behind the others. */
static void add_raw(const nn_direct_job *job, const direct_pass *pass, raw_rows *raw, int64_t rows,
                    int64_t offset) {
    if (rows <= 0) return;
    if (offset != raw->offset + (raw->end - raw->begin) * job->plan->problem.out_pitch)
        finish_raw(job, pass, raw, pass->columns);
    if (raw->begin == raw->end) raw->offset = offset;
    raw->end += rows;
}

/* Runs tiles of `rows` rows whose y and residual are at `offset`, second segment of one tile at
 * `offset1`, into raw rows. */
static void run_raw(const nn_direct_job *job, const direct_pass *pass, nn_tile_f32 *tile,
                    int64_t rows, int64_t offset, int64_t offset1, raw_rows *raw) {
    const int64_t pitch = pass->shape->columns, all = rows * (tile->more + 1);
    const int64_t first = tile->more > 0 ? all : nn_min(rows, NN_TILE_SEGMENT);
    const float low = tile->low, high = tile->high;
    if ((raw->end + all) * pitch > RAW_FLOATS) {
        finish_raw(job, pass, raw, pass->columns);
        raw->begin = raw->end = 0;
    }
    tile->low = -INFINITY;
    tile->high = INFINITY;
    tile->residual[0] = pass->first ? NULL : job->y + offset;
    tile->residual[1] = pass->first ? NULL : job->y + offset1;
    tile->y[0] = raw->floats + raw->end * pitch;
    tile->y[1] = tile->y[0] + NN_TILE_SEGMENT * pitch;
    tile->y_step = pitch;
    pass->shape->run[rows](tile);
    tile->y_step = job->plan->problem.out_pitch;
    tile->low = low;
    tile->high = high;
    add_raw(job, pass, raw, first, offset);
    add_raw(job, pass, raw, all - first, offset1);
}

/* Runs tiles of `rows` rows whose y and residual are at `offset`, second segment at `offset1`. */
static void run_tiles(const nn_direct_job *job, const direct_pass *pass, nn_tile_f32 *tile,
                      int64_t rows, int64_t offset, int64_t offset1, raw_rows *raw) {
    tile->start = pass->first ? tile->start : NULL;
    if (job->plan->tile_finishes || !pass->last) {
        /* Later passes add to what the first ones left in y. */
        const float *residual =
            pass->first ? (job->plan->tile_finishes ? job->residual : NULL) : job->y;
        tile->residual[0] = residual ? residual + offset : NULL;
        tile->residual[1] = residual ? residual + offset1 : NULL;
        tile->y[0] = job->y + offset;
        tile->y[1] = job->y + offset1;
        pass->shape->run[rows](tile);
        return;
    }
    run_raw(job, pass, tile, rows, offset, offset1, raw);
}

/* The last columns of a row, which are less than a tile stores; a and y are those of the row. */
static void run_last_pixel(const nn_direct_job *job, const nn_direct_unit *unit,
                           const direct_pass *pass, const nn_direct_input *view, nn_tile_f32 *tile,
                           int64_t a, int64_t y, raw_rows *raw) {
    const int64_t column = unit->column_end - 1;
    y += column * job->plan->problem.out_pitch;
    tile->a[0] = tile->a[1] = view->base + a + column * view->column_step;
    tile->more = 0;
    finish_raw(job, pass, raw, pass->columns);
    run_raw(job, pass, tile, 1, y, y, raw);
    finish_raw(job, pass, raw, job->plan->last_columns);
}

/* Rows of the output from `row` on, before `end`, that see the whole kernel inside of the input. */
static int64_t count_inner(const nn_window_axis *height, int64_t row, int64_t end) {
    int64_t count = 0;
    if (nn_first_input(height, row) < 0) return 0;
    while (row + count < end && nn_end_input(height, row + count) <= height->in) count++;
    return count;
}

/* An image in planes, as a network's input, comes from memory, whose latency the products of a row
 * hide: each asks for rows of one plane, those that as many later ones read as there are planes. */
enum { ROWS_AHEAD = 2 }; /* for each plane */

static void prefetch_plane(const nn_direct_job *job, const nn_direct_unit *unit, int64_t row,
                           nn_tile_f32 *tile) {
    const nn_direct_problem *p = &job->plan->problem;
    const nn_window_axis *height = &p->axes[NN_HEIGHT];
    const int64_t planes = p->axes[NN_DEPTH].in, row_floats = p->axes[NN_WIDTH].in;
    const int64_t first =
        nn_first_input(height, row + ROWS_AHEAD * planes) + height->kernel - height->stride;
    const int64_t begin = nn_min(nn_max(first, 0), height->in);
    const int64_t end = nn_min(first + planes * height->stride, height->in);
    const int64_t plane = unit->image * planes + row % planes;
    tile->prefetch = job->x + (plane * height->in + begin) * row_floats;
    tile->prefetch_bytes = nn_max(end - begin, 0) * row_floats * (int64_t)sizeof(float);
}

/* Own sums of the columns over the taps that are listed. */
static void add_column_own(const nn_direct_plan *plan, const direct_pass *pass,
                           const nn_tile_tap *taps, int64_t tap_count, float *sums) {
    const int64_t columns = pass->shape->columns;
    memset(sums, 0, (size_t)columns * sizeof *sums);
    for (int64_t i = 0; i < tap_count; i++) {
        const int64_t part = plan->taps > 1 ? taps[i].w / (plan->k * columns) : pass->index;
        const float *own = pass->shared.own + part * columns;
        for (int64_t j = 0; j < columns; j++) sums[j] += own[j];
    }
}

static void run_pass(const nn_direct_job *job, const nn_direct_unit *unit, const direct_pass *pass,
                     const nn_direct_input *view, const float *bias, nn_tile_tap *taps) {
    const nn_direct_plan *plan = job->plan;
    const nn_direct_problem *p = &plan->problem;
    const nn_window_axis *height = &p->axes[NN_HEIGHT];
    const int64_t columns = unit->column_end - unit->column_begin;
    const int64_t tile_count = nn_divide_up(columns, pass->shape->rows);
    /* Tiles of about equal size: the first `rest` have a row more. */
    const int64_t each = columns / tile_count, rest = columns % tile_count;
    const int64_t total = tile_count * (unit->row_end - unit->row_begin);
    /* Not all pixels of the fold at the end of a row exist. */
    const bool is_cut =
        plan->last_columns < p->columns && unit->column_end == p->axes[NN_WIDTH].out;
    /* Two rows of a narrow map fill one tile. */
    const bool can_pair =
        !is_cut && columns == NN_TILE_SEGMENT && pass->shape->rows == 2 * NN_TILE_SEGMENT;
    /* Rows of one tile continue each other where those of the output do. */
    const bool can_chain = tile_count == 1 && !is_cut && p->out_row == columns * p->out_pitch;
    nn_tile_f32 tile = {
        .a_step = view->column_step,
        .w = pass->w,
        .taps = taps,
        .k = pass->k,
        .residual_step = p->out_pitch,
        .y_step = p->out_pitch,
        .columns = pass->columns,
        .is_only_row = nn_direct_is_one_pixel(p),
        .low = pass->last ? plan->low : -INFINITY,
        .high = pass->last ? plan->high : INFINITY,
        .claims = p->out_image * (int64_t)sizeof(float) > nn_cpu_get()->l2_bytes,
    };
    float column_own[NN_TILE_MAX_COLUMNS];
    tile.factors = pass->shared.factors;
    tile.column_own = column_own;
    tile.own_scale = pass->own.weight_scale * pass->own.weight_scale;
    tile.result_scale = pass->shares ? pass->own.result_scale : 1;
    const int64_t each_prefetch = pass->next_bytes / total;
    const bool is_raw = pass->last && !plan->tile_finishes;
    const bool is_planar = nn_direct_is_planar(p);
    _Alignas(NN_ALIGNMENT) float floats[RAW_FLOATS];
    raw_rows raw = {.floats = floats};
    int64_t done = 0;
    /* Rows of the kernel alone change from row to row, and single numbers are compared: a structure
     * just written in parts would be read again as a whole, which waits for its parts. */
    nn_tap_range range;
    nn_direct_clip_taps(&p->axes[NN_DEPTH], unit->depth, &range.plane_begin, &range.plane_end);
    int64_t listed_begin = -1, listed_end = -1;
    int64_t step; /* rows of the output that are done at once */
    for (int64_t row = unit->row_begin; row < unit->row_end; row += step) {
        nn_direct_clip_taps(height, row, &range.row_begin, &range.row_end);
        if (range.row_begin != listed_begin || range.row_end != listed_end) {
            tile.tap_count =
                nn_direct_list_taps(plan, &pass->part, view, &range, pass->shape->columns, taps);
            if (pass->shares) add_column_own(plan, pass, taps, tile.tap_count, column_own);
        }
        listed_begin = range.row_begin;
        listed_end = range.row_end;
        const int64_t inner = can_pair || can_chain ? count_inner(height, row, unit->row_end) : 0;
        const bool pair = can_pair && inner >= 2;
        const int64_t each_row = pair ? 2 : 1; /* of a tile */
        int64_t chained = can_chain ? nn_max(inner / each_row, 1) : 1;
        if (is_raw && chained > 1)
            chained = nn_min(chained, RAW_FLOATS / (each_row * columns * pass->shape->columns));
        step = each_row * chained;
        const int64_t y_start = unit->image * p->out_image + unit->depth * p->out_plane +
                                (row - job->first_row) * p->out_row + pass->column;
        const int64_t a_start =
            nn_direct_place(plan, view, &range, unit->depth, row) + view->column_offset;
        int64_t begin = unit->column_begin, count;
        for (int64_t i = 0; i < tile_count; i += count) {
            int64_t rows = pair ? 2 * columns : each + (i < rest);
            count = (i < rest ? rest : tile_count) - i;
            if (is_raw) count = nn_min(count, RAW_FLOATS / (rows * pass->shape->columns));
            tile.a_skip = 0;
            if (chained > 1) {
                tile.a_skip = each_row * height->stride * view->row - rows * tile.a_step;
                count = chained;
            }
            const int64_t y = y_start + begin * p->out_pitch;
            const int64_t a_step =
                pair ? height->stride * view->row : NN_TILE_SEGMENT * tile.a_step;
            if (is_cut && i + count == tile_count) {
                /* The last tile is by itself, and without its last row. */
                if (count > 1)
                    count--;
                else
                    rows--;
            }
            tile.more = count - 1;
            tile.a[0] = view->base + a_start + begin * view->column_step;
            tile.a[1] = tile.a[0] + a_step;
            tile.start = bias;
            if (pass->shares) {
                tile.own[0] = nn_direct_own_at(&pass->own, unit, row, begin);
                tile.own[1] = tile.own[0] + NN_TILE_SEGMENT;
            }
            tile.prefetch = (const char *)pass->next + each_prefetch * done;
            tile.prefetch_bytes = each_prefetch * count * each_row;
            if (is_planar && count > 1) prefetch_plane(job, unit, row, &tile);
            if (rows > 0)
                run_tiles(job, pass, &tile, rows, y,
                          y + (pair ? p->out_row : NN_TILE_SEGMENT * p->out_pitch), &raw);
            begin += rows * count;
            done += count * each_row;
        }
        if (is_cut) run_last_pixel(job, unit, pass, view, &tile, a_start, y_start, &raw);
    }
    finish_raw(job, pass, &raw, pass->columns);
}

/* What a pass sums, without what comes after it. */
static direct_pass pass_at(const nn_direct_job *job, const nn_direct_unit *unit, int64_t panel,
                           int64_t index) {
    const nn_direct_plan *plan = job->plan;
    const int64_t first = panel * plan->shape->columns;
    direct_pass pass = {
        .shape = panel == plan->panels - 1 ? plan->last_shape : plan->shape,
        .first = index == 0,
        .last = index == plan->passes - 1,
        .index = index,
        .part = nn_direct_tap_part(plan, index),
        .w = job->packed + unit->group * plan->group_floats + first * plan->taps * plan->k,
        .column = unit->group * plan->problem.columns + first,
    };
    pass.k = nn_min(plan->k_per_pass, plan->k - pass.part.k_begin);
    pass.columns = (int)nn_min(pass.shape->columns, plan->problem.columns - first);
    return pass;
}

static const float *first_weight(const direct_pass *pass, int64_t k) {
    return pass->w + (pass->part.tap_begin * k + pass->part.k_begin) * pass->shape->columns;
}

static int64_t weights_of(const direct_pass *pass) {
    return (pass->part.tap_end - pass->part.tap_begin) * pass->k * pass->shape->columns;
}

/* Finds the weights that are read after those of the pass, of which there are about as many. */
static void find_next(const nn_direct_job *job, const nn_direct_unit *unit, int64_t panel,
                      int64_t index, direct_pass *pass) {
    const nn_direct_plan *plan = job->plan;
    const bool by_parts = plan->input_parts > 1;
    const float *end = job->packed + (unit->group + 1) * plan->group_floats;
    int64_t next_panel = panel, next_index = index;
    if (!by_parts && !pass->last) {
        next_index++;
    } else if (panel + 1 < unit->panel_end) {
        next_panel++;
        if (!by_parts) next_index = 0;
    } else if (by_parts && !pass->last) {
        next_panel = unit->panel_begin;
        next_index++;
    } else if (unit->panel_end < plan->panels) {
        /* Behind the last panel of a unit come those of the next, mostly this thread's, too. */
        next_panel++;
        next_index = 0;
    } else {
        pass->next = end;
        return;
    }
    const direct_pass next = pass_at(job, unit, next_panel, next_index);
    pass->next = first_weight(&next, plan->k);
    pass->next_bytes = nn_min(weights_of(pass), end - pass->next) * (int64_t)sizeof(float);
}

static nn_direct_space space_at(const nn_direct_plan *plan, char *own) {
    return (nn_direct_space){
        (nn_tile_tap *)(own + plan->taps_at),
        (float *)(own + plan->band_at),
        (float *)(own + plan->own_at),
        (float *)(own + plan->scaled_at),
    };
}

static void share_pass(const nn_direct_plan *plan, const nn_direct_space *space,
                       direct_pass *pass) {
    pass->shares = nn_direct_can_share(&pass->own, &pass->shared);
    if (!pass->shares) return;
    const nn_direct_part part = {pass->w, first_weight(pass, plan->k) - pass->w, weights_of(pass)};
    pass->w = nn_direct_scale(plan, &part, &pass->own, space->scaled);
}

/* Passes [begin, end) of a panel. */
static void run_panel(const nn_direct_job *job, const nn_direct_unit *unit, int64_t panel,
                      int64_t begin, int64_t end, const nn_direct_input *view,
                      const nn_direct_space *space) {
    const nn_direct_plan *plan = job->plan;
    const float *bias =
        job->bias + unit->group * plan->group_columns + panel * plan->shape->columns;
    for (int64_t i = begin; i < end; i++) {
        direct_pass pass = pass_at(job, unit, panel, i);
        find_next(job, unit, panel, i, &pass);
        if (plan->shares && pass.shape == plan->shape) {
            pass.shared = nn_direct_shared_at(plan, job->packed, unit->group, panel);
            pass.own = nn_direct_own_of(plan, space, i);
            share_pass(plan, space, &pass);
        }
        run_pass(job, unit, &pass, view, bias, space->taps);
    }
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
            run_panel(job, unit, panel, part * passes, (part + 1) * passes, view, space);
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

void nn_direct_prefetch_rows(const nn_direct_plan *plan, const float *x, int64_t row) {
    enum { LINE = 64 / sizeof(float) };
    const nn_direct_problem *p = &plan->problem;
    const nn_window_axis *height = &p->axes[NN_HEIGHT];
    const int64_t planes = p->axes[NN_DEPTH].in, row_floats = p->axes[NN_WIDTH].in;
    const int64_t begin = nn_max(nn_first_input(height, row), 0);
    const int64_t end = nn_min(nn_end_input(height, row + ROWS_AHEAD * planes - 1), height->in);
    if (!nn_direct_is_planar(p)) return;
    for (int64_t plane = 0; plane < planes; plane++)
        for (int64_t i = begin * row_floats; i < end * row_floats; i += LINE)
            __builtin_prefetch(x + plane * height->in * row_floats + i, 0, 2);
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
