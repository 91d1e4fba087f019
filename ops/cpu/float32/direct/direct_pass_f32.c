#include "ops/cpu/float32/direct/direct_pass_f32.h"

#include "base/integers.h"
#include "ops/cpu/float32/direct/direct_shared_f32.h"
#include "ops/cpu/float32/direct/direct_taps_f32.h"

#include <math.h>
#include <string.h>

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

/* ---- the tiles of a pass ---- */

/* A pass on its way over the tiles of a unit. */
typedef struct tile_walk {
    const nn_direct_job *job;
    const nn_direct_unit *unit;
    const direct_pass *pass;
    const nn_direct_input *view;
    const float *bias;
    int64_t columns, tile_count; /* of a row of the output */
    int64_t each, rest;          /* rows of a tile; the first `rest` tiles have one more */
    bool is_cut;                 /* not all pixels of the fold at the end of a row exist */
    bool can_pair;               /* two rows of a narrow map fill one tile */
    bool can_chain;             /* rows of one tile continue each other as those of the output do */
    bool is_raw;                /* sums are finished after the tile */
    int64_t fetched_each, done; /* bytes to fetch for each tile; tiles */
    raw_rows raw;
    nn_tile_f32 tile;
} tile_walk;

static void start_walk(tile_walk *walk) {
    const nn_direct_plan *plan = walk->job->plan;
    const nn_direct_problem *p = &plan->problem;
    const nn_direct_unit *unit = walk->unit;
    const direct_pass *pass = walk->pass;
    const int64_t columns = unit->column_end - unit->column_begin;
    walk->columns = columns;
    walk->tile_count = nn_divide_up(columns, pass->shape->rows);
    walk->each = columns / walk->tile_count;
    walk->rest = columns % walk->tile_count;
    walk->is_cut = plan->last_columns < p->columns && unit->column_end == p->axes[NN_WIDTH].out;
    walk->can_pair =
        !walk->is_cut && columns == NN_TILE_SEGMENT && pass->shape->rows == 2 * NN_TILE_SEGMENT;
    walk->can_chain =
        walk->tile_count == 1 && !walk->is_cut && p->out_row == columns * p->out_pitch;
    walk->is_raw = pass->last && !plan->tile_finishes;
    walk->fetched_each = pass->next_bytes / (walk->tile_count * (unit->row_end - unit->row_begin));
    walk->done = 0;
}

/* What all tiles of the pass have in common. */
static void start_tile(tile_walk *walk, nn_tile_tap *taps, float *column_own) {
    const nn_direct_plan *plan = walk->job->plan;
    const nn_direct_problem *p = &plan->problem;
    const direct_pass *pass = walk->pass;
    walk->tile = (nn_tile_f32){
        .a_step = walk->view->column_step,
        .w = pass->w,
        .taps = taps,
        .k = pass->k,
        .start = pass->first ? walk->bias : NULL,
        .residual_step = p->out_pitch,
        .y_step = p->out_pitch,
        .columns = pass->columns,
        .is_only_row = nn_direct_is_one_pixel(p),
        .low = pass->last ? plan->low : -INFINITY,
        .high = pass->last ? plan->high : INFINITY,
        .factors = pass->shared.factors,
        .column_own = column_own,
        .own_scale = pass->own.weight_scale * pass->own.weight_scale,
        .result_scale = pass->shares ? pass->own.result_scale : 1,
        .claims = p->out_image * (int64_t)sizeof(float) > nn_cpu_get()->l2_bytes,
    };
}

/* Rows of the output that are done at once: `wide` of them in each tile, `chained` tiles in each
 * chain. */
typedef struct row_group {
    int64_t row, wide, chained;
    int64_t a, y; /* where the first of them lies in the view and in the output */
} row_group;

static row_group group_at(const tile_walk *walk, const nn_tap_range *range, int64_t row) {
    const nn_direct_plan *plan = walk->job->plan;
    const nn_direct_problem *p = &plan->problem;
    const nn_direct_unit *unit = walk->unit;
    row_group out = {.row = row, .wide = 1, .chained = 1};
    if (walk->can_pair || walk->can_chain) {
        const int64_t inner = count_inner(&p->axes[NN_HEIGHT], row, unit->row_end);
        if (walk->can_pair && inner >= 2) out.wide = 2;
        if (walk->can_chain) out.chained = nn_max(inner / out.wide, 1);
    }
    if (walk->is_raw && out.chained > 1) {
        const int64_t floats = out.wide * walk->columns * walk->pass->shape->columns;
        out.chained = nn_min(out.chained, RAW_FLOATS / floats);
    }
    out.a = nn_direct_place(plan, walk->view, range, unit->depth, row) + walk->view->column_offset;
    out.y = unit->image * p->out_image + unit->depth * p->out_plane +
            (row - walk->job->first_row) * p->out_row + walk->pass->column;
    return out;
}

