#include "ops/cpu/bf16/direct_bf16.h"

#include "base/integers.h"

enum { ELEMENT = 2 /* bytes of a bf16 */ };

typedef struct bf16_job {
    const nn_bf16_plan *plan;
    const nn_bf16_operands *operands;
    char *workspace;
    size_t worker_bytes;
    int threads;
} bf16_job;

/* A worker's part of the workspace, before its scratch and its band. */
typedef struct bf16_worker {
    _Alignas(NN_ALIGNMENT) int64_t band; /* which one it has copied in this run; -1: none */
} bf16_worker;

static bf16_worker *worker_of(const bf16_job *job, int worker) {
    return (bf16_worker *)(job->workspace + job->worker_bytes * (size_t)worker);
}

/* What one thread works on. */
typedef struct bf16_unit {
    int64_t image, group, depth, row, column, panel; /* the first of each */
    int64_t rows, columns, panels;
    bool is_last; /* along rows or columns */
} bf16_unit;

static bf16_unit unit_at(const nn_bf16_plan *plan, int64_t index) {
    const nn_window_axis *axes = plan->problem.axes;
    bf16_unit unit;
    unit.panel = index % plan->panel_blocks * plan->panel_block;
    index /= plan->panel_blocks;
    int64_t columns = index % plan->column_blocks;
    index /= plan->column_blocks;
    int64_t rows = index % plan->row_blocks;
    index /= plan->row_blocks;
    unit.depth = index % axes[NN_DEPTH].out;
    index /= axes[NN_DEPTH].out;
    unit.group = index % plan->problem.groups;
    unit.image = index / plan->problem.groups;
    unit.row = rows * plan->row_block;
    unit.column = columns * plan->column_block;
    unit.rows = nn_min(plan->row_block, axes[NN_HEIGHT].out - unit.row);
    unit.columns = nn_min(plan->column_block, axes[NN_WIDTH].out - unit.column);
    unit.panels = nn_min(plan->panel_block, plan->panels - unit.panel);
    unit.is_last = rows == plan->row_blocks - 1 && columns == plan->column_blocks - 1;
    return unit;
}

static int64_t first_input(const nn_window_axis *axis, int64_t position) {
    return position * axis->stride - axis->pad_begin;
}
static int64_t reach(const nn_window_axis *axis, int64_t count) {
    return (count - 1) * axis->stride + (axis->kernel - 1) * axis->dilation + 1;
}

/* Is there a tap that reads positions with this rest? */
static bool phase_is_read(const nn_window_axis *axis, int64_t phase, int64_t phases) {
    for (int64_t tap = 0; tap < axis->kernel; tap++)
        if (tap * axis->dilation % phases == phase) return true;
    return false;
}

/* ---- band ---- */

/* Pixels left + i step, 0 <= i < count, of a row of `in` pixels; those outside are zero. */
typedef struct row_copy {
    nn_bf16_copy pixels;
    int64_t in, left, step, count, pixel_bytes;
} row_copy;

/* `from` is pixel 0 of the row; NULL: a row outside. */
static void copy_row(const row_copy *copy, const char *from, char *to) {
    const int64_t pixel = copy->pixels.to_pitch * ELEMENT;
    int64_t before = 0, inside = 0;
    if (from != NULL) {
        if (copy->left < 0)
            before = nn_min((copy->step - 1 - copy->left) / copy->step, copy->count);
        int64_t first = copy->left + before * copy->step;
        if (first < copy->in)
            inside = nn_min((copy->in - first - 1) / copy->step + 1, copy->count - before);
        if (inside > 0)
            nn_bf16_copy_pixels(&copy->pixels, from + first * copy->pixel_bytes,
                                (uint16_t *)(to + before * pixel), inside);
    }
    memset(to, 0, (size_t)(before * pixel));
    memset(to + (before + inside) * pixel, 0, (size_t)((copy->count - before - inside) * pixel));
}

/* Copies what the unit reads, each phase of rows and columns as a plane of its own. */
static void copy_band(const nn_bf16_plan *plan, const bf16_unit *unit, const char *x, char *band) {
    const nn_direct_problem *p = &plan->problem;
    const nn_bf16_view *view = &plan->view;
    const nn_window_axis *depth = &p->axes[NN_DEPTH], *height = &p->axes[NN_HEIGHT];
    const nn_window_axis *width = &p->axes[NN_WIDTH];
    const int64_t element = plan->types.x_is_float ? (int64_t)sizeof(float) : ELEMENT;
    const int64_t line = width->in * p->in_pitch * element, plane = height->in * line;
    const int64_t rows = reach(height, unit->rows), columns = reach(width, unit->columns);
    const char *image = x + unit->image * depth->in * plane + unit->group * p->k * element;
    row_copy copy = {
        .pixels = {.from_float = plan->types.x_is_float,
                   .k = p->k,
                   .padded = plan->padded,
                   .from_pitch = p->in_pitch * view->column_phases,
                   .to_pitch = view->pixel / ELEMENT},
        .in = width->in,
        .step = view->column_phases,
        .pixel_bytes = p->in_pitch * element,
    };
    for (int64_t slice = 0; slice < depth->kernel; slice++) {
        const int64_t d = first_input(depth, unit->depth) + slice * depth->dilation;
        for (int64_t row = 0; row < rows; row++) {
            const int64_t h = first_input(height, unit->row) + row,
                          row_phase = row % view->row_phases;
            if (!phase_is_read(height, row_phase, view->row_phases)) continue;
            const bool inside = d >= 0 && d < depth->in && h >= 0 && h < height->in;
            const char *from = inside ? image + d * plane + h * line : NULL;
            for (int64_t phase = 0; phase < view->column_phases; phase++) {
                if (!phase_is_read(width, phase, view->column_phases)) continue;
                copy.left = first_input(width, unit->column) + phase;
                copy.count = (columns - phase + view->column_phases - 1) / view->column_phases;
                copy_row(
                    &copy, from,
                    band +
                        ((slice * view->row_phases + row_phase) * view->column_phases + phase) *
                            view->plane +
                        row / view->row_phases * view->line);
            }
        }
    }
}

