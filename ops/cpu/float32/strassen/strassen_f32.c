#include "ops/cpu/float32/strassen/strassen_f32.h"

#include "base/integers.h"

#include <math.h>
#include <string.h>

typedef struct strassen_job {
    const nn_strassen_plan *plan;
    const nn_strassen_operands *operands;
    const float *factors; /* of the sums of each column, before the bias; NULL: none */
    char *workspace;      /* of worker 0 */
} strassen_job;

/* A worker's part of the workspace. */
typedef struct strassen_space {
    float *copied; /* rows of A that lie apart */
    float *forms;
    float *p, *q; /* p0 + p5 (+ p6), and p4, of a panel */
    float *raw;   /* results before an epilogue that tiles cannot do */
    float *made;  /* forms of B of a panel, or its B1 */
} strassen_space;

static strassen_space space_at(const nn_strassen_plan *plan, char *own) {
    char *forms = own + plan->copied_bytes, *sums = forms + plan->forms_bytes;
    return (strassen_space){
        .copied = (float *)own,
        .forms = (float *)forms,
        .p = (float *)sums,
        .q = (float *)(sums + plan->sums_bytes),
        .raw = (float *)(sums + 2 * plan->sums_bytes),
        .made = (float *)(sums + 2 * plan->sums_bytes + plan->raw_bytes),
    };
}

/* A block's rows, the upper ones first, with the columns of a panel. */
typedef struct strassen_part {
    const strassen_job *job;
    const strassen_space *space;
    int64_t row, upper, lower;
    const float *a; /* the first row */
    int64_t a_step;
    const nn_tile_shape *shape;
    int64_t column;                        /* of the left half */
    const float *parts;                    /* of the panel, */
    int64_t part_floats;                   /* of so many floats */
    const float *slots[NN_STRASSEN_SLOTS]; /* the forms that these are, or that were made of them */
    const float *next;                     /* what is packed of the next panel, */
    int64_t next_floats;                   /* 0: this is the last one, */
    const float *next_a;                   /* and then the rows of the next block */
    int64_t next_a_floats;
} strassen_part;

/* ---- results ---- */

/* Some rows of one of the four quarters of C, `first` rows behind its first. */
typedef struct result {
    int64_t place; /* in y */
    int64_t column, first, rows;
} result;

static result quarter_of(const strassen_part *part, bool lower, bool right) {
    const nn_strassen_plan *plan = part->job->plan;
    const int64_t column = part->column + (right ? plan->half_columns : 0);
    const int64_t row = part->row + (lower ? part->upper : 0);
    return (result){
        .place = row * plan->product.y_step + column,
        .column = column,
        .rows = lower ? part->lower : part->upper,
    };
}

static const float *residual_of(const strassen_part *part, const result *c) {
    const float *residual = part->job->operands->residual;
    return residual != NULL ? residual + c->place : NULL;
}

/* Do results leave their registers as they shall be? */
static bool finishes_at_once(const strassen_part *part) {
    return part->job->plan->tile_finishes && part->job->factors == NULL;
}

/* What sums that go through `raw` start with. */
static const float *start_of(const strassen_part *part, const result *c) {
    const nn_strassen_operands *operands = part->job->operands;
    return part->job->factors == NULL ? operands->bias + c->column : NULL;
}

static void scale(const strassen_part *part, const result *c) {
    const nn_strassen_operands *operands = part->job->operands;
    const int64_t columns = part->shape->columns;
    for (int64_t i = 0; i < c->rows; i++) {
        float *row = part->space->raw + i * columns;
        part->job->plan->form->tiles->rows->affine(row, 1, 0, part->job->factors + c->column,
                                                   operands->bias + c->column, row, columns);
    }
}

/* What tiles or sums left in `raw` on its way to y. */
static void finish(const strassen_part *part, const result *c) {
    const nn_strassen_plan *plan = part->job->plan;
    if (part->job->factors != NULL) scale(part, c);
    const nn_epilogue_block block = {
        .x = part->space->raw,
        .x_step = part->shape->columns,
        .residual = residual_of(part, c),
        .y = part->job->operands->y + c->place,
        .y_step = plan->product.y_step,
        .rows = c->rows,
        .columns = part->shape->columns,
    };
    plan->form->tiles->finish(&plan->epilogue, &block);
}

/* The next of the parts of `all` that go through `raw`; a part of no rows behind the last. */
static result next_part(const strassen_part *part, const result *all, const result *last) {
    const nn_strassen_plan *plan = part->job->plan;
    const int64_t first = last->first + last->rows;
    return (result){
        .place = all->place + first * plan->product.y_step,
        .column = all->column,
        .first = first,
        .rows = nn_min(plan->raw_rows, all->rows - first),
    };
}