/* ---- tiles and rows of raw sums ---- */

static void finish_raw(tile_walk *walk, int64_t columns) {
    const nn_direct_job *job = walk->job;
    raw_rows *raw = &walk->raw;
    const int64_t step = walk->pass->shape->columns;
    if (raw->begin < raw->end)
        job->plan->tiles->finish(&job->plan->epilogue,
                                 &(nn_epilogue_block){
                                     .x = raw->floats + raw->begin * step,
                                     .x_step = step,
                                     .residual = job->residual ? job->residual + raw->offset : NULL,
                                     .y = job->y + raw->offset,
                                     .y_step = job->plan->problem.out_pitch,
                                     .rows = raw->end - raw->begin,
                                     .columns = columns,
                                 });
    raw->begin = raw->end;
}

/* Adds rows that lie behind the others. */
static void add_raw(tile_walk *walk, int64_t rows, int64_t offset) {
    raw_rows *raw = &walk->raw;
    if (rows <= 0) return;
    if (offset != raw->offset + (raw->end - raw->begin) * walk->job->plan->problem.out_pitch)
        finish_raw(walk, walk->pass->columns);
    if (raw->begin == raw->end) raw->offset = offset;
    raw->end += rows;
}

/* Runs tiles of `rows` rows whose y and residual are at `offset`, second segment of one tile at
 * `offset1`, into raw rows. */
