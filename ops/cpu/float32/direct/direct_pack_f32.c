/* Packing of weights and biases for direct convolutions. */
#include "base/integers.h"
#include "ops/cpu/float32/direct/direct_f32.h"

#include <stdio.h>

/* Rows of packed weights that have an own sum of their own. */
static int64_t rows_of_part(const nn_direct_plan *plan) {
    return plan->taps > 1 ? plan->k : plan->k_per_pass;
}

void nn_direct_variant(const nn_direct_plan *plan, const nn_direct_source *source, char *text,
                       size_t size) {
    int length =
        snprintf(text, size, "direct %d+%d columns, %lld groups, steps %lld %lld, x %a",
                 plan->shape->columns, plan->last_shape->columns, (long long)plan->problem.groups,
                 (long long)source->column_step, (long long)source->k_step, (double)source->scale);
    if (plan->fold > 1 && length >= 0 && (size_t)length < size)
        snprintf(text + length, size - (size_t)length, ", %lld pixels %lld apart",
                 (long long)plan->fold, (long long)plan->fold_step);
    else if (plan->shares && length >= 0 && (size_t)length < size)
        snprintf(text + length, size - (size_t)length, ", shared by %lld",
                 (long long)rows_of_part(plan));
}

static size_t aligned_floats(int64_t count) {
    size_t bytes = (size_t)count * sizeof(float);
    return nn_aligned(bytes);
}

/* Floats of a column's factor and own sums. */
static int64_t shared_floats(const nn_direct_plan *plan) {
    return plan->shares ? 1 + plan->own_parts : 0;
}

size_t nn_direct_packed_bytes(const nn_direct_plan *plan) {
    return aligned_floats(plan->group_floats * plan->problem.groups) +
           aligned_floats(plan->group_columns * plan->problem.groups * shared_floats(plan));
}

nn_direct_shared nn_direct_shared_at(const nn_direct_plan *plan, const float *packed, int64_t group,
                                     int64_t panel) {
    const size_t weights = aligned_floats(plan->group_floats * plan->problem.groups);
    const int64_t column = group * plan->group_columns + panel * plan->shape->columns;
    float *at = (float *)packed + weights / sizeof *packed + column * shared_floats(plan);
    return (nn_direct_shared){at, at + plan->shape->columns};
}

/* Makes those of panels [begin, end) that share products ready for it. */
static void share_panels(const nn_direct_plan *plan, int64_t group, int64_t begin, int64_t end,
                         float *packed) {
    const int64_t rows = plan->taps * plan->k;
    for (int64_t panel = begin; panel < end && plan->shares; panel++) {
        if (panel == plan->panels - 1 && plan->last_shape != plan->shape) continue;
        const nn_direct_shared at = nn_direct_shared_at(plan, packed, group, panel);
        plan->tiles->shared->pack(&(nn_shared_panel){
            .w = packed + group * plan->group_floats + panel * plan->shape->columns * rows,
            .rows = rows,
            .part_rows = rows_of_part(plan),
            .factors = at.factors,
            .own = at.own,
        });
    }
}

size_t nn_direct_bias_bytes(const nn_direct_plan *plan) {
    return aligned_floats(plan->group_columns * plan->problem.groups);
}

/* One panel of `width` columns, of which `columns` exist; `w` is its first column. `taps` and `k`
 * are those of the kernel: a merged row has the same order of positions and channels. */
typedef struct panel_copy {
    const nn_direct_source *source;
    int64_t taps, k, width, columns;
} panel_copy;

static panel_copy copy_of(const nn_direct_plan *plan, const nn_direct_source *source,
                          int64_t panel) {
    const bool last = panel == plan->panels - 1;
    const int64_t width = last ? plan->last_shape->columns : plan->shape->columns;
    return (panel_copy){
        .source = source,
        .taps = plan->taps * plan->k / plan->problem.k,
        .k = plan->problem.k,
        .width = width,
        .columns = nn_min(width, plan->problem.columns - panel * plan->shape->columns),
    };
}

/* Rows of the source are read whole: columns lie beside each other there. */
static void pack_by_rows(const panel_copy *copy, const float *w, float *packed) {
    const nn_direct_source *source = copy->source;
    for (int64_t tap = 0; tap < copy->taps; tap++)
        for (int64_t k = 0; k < copy->k; k++, packed += copy->width) {
            const float *from = w + tap * source->tap_step + k * source->k_step;
            if (source->column_step == 1 && source->scale == 1) {
                memcpy(packed, from, (size_t)copy->columns * sizeof *packed);
                continue;
            }
            for (int64_t j = 0; j < copy->columns; j++)
                packed[j] = from[j * source->column_step] * source->scale;
        }
}