/* ---- products ---- */

/* Rows of a form of A by a slot, added to `addends`, which lie as `p` does. */
typedef struct factor {
    const float *a;
    int64_t a_step;
    const float *w;
    const float *next; /* weights that are read after w */
    int64_t next_floats;
    const float *addends[NN_TILE_ADDENDS];
} factor;

/* From row `first` on. */
static nn_tile_f32 tile_of(const strassen_part *part, const factor *f, int64_t first) {
    static const nn_tile_tap tap = {0, 0};
    const int64_t columns = part->shape->columns;
    nn_tile_f32 tile = {
        .a = {f->a + first * f->a_step},
        .a_step = f->a_step,
        .w = f->w,
        .taps = &tap,
        .tap_count = 1,
        .k = part->job->plan->half_k,
        .addend_step = columns,
        .columns = (int)columns,
        .low = -INFINITY,
        .high = INFINITY,
    };
    for (int i = 0; i < NN_TILE_ADDENDS && f->addends[i] != NULL; i++)
        tile.addends[i] = f->addends[i] + first * columns;
    if (first > 0) return tile;
    tile.prefetch = f->next;
    tile.prefetch_bytes = f->next_floats * (int64_t)sizeof(float);
    return tile;
}

static void multiply(const strassen_part *part, const factor *f, int64_t rows, float *sums) {
    nn_tile_f32 tile = tile_of(part, f, 0);
    tile.y[0] = sums;
    tile.y_step = part->shape->columns;
    nn_tile_run_rows(part->shape, tile, rows);
}

static void multiply_to_result(const strassen_part *part, const factor *f, const result *c) {
    const nn_strassen_plan *plan = part->job->plan;
    if (finishes_at_once(part)) {
        nn_tile_f32 tile = tile_of(part, f, 0);
        tile.start = part->job->operands->bias + c->column;
        tile.y[0] = part->job->operands->y + c->place;
        tile.residual[0] = residual_of(part, c);
        tile.y_step = tile.residual_step = plan->product.y_step;
        tile.low = plan->low;
        tile.high = plan->high;
        tile.claims = plan->claims;
        nn_tile_run_rows(part->shape, tile, c->rows);
        return;
    }
    result some = {0};
    while ((some = next_part(part, c, &some)).rows > 0) {
        nn_tile_f32 tile = tile_of(part, f, some.first);
        tile.start = start_of(part, c);
        tile.y[0] = part->space->raw;
        tile.y_step = part->shape->columns;
        nn_tile_run_rows(part->shape, tile, some.rows);
        finish(part, &some);
    }
}

/* p + q, which is C3 without a product. */
static void add_to_result(const strassen_part *part, const result *c) {
    const nn_strassen_plan *plan = part->job->plan;
    const int64_t columns = part->shape->columns;
    nn_strassen_sum sum = {
        .p = part->space->p,
        .q = part->space->q,
        .start = start_of(part, c),
        .columns = columns,
        .low = -INFINITY,
        .high = INFINITY,
    };
    if (finishes_at_once(part)) {
        sum.y = part->job->operands->y + c->place;
        sum.residual = residual_of(part, c);
        sum.y_step = sum.residual_step = plan->product.y_step;
        sum.low = plan->low;
        sum.high = plan->high;
        sum.rows = c->rows;
        plan->form->sum(&sum);
        return;
    }
    sum.y = part->space->raw;
    sum.y_step = columns;
    result some = {0};
    while ((some = next_part(part, c, &some)).rows > 0) {
        sum.rows = some.rows;
        plan->form->sum(&sum);
        finish(part, &some);
        sum.p += some.rows * columns;
        sum.q += some.rows * columns;
    }
}

/* ---- one panel of a block ---- */

/* Packed forms come one after the other. Where forms are made, each product of a quarter of B
 * fetches one of the next panel's. Those of the last panel fetch rows of A, for whose forms all
 * else waits. */
