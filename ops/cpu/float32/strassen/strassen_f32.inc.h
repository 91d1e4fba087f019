/* The forms of A and B and the sum that is no product, for files of one instruction set: see
 * strassen_f32.h. All are bound by their stores. */
#include "ops/cpu/float32/strassen/strassen_f32.h"

#include "ops/cpu/float32/vector_math.h"

#include <math.h>

NN_INLINE float greatest_of(vf x) {
    float lanes[VF_LANES], greatest = 0;
    vf_store(lanes, x);
    for (int i = 0; i < VF_LANES; i++)
        if (lanes[i] > greatest) greatest = lanes[i];
    return greatest;
}

/* The greatest magnitudes of two rows; `poison` is NaN where a number was not finite. */
typedef struct seen_rows {
    vf above, below, poison;
} seen_rows;

NN_INLINE void split_rows(const nn_strassen_split *split, const float *above, const float *below,
                          float *forms, seen_rows *seen) {
    const int64_t step = split->form_step, half = split->half_k;
    for (int64_t k = 0; k < half; k += VF_LANES) {
        const int count = half - k < VF_LANES ? (int)(half - k) : VF_LANES;
        const bool whole = count == VF_LANES;
#define PART(row, at) (whole ? vf_load((row) + (at)) : vf_load_first((row) + (at), count))
        const vf a0 = PART(above, k), a1 = PART(above, half + k);
        const vf a2 = below != NULL ? PART(below, k) : vf_zero();
        const vf a3 = below != NULL ? PART(below, half + k) : vf_zero();
#undef PART
        const vf lower = a2 + a3, without = lower - a0, all_four = a1 - without;
        vf_store(forms + NN_STRASSEN_A4 * step + k, lower);
        vf_store(forms + NN_STRASSEN_A5 * step + k, without);
        vf_store(forms + NN_STRASSEN_A2 * step + k, all_four);
        vf_store(forms + NN_STRASSEN_A6 * step + k, a0 - a2);
        seen->above = vf_max(seen->above, vf_max(vf_abs(a0), vf_abs(a1)));
        seen->below = vf_max(seen->below, vf_max(vf_abs(a2), vf_abs(a3)));
        seen->poison = vf_fma(all_four, vf_zero(), seen->poison);
    }
}

static nn_strassen_seen split(const nn_strassen_split *split) {
    nn_strassen_seen out = {.ratio = 1};
    seen_rows seen = {vf_zero(), vf_zero(), vf_zero()};
    vf all = vf_zero();
    for (int64_t i = 0; i < split->upper; i++) {
        const float *above = split->a + i * split->a_step;
        const float *below = i < split->lower ? above + split->upper * split->a_step : NULL;
        seen.above = seen.below = vf_zero();
        split_rows(split, above, below, split->forms + i * split->row_step, &seen);
        all = vf_max(all, vf_max(seen.above, seen.below));
        if (!split->compares_rows || below == NULL) continue;
        const float upper = greatest_of(seen.above), lower = greatest_of(seen.below);
        const float ratio = upper > lower ? upper / lower : lower / upper;
        if (ratio > out.ratio) out.ratio = ratio; /* which that of two rows of zeros is not */
    }
    out.greatest = greatest_of(all);
    float poison[VF_LANES];
    vf_store(poison, seen.poison);
    for (int i = 0; i < VF_LANES; i++)
        if (poison[i] != 0) out.greatest = NAN;
    return out;
}

static void sum(const nn_strassen_sum *s) {
    const vf low = vf_set(s->low), high = vf_set(s->high);
    for (int64_t i = 0; i < s->rows; i++) {
        const float *p = s->p + i * s->columns, *q = s->q + i * s->columns;
        const float *residual = s->residual != NULL ? s->residual + i * s->residual_step : NULL;
        float *y = s->y + i * s->y_step;
        for (int64_t j = 0; j < s->columns; j += VF_LANES) {
            vf v = vf_load(p + j) + vf_load(q + j);
            if (s->start != NULL) v += vf_load(s->start + j);
            if (residual != NULL) v += vf_load(residual + j);
            vf_store(y + j, vf_min(high, vf_max(low, v)));
        }
    }
}

static void make(const nn_strassen_weights *w) {
    for (int64_t i = 0; i < w->count; i += VF_LANES) {
        const vf b0 = vf_load(w->b[0] + i), b1 = vf_load(w->b[1] + i);
        const vf b2 = vf_load(w->b[2] + i), b3 = vf_load(w->b[3] + i);
        const vf right_less = b1 - b0, most = b3 - right_less;
        vf_store(w->made[NN_STRASSEN_P5] + i, most);
        vf_store(w->made[NN_STRASSEN_P4] + i, right_less);
        vf_store(w->made[NN_STRASSEN_P6] + i, b3 - b1);
        vf_store(w->made[NN_STRASSEN_P3] + i, b2 - most);
    }
}