/* Each column is a row of the source: a block of it at a time, so that what is written stays in L1.
 */
static void pack_by_columns(const panel_copy *copy, const float *w, float *packed) {
    enum { BLOCK = 16 };
    const nn_direct_source *source = copy->source;
    for (int64_t begin = 0; begin < copy->k; begin += BLOCK) {
        int64_t end = nn_min(begin + BLOCK, copy->k);
        for (int64_t j = 0; j < copy->columns; j++)
            for (int64_t k = begin; k < end; k++) {
                const float *from = w + j * source->column_step + k * source->k_step;
                float *to = packed + k * copy->width + j;
                for (int64_t tap = 0; tap < copy->taps; tap++, to += copy->k * copy->width)
                    *to = from[tap * source->tap_step] * source->scale;
            }
    }
}

/* The columns of pixel i of a fold have the kernel moved by i steps, among zeros. */
static void pack_folded(const nn_direct_plan *plan, const nn_direct_source *source, const float *w,
                        float *packed) {
    const nn_direct_problem *p = &plan->problem;
    const int64_t wide = p->axes[NN_WIDTH].kernel;
    const int64_t kernel = wide - (plan->fold - 1) * plan->fold_step;
    const int64_t rows = p->axes[NN_DEPTH].kernel * p->axes[NN_HEIGHT].kernel;
    for (int64_t panel = 0; panel < plan->panels; panel++) {
        const int64_t first = panel * plan->shape->columns;
        const int64_t width =
            panel == plan->panels - 1 ? plan->last_shape->columns : plan->shape->columns;
        for (int64_t tap = 0; tap < rows * wide; tap++)
            for (int64_t k = 0; k < p->k; k++, packed += width)
                for (int64_t j = 0; j < width; j++) {
                    int64_t pixel = (first + j) / plan->fold_channels;
                    int64_t channel = (first + j) % plan->fold_channels;
                    int64_t x = tap % wide - pixel * plan->fold_step;
                    bool inside = first + j < p->columns && x >= 0 && x < kernel;
                    packed[j] =
                        inside
                            ? w[channel * source->column_step +
                                (tap / wide * kernel + x) * source->tap_step + k * source->k_step] *
                                  source->scale
                            : 0;
                }
    }
}

/* Four columns whose rows in the source are without gaps: [k][tap] each. Transposed four by four.
 */
typedef float quad __attribute__((vector_size(16)));

static inline quad load_quad(const float *from) {
    quad out;
    memcpy(&out, from, sizeof out);
    return out;
}

/* Four places of four columns, `step` floats apart, to the four addresses, times `scale`. */
static inline void transpose_quads(const float *from, int64_t step, float scale, float *packed,
                                   const int64_t to[4]) {
    const quad w0 = load_quad(from), w1 = load_quad(from + step);
    const quad w2 = load_quad(from + 2 * step), w3 = load_quad(from + 3 * step);
    const quad a = __builtin_shufflevector(w0, w1, 0, 4, 1, 5);
    const quad b = __builtin_shufflevector(w0, w1, 2, 6, 3, 7);
    const quad c = __builtin_shufflevector(w2, w3, 0, 4, 1, 5);
    const quad d = __builtin_shufflevector(w2, w3, 2, 6, 3, 7);
    const quad t0 = __builtin_shufflevector(a, c, 0, 1, 4, 5) * scale;
    const quad t1 = __builtin_shufflevector(a, c, 2, 3, 6, 7) * scale;
    const quad t2 = __builtin_shufflevector(b, d, 0, 1, 4, 5) * scale;
    const quad t3 = __builtin_shufflevector(b, d, 2, 3, 6, 7) * scale;
    memcpy(packed + to[0], &t0, sizeof t0);
    memcpy(packed + to[1], &t1, sizeof t1);
    memcpy(packed + to[2], &t2, sizeof t2);
    memcpy(packed + to[3], &t3, sizeof t3);
}

