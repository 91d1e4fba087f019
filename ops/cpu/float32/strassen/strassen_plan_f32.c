/* When products are done by Strassen's algorithm, and how they are cut up. */
#include "base/integers.h"
#include "ops/cpu/float32/shared/shared_f32.h"
#include "ops/cpu/float32/strassen/strassen_f32.h"

#include <math.h>

/* Floats from row to row: neighbours do not share a set of L1. */
static int64_t row_step_of(int64_t k) {
    enum { LINE = NN_ALIGNMENT / (int)sizeof(float) };
    const int64_t lines = nn_divide_up(k, LINE);
    return (lines + (lines % 2 == 0)) * LINE;
}

/* ---- choice ---- */

enum { LEAST_HALF = 16 }; /* of k and of columns: less is all transforms */

static int lanes_of(nn_isa isa) {
    return isa >= NN_ISA_AVX512 ? 16 : 8;
}

bool nn_strassen_suits(const nn_strassen_product *p, nn_isa isa) {
    return p->rows >= 2 && p->k % 2 == 0 && p->k / 2 >= LEAST_HALF &&
           p->columns % (2 * lanes_of(isa)) == 0 && p->columns / 2 >= LEAST_HALF;
}

/* Times in vector FMAs of one core of a vector of each quarter: of A and B that become forms, of C
 * between the products. Measured with AVX2 on a Zen 4, which does two FMAs a cycle in tiles of two
 * vectors. */
static const double time_of_a = 30, time_of_b = 20, time_of_c = 55;

static const double needed_gain = 0.95;

/* The forms of B are packed where they are small, and where few rows do not hide that they are made
 * in each run; but not what is too large for a cache to keep it from run to run. */
enum { ROWS_THAT_HIDE = 128, LEAST_ROWS = 48, SMALL_BYTES = 1 << 20, CACHED_BYTES = 4 << 20 };

static int64_t bytes_of_forms(const nn_strassen_product *p) {
    return p->k / 2 * (p->columns / 2) * NN_STRASSEN_SLOTS * (int64_t)sizeof(float);
}

static bool packs_forms(const nn_strassen_product *p) {
    return p->rows < ROWS_THAT_HIDE || bytes_of_forms(p) <= (int64_t)SMALL_BYTES;
}

/* Rows of a block: where forms of B are made for it, as many as leave those of A in most of L2.
 * Else few: the forms of the first block wait for its rows, those of the others are fetched before.
 */
static int64_t most_rows(const nn_strassen_product *p) {
    enum { FEWEST = 2 * 98, MOST = 2 * 192, PACKED = 2 * 56 };
    if (packs_forms(p)) return PACKED;
    const int64_t l2 = nn_cpu_get()->l2_bytes;
    const int64_t pair_bytes = NN_STRASSEN_FORMS * row_step_of(p->k / 2) * (int64_t)sizeof(float);
    return nn_min(nn_max((l2 > 0 ? l2 : 1 << 20) * 3 / 4 / pair_bytes * 2, FEWEST), MOST);
}

static int64_t parts_of(bool packs_forms) {
    return packs_forms ? NN_STRASSEN_SLOTS : 4;
}

bool nn_strassen_pays(const nn_strassen_product *p, nn_isa isa, int threads) {
    /* Products are shared there (shared/shared_f32.h), which gains more. */
    if (nn_shared_gains(isa)) return false;
    if (!nn_strassen_suits(p, isa) || p->rows < (int64_t)LEAST_ROWS * threads) return false;
    const bool packs = packs_forms(p);
    if (packs && bytes_of_forms(p) > (int64_t)CACHED_BYTES) return false;
    const double made = packs ? 0 : (double)nn_divide_up(p->rows, most_rows(p));
    const double rows = (double)p->rows, k = (double)p->k, columns = (double)p->columns;
    const double quarters =
        (rows * k * time_of_a + rows * columns * time_of_c + made * k * columns * time_of_b) / 4;
    const double products = rows * k * columns;
    return products * 7 / 8 + quarters < needed_gain * products;
}

/* ---- cut ---- */

