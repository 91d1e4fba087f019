/* One row by a panel. Each of the four weights of a group has sums of its own, so that errors are
 * less than those of two sums of floats. A Zen 4 reads weights from L3 or memory meanwhile. */
#include "ops/cpu/float32/fixed/fixed_group.h"
#include "ops/cpu/float32/fixed/row_fixed_f32.h"

NN_INLINE void sum_panel(const float *w, const float *x, int64_t groups, const float *factors,
                         float scale, float *sums, const int vectors) {
    vf acc[NN_FIXED_DEPTH][NN_ROW_FIXED_VECTORS];
#pragma GCC unroll 4
    for (int i = 0; i < NN_FIXED_DEPTH; i++)
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) acc[i][v] = vf_zero();
    for (; groups > 0; groups--, x += NN_FIXED_DEPTH) {
        vf row[NN_FIXED_DEPTH];
#pragma GCC unroll 4
        for (int i = 0; i < NN_FIXED_DEPTH; i++) row[i] = vf_set(x[i]);
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++, w += NN_FIXED_GROUP) {
            vf weights[NN_FIXED_DEPTH];
            nn_fixed_load_group(w, weights);
#pragma GCC unroll 4
            for (int i = 0; i < NN_FIXED_DEPTH; i++)
                acc[i][v] = vf_fma(row[i], weights[i], acc[i][v]);
        }
    }
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++)
        vf_store(sums + v * VF_LANES, ((acc[0][v] + acc[1][v]) + (acc[2][v] + acc[3][v])) *
                                          vf_load(factors + v * VF_LANES) * vf_set(scale));
}

void nn_row_fixed_sums_vbmi2(const int32_t *w, const float *x, int64_t groups, int vectors,
                             const float *factors, float scale, float *sums) {
    const float *from = (const float *)w;
    switch (vectors) {
    case 1:
        sum_panel(from, x, groups, factors, scale, sums, 1);
        break;
    case 2:
        sum_panel(from, x, groups, factors, scale, sums, 2);
        break;
    case 3:
        sum_panel(from, x, groups, factors, scale, sums, 3);
        break;
    default:
        sum_panel(from, x, groups, factors, scale, sums, 4);
        break;
    }
}