static void find_next(const strassen_part *part, nn_strassen_slot slot, factor *f) {
    static const nn_strassen_slot following[NN_STRASSEN_SLOTS] = {
        [NN_STRASSEN_P0] = NN_STRASSEN_P1, [NN_STRASSEN_P1] = NN_STRASSEN_P5,
        [NN_STRASSEN_P5] = NN_STRASSEN_P4, [NN_STRASSEN_P4] = NN_STRASSEN_P2,
        [NN_STRASSEN_P2] = NN_STRASSEN_P6, [NN_STRASSEN_P6] = NN_STRASSEN_P3,
        [NN_STRASSEN_P3] = NN_STRASSEN_P0,
    };
    enum { QUARTERS = 4 };
    const bool packs_forms = part->job->plan->packs_forms;
    if (part->next_floats == 0 && part->next_a_floats > 0) {
        f->next_floats = part->next_a_floats / NN_STRASSEN_SLOTS;
        f->next = part->next_a + slot * f->next_floats;
    } else if (packs_forms && slot != NN_STRASSEN_P3) {
        f->next = part->slots[following[slot]];
        f->next_floats = part->part_floats;
    } else if (packs_forms) {
        f->next = part->next;
        f->next_floats = part->next_floats / NN_STRASSEN_SLOTS;
    } else if ((int)slot < QUARTERS) {
        f->next_floats = part->next_floats / QUARTERS;
        f->next = part->next + slot * f->next_floats;
    }
}

static factor factor_of(const strassen_part *part, const float *a, int64_t a_step,
                        nn_strassen_slot slot) {
    factor f = {.a = a, .a_step = a_step, .w = part->slots[slot]};
    find_next(part, slot, &f);
    return f;
}

static factor part_of_a(const strassen_part *part, bool lower, bool right, nn_strassen_slot slot) {
    const nn_strassen_plan *plan = part->job->plan;
    const float *a = part->a + (lower ? part->upper * part->a_step : 0);
    return factor_of(part, a + (right ? plan->half_k : 0), part->a_step, slot);
}

static factor form_of_a(const strassen_part *part, int form, nn_strassen_slot slot) {
    const nn_strassen_plan *plan = part->job->plan;
    return factor_of(part, part->space->forms + form * plan->form_step, plan->row_step, slot);
}

static factor plus(factor f, const float *p, const float *q) {
    f.addends[0] = p;
    f.addends[1] = q;
    return f;
}

/* The forms of B that are not packed. */
static void make_forms(strassen_part *part) {
    nn_strassen_weights weights = nn_strassen_weights_of(part->parts, part->part_floats);
    for (int i = NN_STRASSEN_P5; i < NN_STRASSEN_SLOTS; i++) {
        weights.made[i] = part->space->made + (i - NN_STRASSEN_P5) * part->part_floats;
        part->slots[i] = weights.made[i];
    }
    part->job->plan->form->make(&weights);
}

static void run_panel(strassen_part *part) {
    if (!part->job->plan->packs_forms) make_forms(part);
    float *p = part->space->p, *q = part->space->q;
    const result c0 = quarter_of(part, false, false), c1 = quarter_of(part, false, true);
    const result c2 = quarter_of(part, true, false), c3 = quarter_of(part, true, true);
    factor f = part_of_a(part, false, false, NN_STRASSEN_P0);
    multiply(part, &f, part->upper, p);
    f = plus(part_of_a(part, false, true, NN_STRASSEN_P1), p, NULL);
    multiply_to_result(part, &f, &c0);
    f = plus(form_of_a(part, NN_STRASSEN_A5, NN_STRASSEN_P5), p, NULL);
    multiply(part, &f, part->upper, p);
    f = form_of_a(part, NN_STRASSEN_A4, NN_STRASSEN_P4);
    multiply(part, &f, part->upper, q);
    f = plus(form_of_a(part, NN_STRASSEN_A2, NN_STRASSEN_P2), p, q);
    multiply_to_result(part, &f, &c1);
    if (part->lower == 0) return;
    f = plus(form_of_a(part, NN_STRASSEN_A6, NN_STRASSEN_P6), p, NULL);
    multiply(part, &f, part->lower, p);
    f = plus(part_of_a(part, true, true, NN_STRASSEN_P3), p, NULL);
    multiply_to_result(part, &f, &c2);
    add_to_result(part, &c3);
}

/* The same by 8 products, so that what is not finite reaches the results it should and no others.
 */
static void run_panel_plainly(const strassen_part *part) {
    const float *b1 = nn_strassen_weights_of(part->parts, part->part_floats).b[1];
    if (part->job->plan->packs_forms) {
        const float *b3 = part->slots[NN_STRASSEN_P2], *b3_less_b1 = part->slots[NN_STRASSEN_P6];
        for (int64_t i = 0; i < part->part_floats; i++)
            part->space->made[i] = b3[i] - b3_less_b1[i];
        b1 = part->space->made;
    }
    for (int index = 0; index < 4; index++) {
        const bool lower = index / 2 > 0, right = index % 2 > 0;
        const result c = quarter_of(part, lower, right);
        if (c.rows == 0) continue;
        factor f = part_of_a(part, lower, false, NN_STRASSEN_P0);
        if (right) f.w = b1;
        multiply(part, &f, c.rows, part->space->p);
        f = part_of_a(part, lower, true, right ? NN_STRASSEN_P2 : NN_STRASSEN_P1);
        f.addends[0] = part->space->p;
        multiply_to_result(part, &f, &c);
    }
}