/* Where the first tap of the first output reads x. */
static const char *input_of(const nn_bf16_plan *plan, const bf16_unit *unit, const char *x) {
    const nn_direct_problem *p = &plan->problem;
    const nn_bf16_view *view = &plan->view;
    return x + unit->image * p->axes[NN_DEPTH].in * view->plane + unit->depth * view->slice +
           unit->row * view->row + unit->column * view->column + unit->group * p->k * ELEMENT;
}

/* ---- units ---- */

static void run_unit(const bf16_job *job, const bf16_unit *unit, const char *a, float *scratch,
                     bool is_followed) {
    const nn_bf16_plan *plan = job->plan;
    const nn_direct_problem *p = &plan->problem;
    const nn_bf16_operands *operands = job->operands;
    const int64_t y_bytes = plan->types.y_is_float ? (int64_t)sizeof(float) : ELEMENT;
    const int64_t residual_bytes = plan->types.residual_is_float ? (int64_t)sizeof(float) : ELEMENT;
    const int64_t y = unit->image * p->out_image + unit->depth * p->out_plane +
                      unit->row * p->out_row + unit->column * p->out_pitch +
                      unit->group * p->columns + unit->panel * NN_BF16_PANEL;
    const bool has_last = unit->panel + unit->panels == plan->panels;
    nn_bf16_work work = {
        .tiles = unit->is_last ? &plan->last : &plan->full,
        .a = a,
        .a_step = plan->view.column,
        .k = plan->k,
        .steps = plan->steps,
        .step_count = plan->step_count,
        .w = (const char *)operands->packed + unit->group * plan->group_bytes +
             unit->panel * plan->panel_bytes,
        .panel_bytes = plan->panel_bytes,
        .bias = operands->bias + (unit->group * plan->panels + unit->panel) * NN_BF16_PANEL,
        .panels = unit->panels,
        .last_columns = has_last ? plan->last_columns : NN_BF16_PANEL,
        .panels_outer = plan->panels_outer,
        .is_followed = is_followed,
        .y_is_float = plan->types.y_is_float,
        .residual_is_float = plan->types.residual_is_float,
        .y = (char *)operands->y + y * y_bytes,
        .residual = operands->residual != NULL
                        ? (const char *)operands->residual + y * residual_bytes
                        : NULL,
        .epilogue = &plan->epilogue,
        .scratch = scratch,
    };
    plan->unit->run_tiles(&work);
}

/* Is the unit after this one likely run by the same thread? Shares are consecutive and even. */
static bool is_followed(const bf16_job *job, int64_t index) {
    const int64_t units = job->plan->units, next = index + 1;
    if (next % job->plan->panel_blocks == 0) return false;
    for (int i = 1; i < job->threads; i++)
        if (units * i / job->threads == next) return false;
    return true;
}

static void run_units(void *argument, int64_t begin, int64_t end, int worker) {
    const bf16_job *job = argument;
    const nn_bf16_plan *plan = job->plan;
    bf16_worker *own = worker_of(job, worker);
    float *scratch = (float *)(own + 1);
    char *band = (char *)scratch + NN_BF16_SCRATCH;
    for (int64_t i = begin; i < end; i++) {
        const bf16_unit unit = unit_at(plan, i);
        /* Units that differ in panels only share their band. */
        const int64_t wanted = i / plan->panel_blocks;
        if (plan->uses_band && own->band != wanted) {
            copy_band(plan, &unit, job->operands->x, band);
            own->band = wanted;
        }
        run_unit(job, &unit, plan->uses_band ? band : input_of(plan, &unit, job->operands->x),
                 scratch, is_followed(job, i));
    }
}

size_t nn_bf16_workspace(const nn_bf16_plan *plan, int threads) {
    const size_t band = nn_aligned(plan->uses_band ? (size_t)plan->band_bytes : 0);
    return (sizeof(bf16_worker) + NN_BF16_SCRATCH + band) * (size_t)threads;
}

void nn_bf16_run(const nn_bf16_plan *plan, const nn_bf16_operands *operands, nn_pool *pool,
                 void *workspace) {
    bf16_job job = {
        .plan = plan,
        .operands = operands,
        .workspace = workspace,
        .worker_bytes = nn_bf16_workspace(plan, 1),
        .threads = nn_pool_threads(pool),
    };
    for (int i = 0; i < job.threads; i++) worker_of(&job, i)->band = -1;
    nn_parallel(pool, plan->units, 1, run_units, &job);
}
