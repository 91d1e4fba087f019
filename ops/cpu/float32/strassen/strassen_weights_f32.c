/* How Strassen's algorithm gets the weights of a product: quarters of panels, balanced columns, and
 * the forms of what is small. */
#include "ops/cpu/float32/strassen/strassen_f32.h"

#include "base/integers.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- places ---- */

enum { LINE_FLOATS = NN_ALIGNMENT / sizeof(float) };

/* What was found is padded to a line, and so are the factors. */
static int64_t first_weight(const nn_strassen_plan *plan) {
    return LINE_FLOATS + nn_round_up(plan->product.columns, LINE_FLOATS);
}

size_t nn_strassen_packed_bytes(const nn_strassen_plan *plan) {
    return nn_aligned((size_t)(first_weight(plan) + plan->weight_floats) * sizeof(float));
}

const nn_strassen_found *nn_strassen_found_of(const float *packed) {
    return (const void *)packed;
}

const float *nn_strassen_factors(const float *packed) {
    return nn_strassen_found_of(packed)->is_scaled ? packed + LINE_FLOATS : NULL;
}

const float *nn_strassen_weights_at(const nn_strassen_plan *plan, const float *packed,
                                    int64_t panel) {
    return packed + first_weight(plan) + nn_strassen_panel_place(plan, panel);
}

static float *parts_of(const nn_strassen_plan *plan, float *packed, int64_t panel) {
    return packed + first_weight(plan) + nn_strassen_panel_place(plan, panel);
}

/* Parts of the packed weights that hold quarters: B0 and B2, B1 (until its forms take the place)
 * and B3. */
static const int quarters[2][2] = {{NN_STRASSEN_P0, NN_STRASSEN_P1}, {3, NN_STRASSEN_P2}};

nn_strassen_weights nn_strassen_weights_of(const float *parts, int64_t count) {
    nn_strassen_weights out = {.count = count};
    for (int i = 0; i < 4; i++) out.b[i] = parts + quarters[i % 2][i / 2] * count;
    return out;
}

void nn_strassen_variant(const nn_strassen_plan *plan, char *text, size_t size) {
    snprintf(text, size, "strassen, %d+%d columns, %d parts", plan->shape->columns,
             plan->last_shape->columns, plan->packs_forms ? NN_STRASSEN_SLOTS : 4);
}

void nn_strassen_pack_columns(const nn_strassen_plan *plan, int64_t column, int64_t count,
                              const float *w, float *packed) {
    const bool right = column >= plan->half_columns;
    const int64_t place = column - (right ? plan->half_columns : 0);
    const int64_t panel = place / plan->shape->columns;
    const int64_t width = nn_strassen_panel_columns(plan, panel), half = plan->half_k;
    const nn_rows_f32 *rows = plan->form->tiles->rows;
    float *parts = parts_of(plan, packed, panel) + place % plan->shape->columns;
    for (int i = 0; i < 2; i++)
        rows->transpose((const uint32_t *)w + i * half, plan->product.k,
                        (uint32_t *)parts + quarters[right][i] * half * width, width, half, count);
}

void nn_strassen_pack_rows(const nn_strassen_plan *plan, int64_t begin, int64_t end, const float *w,
                           float *packed) {
    for (int64_t panel = 0; panel < plan->panels; panel++) {
        const int64_t width = nn_strassen_panel_columns(plan, panel), half = plan->half_k;
        const int64_t column = nn_strassen_panel_begin(plan, panel);
        float *parts = parts_of(plan, packed, panel);
        for (int64_t k = begin; k < end; k++)
            for (int right = 0; right < 2; right++) {
                float *part = parts + quarters[right][k / half] * half * width;
                memcpy(part + k % half * width,
                       w + (k - begin) * plan->product.columns + right * plan->half_columns +
                           column,
                       (size_t)width * sizeof *w);
            }
    }
}

static void add_squares(const float *w, int64_t k, int64_t width, double *sums) {
    for (int64_t i = 0; i < k; i++, w += width)
        for (int64_t j = 0; j < width; j++) sums[j] += (double)w[j] * (double)w[j];
}

/* The power of two that brings a column near the root of `greater`, of whose square sum `less` is a
 * small part: 2^126 at most, so that its inverse is a number; 0 for a column of zeros. */
static float factor_between(double less, double greater) {
    enum { MOST_EXPONENT = 126 };
    if (less == 0) return 0;
    const double exponent = floor(log2(greater / less) / 2);
    return ldexpf(1, (int)fmin(exponent, MOST_EXPONENT));
}

static void scale_column(float *w, int64_t k, int64_t width, float factor) {
    for (int64_t i = 0; i < k; i++) w[i * width] *= factor;
}

/* Columns of one panel, whose parts are packed: see nn_strassen_finish. */
static void balance(const nn_strassen_plan *plan, int64_t panel, float *parts,
                    nn_strassen_found *found, float *factors) {
    const int64_t width = nn_strassen_panel_columns(plan, panel), half = plan->half_k;
    const int64_t count = half * width;
    const double most_squares = NN_STRASSEN_MOST_RATIO * NN_STRASSEN_MOST_RATIO;
    double sums[2][NN_TILE_MAX_COLUMNS] = {{0}}, most = 0;
    factors += nn_strassen_panel_begin(plan, panel);
    for (int64_t j = 0; j < width; j++) factors[j] = factors[plan->half_columns + j] = 1;
    for (int i = 0; i < 4; i++)
        add_squares(parts + quarters[i / 2][i % 2] * count, half, width, sums[i / 2]);
    for (int64_t j = 0; j < width; j++) {
        const double greater = fmax(sums[0][j], sums[1][j]), less = fmin(sums[0][j], sums[1][j]);
        if (!isfinite(sums[0][j]) || !isfinite(sums[1][j])) {
            found->limit = 0;
            return;
        }
        most = fmax(most, greater);
        if (greater <= most_squares * less) continue;
        const int side = sums[1][j] < sums[0][j];
        const float factor = factor_between(less, greater);
        for (int i = 0; i < 2; i++)
            scale_column(parts + quarters[side][i] * count + j, half, width, factor);
        factors[side * plan->half_columns + j] = factor > 0 ? 1 / factor : 0;
        found->is_scaled = true;
    }
    /* Forms are sums of four numbers, results are sums of four products. */
    const double limit = (double)FLT_MAX / (64 * (double)plan->product.k * fmax(sqrt(most), 1));
    found->limit = fminf(found->limit, (float)limit);
}

static void make_forms(const nn_strassen_plan *plan, float *parts, int64_t count) {
    nn_strassen_weights weights = nn_strassen_weights_of(parts, count);
    for (int i = NN_STRASSEN_P5; i < NN_STRASSEN_SLOTS; i++) weights.made[i] = parts + i * count;
    plan->form->make(&weights);
}

void nn_strassen_finish(const nn_strassen_plan *plan, float *packed) {
    nn_strassen_found *found = (void *)packed;
    *found = (nn_strassen_found){.limit = INFINITY};
    for (int64_t panel = 0; panel < plan->panels; panel++) {
        const int64_t width = nn_strassen_panel_columns(plan, panel);
        float *parts = parts_of(plan, packed, panel);
        balance(plan, panel, parts, found, packed + LINE_FLOATS);
        if (plan->packs_forms) make_forms(plan, parts, plan->half_k * width);
    }
}