static void run_raw(tile_walk *walk, int64_t rows, int64_t offset, int64_t offset1) {
    const nn_direct_job *job = walk->job;
    const direct_pass *pass = walk->pass;
    nn_tile_f32 *tile = &walk->tile;
    raw_rows *raw = &walk->raw;
    const int64_t pitch = pass->shape->columns, all = rows * (tile->more + 1);
    const int64_t first = tile->more > 0 ? all : nn_min(rows, NN_TILE_SEGMENT);
    const float low = tile->low, high = tile->high;
    if ((raw->end + all) * pitch > RAW_FLOATS) {
        finish_raw(walk, pass->columns);
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
    add_raw(walk, first, offset);
    add_raw(walk, all - first, offset1);
}

/* Runs tiles of `rows` rows whose y and residual are at `offset`, second segment at `offset1`. */
static void run_tiles(tile_walk *walk, int64_t rows, int64_t offset, int64_t offset1) {
    const nn_direct_job *job = walk->job;
    const direct_pass *pass = walk->pass;
    nn_tile_f32 *tile = &walk->tile;
    if (walk->is_raw) {
        run_raw(walk, rows, offset, offset1);
        return;
    }
    /* Later passes add to what the first ones left in y. */
    const float *residual =
        pass->first ? (job->plan->tile_finishes ? job->residual : NULL) : job->y;
    tile->residual[0] = residual ? residual + offset : NULL;
    tile->residual[1] = residual ? residual + offset1 : NULL;
    tile->y[0] = job->y + offset;
    tile->y[1] = job->y + offset1;
    pass->shape->run[rows](tile);
}

/* The last columns of rows that are cut, which are less than a tile stores. */
static void run_last_pixel(tile_walk *walk, const row_group *group) {
    const nn_direct_plan *plan = walk->job->plan;
    const nn_direct_input *view = walk->view;
    nn_tile_f32 *tile = &walk->tile;
    const int64_t column = walk->unit->column_end - 1;
    const int64_t y = group->y + column * plan->problem.out_pitch;
    tile->a[0] = tile->a[1] = view->base + group->a + column * view->column_step;
    tile->more = 0;
    finish_raw(walk, walk->pass->columns);
    run_raw(walk, 1, y, y);
    finish_raw(walk, plan->last_columns);
}

/* Runs `count` tiles of `rows` rows from column `begin` on. */
static void run_chain(tile_walk *walk, const row_group *group, int64_t begin, int64_t rows,
                      int64_t count) {
    const nn_direct_problem *p = &walk->job->plan->problem;
    const nn_direct_input *view = walk->view;
    const direct_pass *pass = walk->pass;
    nn_tile_f32 *tile = &walk->tile;
    const int64_t row_step = p->axes[NN_HEIGHT].stride * view->row;
    const int64_t y = group->y + begin * p->out_pitch;
    const bool pairs = group->wide == 2;
    tile->more = count - 1;
    tile->a_skip = group->chained > 1 ? group->wide * row_step - rows * tile->a_step : 0;
    tile->a[0] = view->base + group->a + begin * view->column_step;
    tile->a[1] = tile->a[0] + (pairs ? row_step : NN_TILE_SEGMENT * tile->a_step);
    if (pass->shares) {
        tile->own[0] = nn_direct_own_at(&pass->own, walk->unit, group->row, begin);
        tile->own[1] = tile->own[0] + NN_TILE_SEGMENT;
    }
    tile->prefetch = (const char *)pass->next + walk->fetched_each * walk->done;
    tile->prefetch_bytes = walk->fetched_each * count * group->wide;
    if (nn_direct_is_planar(p) && count > 1)
        prefetch_plane(walk->job, walk->unit, group->row, tile);
    run_tiles(walk, rows, y, y + (pairs ? p->out_row : NN_TILE_SEGMENT * p->out_pitch));
    walk->done += count * group->wide;
}

static void run_rows(tile_walk *walk, const row_group *group) {
    int64_t begin = walk->unit->column_begin, count;
    for (int64_t i = 0; i < walk->tile_count; i += count) {
        const bool is_high = i < walk->rest;
        int64_t rows = group->wide == 2 ? 2 * walk->columns : walk->each + is_high;
        count = group->chained > 1 ? group->chained : (is_high ? walk->rest : walk->tile_count) - i;
        if (walk->is_raw) count = nn_min(count, RAW_FLOATS / (rows * walk->pass->shape->columns));
        /* The last tile of a row that is cut is by itself, and without its last row. */
        if (walk->is_cut && i + count == walk->tile_count) {
            if (count > 1)
                count--;
            else
                rows--;
        }
        if (rows > 0) run_chain(walk, group, begin, rows, count);
        begin += rows * count;
    }
    if (walk->is_cut) run_last_pixel(walk, group);
}

static void run_pass(const nn_direct_job *job, const nn_direct_unit *unit, const direct_pass *pass,
                     const nn_direct_input *view, const float *bias, nn_tile_tap *taps) {
    const nn_direct_plan *plan = job->plan;
    const nn_window_axis *axes = plan->problem.axes;
    _Alignas(NN_ALIGNMENT) float floats[RAW_FLOATS];
    float column_own[NN_TILE_MAX_COLUMNS];
    tile_walk walk;
    walk.job = job;
    walk.unit = unit;
    walk.pass = pass;
    walk.view = view;
    walk.bias = bias;
    walk.raw = (raw_rows){.floats = floats};
    start_walk(&walk);
    start_tile(&walk, taps, column_own);
    /* Rows of the kernel alone change from row to row, and single numbers are compared: a structure
     * just written in parts would be read again as a whole, which waits for its parts. */
    nn_tap_range range;
    nn_direct_clip_taps(&axes[NN_DEPTH], unit->depth, &range.plane_begin, &range.plane_end);
    int64_t listed_begin = -1, listed_end = -1, step;
    for (int64_t row = unit->row_begin; row < unit->row_end; row += step) {
        nn_direct_clip_taps(&axes[NN_HEIGHT], row, &range.row_begin, &range.row_end);
        if (range.row_begin != listed_begin || range.row_end != listed_end) {
            walk.tile.tap_count =
                nn_direct_list_taps(plan, &pass->part, view, &range, pass->shape->columns, taps);
            if (pass->shares) add_column_own(plan, pass, taps, walk.tile.tap_count, column_own);
        }
        listed_begin = range.row_begin;
        listed_end = range.row_end;
        const row_group group = group_at(&walk, &range, row);
        run_rows(&walk, &group);
        step = group.wide * group.chained;
    }
    finish_raw(&walk, pass->columns);
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

static void share_pass(const nn_direct_plan *plan, const nn_direct_space *space,
                       direct_pass *pass) {
    pass->shares = nn_direct_can_share(&pass->own, &pass->shared);
    if (!pass->shares) return;
    const nn_direct_part part = {pass->w, first_weight(pass, plan->k) - pass->w, weights_of(pass)};
    pass->w = nn_direct_scale(plan, &part, &pass->own, space->scaled);
}

void nn_direct_run_panel(const nn_direct_job *job, const nn_direct_unit *unit, int64_t panel,
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
