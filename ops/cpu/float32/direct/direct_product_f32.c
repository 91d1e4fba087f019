#include "ops/cpu/float32/direct/direct_product_f32.h"

#include "base/cpu.h"
#include "base/integers.h"
#include "ops/cpu/float32/direct/direct_shared_f32.h"

#include <math.h>

/* Where tiles cannot do all that follows, their sums stay in L1 until that is done: so many rows of
 * panels that are as wide together as the widest tile, since it starts slowly. */
enum { RAW_ROWS = 56, RAW_COLUMNS = NN_TILE_MAX_COLUMNS };

bool nn_direct_is_product(const nn_direct_plan *plan) {
    const nn_direct_problem *p = &plan->problem;
    return plan->taps == 1 && plan->passes == 1 && p->groups == 1 && p->axes[NN_DEPTH].out == 1 &&
           p->axes[NN_HEIGHT].out == 1 && plan->last_columns == p->columns &&
           !nn_direct_is_one_pixel(p);
}

int64_t nn_direct_panels_at_once(const nn_direct_plan *plan) {
    return plan->tile_finishes ? 1 : RAW_COLUMNS / plan->shape->columns;
}

/* Panels [begin, end) that are done at once, and their tiles but for the rows. */
typedef struct panel_group {
    int64_t begin, end, column, columns;
    const nn_tile_shape *shapes[NN_DIRECT_PANELS_AT_ONCE];
    nn_tile_f32 tiles[NN_DIRECT_PANELS_AT_ONCE];
} panel_group;

/* Shares products, if those rows can. */
static void share(const nn_direct_plan *plan, const nn_direct_shared *shared,
                  const nn_direct_own *own, float *room, nn_tile_f32 *tile) {
    tile->factors = shared->factors;
    tile->result_scale = 1;
    if (!nn_direct_can_share(own, shared)) return;
    tile->w = nn_direct_scale(plan, &(nn_direct_part){tile->w, 0, plan->k * plan->shape->columns},
                              own, room);
    tile->own[0] = own->rows;
    tile->column_own = shared->own;
    tile->own_scale = own->weight_scale * own->weight_scale;
    tile->result_scale = own->result_scale;
    if (own->a == NULL) return;
    tile->a[0] = own->a;
    tile->a_step = plan->copied_step;
}

/* Weights that are read after those of the panel: mostly the next panel's. */
static void fetch_next(const nn_direct_plan *plan, int64_t panel, const nn_tile_shape *shape,
                       nn_tile_f32 *tile) {
    if (panel + 1 >= plan->panels) return;
    const nn_tile_shape *next = panel + 2 == plan->panels ? plan->last_shape : plan->shape;
    tile->prefetch = tile->w + plan->k * shape->columns;
    tile->prefetch_bytes = plan->k * next->columns * (int64_t)sizeof(float);
}

static void set_group(const nn_direct_job *job, const nn_tile_f32 *common, const nn_direct_own *own,
                      float *room, panel_group *group) {
    const nn_direct_plan *plan = job->plan;
    const int64_t width = plan->shape->columns;
    group->column = group->begin * width;
    group->columns = nn_min(group->end * width, plan->problem.columns) - group->column;
    for (int64_t panel = group->begin; panel < group->end; panel++) {
        const int64_t i = panel - group->begin, first = panel * width;
        const nn_tile_shape *shape = panel == plan->panels - 1 ? plan->last_shape : plan->shape;
        nn_tile_f32 *tile = &group->tiles[i];
        group->shapes[i] = shape;
        *tile = *common;
        tile->w = job->packed + first * plan->k;
        fetch_next(plan, panel, shape, tile);
        if (plan->shares && shape == plan->shape) {
            const nn_direct_shared shared = nn_direct_shared_at(plan, job->packed, 0, panel);
            share(plan, &shared, own, room, tile);
            room += plan->k * width;
        }
        tile->start = job->bias + first;
        tile->columns = (int)nn_min(shape->columns, plan->problem.columns - first);
    }
}

/* `rows` rows from row `first` of the unit on, whose results are at `y`. */
static void run_rows(const nn_direct_job *job, const panel_group *group, int64_t first,
                     int64_t rows, int64_t y) {
    const nn_direct_plan *plan = job->plan;
    _Alignas(NN_ALIGNMENT) float raw[RAW_ROWS * RAW_COLUMNS];
    for (int64_t i = 0; i < group->end - group->begin; i++) {
        const int64_t column = i * plan->shape->columns;
        nn_tile_f32 tile = group->tiles[i];
        tile.a[0] += first * tile.a_step;
        if (tile.own[0] != NULL) tile.own[0] += first;
        if (first > 0) tile.prefetch_bytes = 0;
        if (plan->tile_finishes) {
            tile.y[0] = job->y + y + column;
            tile.residual[0] = job->residual != NULL ? job->residual + y + column : NULL;
        } else {
            tile.y[0] = raw + column;
            tile.y_step = RAW_COLUMNS;
        }
        nn_tile_run_rows(group->shapes[i], tile, rows);
    }
    if (plan->tile_finishes) return;
    const nn_epilogue_block block = {
        .x = raw,
        .x_step = RAW_COLUMNS,
        .residual = job->residual != NULL ? job->residual + y : NULL,
        .y = job->y + y,
        .y_step = plan->problem.out_pitch,
        .rows = rows,
        .columns = group->columns,
    };
    plan->tiles->finish(&plan->epilogue, &block);
}

void nn_direct_multiply(const nn_direct_job *job, const nn_direct_unit *unit,
                        const nn_direct_input *view, const nn_direct_space *space) {
    const nn_direct_plan *plan = job->plan;
    const nn_direct_problem *p = &plan->problem;
    const nn_tile_tap tap = {0, 0};
    const nn_tile_f32 common = {
        .a = {view->base + view->column_offset + unit->column_begin * view->column_step},
        .a_step = view->column_step,
        .taps = &tap,
        .tap_count = 1,
        .k = plan->k,
        .residual_step = p->out_pitch,
        .y_step = p->out_pitch,
        .low = plan->tile_finishes ? plan->low : -INFINITY,
        .high = plan->tile_finishes ? plan->high : INFINITY,
        .claims = p->out_image * (int64_t)sizeof(float) > nn_cpu_get()->l2_bytes,
    };
    const int64_t at_once = nn_direct_panels_at_once(plan);
    const int64_t count = unit->column_end - unit->column_begin;
    const int64_t block = plan->tile_finishes ? count : nn_min(count, RAW_ROWS);
    const int64_t y = unit->image * p->out_image + unit->column_begin * p->out_pitch;
    nn_direct_own own = {0};
    if (plan->shares) own = nn_direct_own_of(plan, space, 0);
    for (int64_t panel = unit->panel_begin; panel < unit->panel_end; panel += at_once) {
        panel_group group; /* not set to zeros, which would take as long as some rows */
        group.begin = panel;
        group.end = nn_min(panel + at_once, unit->panel_end);
        set_group(job, &common, &own, space->scaled, &group);
        for (int64_t first = 0; first < count; first += block)
            run_rows(job, &group, first, nn_min(block, count - first),
                     y + first * p->out_pitch + group.column);
    }
}