static void choose_panels(nn_strassen_plan *plan) {
    const nn_tiles_f32 *tiles = plan->form->tiles;
    const int64_t lanes = tiles->lanes, vectors = plan->half_columns / lanes;
    /* Sums over half of k are short, and tiles of four vectors store lines that lie together; where
     * registers are few, two vectors leave the most rows. */
    const int64_t widest = tiles->count >= 4 ? 4 : 2;
    const int64_t panels = nn_divide_up(vectors, widest), rest = vectors % widest;
    plan->panels = panels;
    plan->shape = tiles->shapes[nn_min(vectors, widest) - 1];
    plan->last_shape = rest > 0 ? tiles->shapes[rest - 1] : plan->shape;
}

static void choose_blocks(nn_strassen_plan *plan, int threads) {
    const int64_t rows = plan->product.rows;
    plan->blocks = nn_divide_up(rows, most_rows(&plan->product));
    /* Few blocks are shared by panels, so that each has rows enough to hide that the forms of B are
     * made; where they are packed, and where panels cannot be shared evenly, by rows. */
    if (plan->blocks < threads && !plan->packs_forms && plan->panels % threads == 0)
        plan->panel_block = plan->panels / threads;
    else
        plan->blocks = nn_round_up(plan->blocks, threads);
    if (plan->panel_block == 0) plan->panel_block = plan->panels;
    plan->panel_blocks = nn_divide_up(plan->panels, plan->panel_block);
    plan->block_rows = nn_round_up(nn_divide_up(rows, plan->blocks), 2);
    plan->blocks = nn_divide_up(rows, plan->block_rows);
}

static size_t bytes_of(int64_t floats) {
    return nn_aligned((size_t)floats * sizeof(float));
}

void nn_strassen_plan_make(const nn_strassen_product *product, const nn_strassen_form *form,
                           int threads, const nn_epilogue *epilogue, nn_strassen_plan *out) {
    *out = (nn_strassen_plan){
        .product = *product,
        .form = form,
        .half_k = product->k / 2,
        .half_columns = product->columns / 2,
        .row_step = row_step_of(product->k / 2),
        .packs_forms = packs_forms(product),
        .epilogue = *epilogue,
        .low = -INFINITY,
        .high = INFINITY,
    };
    out->claims = product->rows * product->y_step * (int64_t)sizeof(float) > nn_cpu_get()->l2_bytes;
    out->tile_finishes = nn_epilogue_as_clip(epilogue, &out->low, &out->high);
    choose_panels(out);
    choose_blocks(out, threads);
    const int64_t upper = nn_divide_up(out->block_rows, 2);
    out->form_step = upper * out->row_step;
    out->forms_bytes = bytes_of(NN_STRASSEN_FORMS * out->form_step);
    out->sums_bytes = bytes_of(upper * out->shape->columns);
    out->weight_floats = parts_of(out->packs_forms) * out->half_k * out->half_columns;
    if (product->pixels.width > 0) {
        out->copied_step = row_step_of(product->k);
        out->copied_bytes = bytes_of(out->block_rows * out->copied_step);
    }
    /* Results that tiles cannot finish stay in L1 until they are. */
    out->raw_rows = nn_min(4 * out->shape->rows, upper);
    out->raw_bytes = bytes_of(out->raw_rows * out->shape->columns);
    /* Forms of B, or its quarter that is not packed. */
    const size_t made = out->packs_forms ? 1 : NN_STRASSEN_SLOTS - NN_STRASSEN_P5;
    out->worker_bytes = out->copied_bytes + out->forms_bytes + 2 * out->sums_bytes +
                        out->raw_bytes + made * bytes_of(out->half_k * out->shape->columns);
}

size_t nn_strassen_workspace(const nn_strassen_plan *plan, int threads) {
    return plan->worker_bytes * (size_t)threads;
}

/* ---- packed weights ---- */

int64_t nn_strassen_panel_begin(const nn_strassen_plan *plan, int64_t panel) {
    return panel * plan->shape->columns;
}

int64_t nn_strassen_panel_columns(const nn_strassen_plan *plan, int64_t panel) {
    return panel == plan->panels - 1 ? plan->last_shape->columns : plan->shape->columns;
}

int64_t nn_strassen_panel_place(const nn_strassen_plan *plan, int64_t panel) {
    return nn_strassen_panel_begin(plan, panel) * plan->half_k * parts_of(plan->packs_forms);
}