/* Finds the weights of a panel. */
static void take_panel(strassen_part *part, int64_t panel) {
    const nn_strassen_plan *plan = part->job->plan;
    const float *packed = part->job->operands->packed;
    const int64_t next = nn_min(panel + 1, plan->panels - 1);
    const int64_t end =
        next < plan->panels - 1 ? nn_strassen_panel_place(plan, next + 1) : plan->weight_floats;
    part->shape = panel == plan->panels - 1 ? plan->last_shape : plan->shape;
    part->column = nn_strassen_panel_begin(plan, panel);
    part->parts = nn_strassen_weights_at(plan, packed, panel);
    part->part_floats = plan->half_k * part->shape->columns;
    part->next = nn_strassen_weights_at(plan, packed, next);
    part->next_floats = next == panel ? 0 : end - nn_strassen_panel_place(plan, next);
    for (int i = 0; i < NN_STRASSEN_SLOTS; i++)
        part->slots[i] = part->parts + i * part->part_floats;
}

/* ---- all of it ---- */

static void copy_pixels(const nn_strassen_plan *plan, const float *a, int64_t row, int64_t rows,
                        float *copied) {
    const nn_strassen_pixels *pixels = &plan->product.pixels;
    for (int64_t i = 0; i < rows; i++) {
        const int64_t column = (row + i) % pixels->width, line = (row + i) / pixels->width;
        const int64_t place = line / pixels->height * pixels->image_step +
                              line % pixels->height * pixels->row_step +
                              column * pixels->column_step;
        memcpy(copied + i * plan->copied_step, a + place, (size_t)plan->product.k * sizeof *copied);
    }
}

/* Makes the forms of a block of A. Returns whether they may be used. */
static bool take_block(strassen_part *part, int64_t block) {
    const nn_strassen_plan *plan = part->job->plan;
    const nn_strassen_product *product = &plan->product;
    const nn_strassen_operands *operands = part->job->operands;
    const int64_t row = block * plan->block_rows;
    const int64_t rows = nn_min(plan->block_rows, product->rows - row);
    part->row = row;
    part->next_a_floats = 0;
    part->upper = nn_divide_up(rows, 2);
    part->lower = rows / 2;
    if (product->pixels.width > 0) {
        copy_pixels(plan, operands->a, row, rows, part->space->copied);
        part->a = part->space->copied;
        part->a_step = plan->copied_step;
    } else {
        const int64_t behind = nn_min(plan->block_rows, product->rows - row - rows);
        part->a = operands->a + row * product->a_step;
        part->a_step = product->a_step;
        if (behind > 0) {
            part->next_a = part->a + rows * product->a_step;
            part->next_a_floats = (behind - 1) * product->a_step + product->k;
        }
    }
    const nn_strassen_split split = {
        .compares_rows = product->compares_rows,
        .a = part->a,
        .a_step = part->a_step,
        .upper = part->upper,
        .lower = part->lower,
        .half_k = plan->half_k,
        .forms = part->space->forms,
        .form_step = plan->form_step,
        .row_step = plan->row_step,
    };
    const nn_strassen_seen seen = plan->form->split(&split);
    return seen.greatest < nn_strassen_found_of(operands->packed)->limit &&
           seen.ratio <= NN_STRASSEN_MOST_RATIO;
}

static void run_task(void *argument, int64_t begin, int64_t end, int worker) {
    const strassen_job *job = argument;
    const nn_strassen_plan *plan = job->plan;
    const strassen_space space =
        space_at(plan, job->workspace + plan->worker_bytes * (size_t)worker);
    strassen_part part = {.job = job, .space = &space};
    bool is_moderate = false;
    for (int64_t unit = begin; unit < end; unit++) {
        const int64_t first = unit % plan->panel_blocks * plan->panel_block;
        const int64_t last = nn_min(first + plan->panel_block, plan->panels);
        /* Units that differ in panels only follow each other. */
        if (unit == begin || first == 0) is_moderate = take_block(&part, unit / plan->panel_blocks);
        for (int64_t panel = first; panel < last; panel++) {
            take_panel(&part, panel);
            if (is_moderate)
                run_panel(&part);
            else
                run_panel_plainly(&part);
        }
    }
}

void nn_strassen_run(const nn_strassen_plan *plan, const nn_strassen_operands *operands,
                     nn_pool *pool, void *workspace) {
    strassen_job job = {plan, operands, nn_strassen_factors(operands->packed), workspace};
    nn_parallel(pool, plan->blocks * plan->panel_blocks, 1, run_task, &job);
}