static void pack_by_quads(const panel_copy *copy, const float *w, float *packed) {
    enum { BLOCK = 64 }; /* what is read and written of it stays in L1 */
    const nn_direct_source *source = copy->source;
    const int64_t step = source->column_step, count = copy->k * copy->taps;
    int64_t to[BLOCK]; /* where the columns of each position of the block lie */
    for (int64_t begin = 0; begin < count; begin += BLOCK) {
        const int64_t size = nn_min(BLOCK, count - begin);
        for (int64_t i = 0; i < size; i++) {
            const int64_t k = (begin + i) / copy->taps, tap = (begin + i) % copy->taps;
            to[i] = (tap * copy->k + k) * copy->width;
        }
        int64_t j = 0;
        for (; j + 4 <= copy->columns; j += 4) {
            const float *from = w + j * step + begin;
            int64_t i = 0;
            for (; i + 4 <= size; i += 4)
                transpose_quads(from + i, step, source->scale, packed + j, to + i);
            for (; i < size; i++)
                for (int r = 0; r < 4; r++)
                    packed[to[i] + j + r] = from[r * step + i] * source->scale;
        }
        for (; j < copy->columns; j++)
            for (int64_t i = 0; i < size; i++)
                packed[to[i] + j] = w[j * step + begin + i] * source->scale;
    }
}

void nn_direct_pack(const nn_direct_plan *plan, const nn_direct_source *source, const float *w,
                    float *packed) {
    const nn_direct_problem *p = &plan->problem;
    if (plan->fold > 1) {
        pack_folded(plan, source, w, packed);
        return;
    }
    for (int64_t group = 0; group < p->groups; group++)
        nn_direct_pack_panels(plan, source, group, 0, plan->panels, w + group * source->group_step,
                              packed);
}

int64_t nn_direct_columns_before(const nn_direct_plan *plan, int64_t panel) {
    return nn_min(panel * plan->shape->columns, plan->problem.columns);
}

nn_direct_pieces nn_direct_pieces_of(const nn_direct_plan *plan, const nn_direct_source *source) {
    const nn_direct_problem *p = &plan->problem;
    const int64_t taps = plan->taps * plan->k / p->k;
    if (plan->fold > 1) return NN_PIECES_NONE;
    if (source->column_step == p->k * taps && source->column_step > source->k_step)
        return NN_PIECES_COLUMNS;
    if (p->groups == 1 && taps == 1 && source->column_step == 1 && source->k_step == p->columns)
        return NN_PIECES_ROWS;
    return NN_PIECES_NONE;
}

void nn_direct_pack_panels(const nn_direct_plan *plan, const nn_direct_source *source,
                           int64_t group, int64_t begin, int64_t end, const float *w,
                           float *packed) {
    float *to =
        packed + group * plan->group_floats + begin * plan->shape->columns * plan->taps * plan->k;
    for (int64_t panel = begin; panel < end; panel++) {
        const panel_copy copy = copy_of(plan, source, panel);
        const int64_t floats = copy.taps * copy.k * copy.width;
        if (copy.columns < copy.width) memset(to, 0, (size_t)floats * sizeof *to);
        if (source->column_step <= source->k_step)
            pack_by_rows(&copy, w, to);
        else if ((source->tap_step == 1 || copy.taps == 1) && source->k_step == copy.taps)
            pack_by_quads(&copy, w, to);
        else
            pack_by_columns(&copy, w, to);
        w += copy.columns * source->column_step;
        to += floats;
    }
    share_panels(plan, group, begin, end, packed);
}

void nn_direct_pack_rows(const nn_direct_plan *plan, const nn_direct_source *source, int64_t begin,
                         int64_t end, const float *w, float *packed) {
    for (int64_t panel = 0; panel < plan->panels; panel++) {
        panel_copy copy = copy_of(plan, source, panel);
        float *to = packed + begin * copy.width;
        packed += copy.k * copy.width;
        copy.k = end - begin;
        if (copy.columns < copy.width) memset(to, 0, (size_t)(copy.k * copy.width) * sizeof *to);
        pack_by_rows(&copy, w + panel * plan->shape->columns, to);
    }
}

void nn_direct_end_rows(const nn_direct_plan *plan, float *packed) {
    share_panels(plan, 0, 0, plan->panels, packed);
}

float *nn_direct_packed_column(const nn_direct_plan *plan, float *packed, int64_t column,
                               int64_t *k_step) {
    int64_t panel = column / plan->shape->columns, first = panel * plan->shape->columns;
    *k_step = panel == plan->panels - 1 ? plan->last_shape->columns : plan->shape->columns;
    return packed + first * plan->taps * plan->k + column - first;
}

void nn_direct_pack_bias(const nn_direct_plan *plan, const float *bias, int64_t step, float scale,
                         float *packed) {
    const nn_direct_problem *p = &plan->problem;
    for (int64_t group = 0; group < p->groups; group++)
        for (int64_t j = 0; j < plan->group_columns; j++) {
            bool given = bias != NULL && j < p->columns;
            int64_t column = group * p->columns + j;
            if (plan->fold > 1) column %= plan->fold_channels;
            *packed++ = given ? bias[column * step] * scale : 0;
        }
}
