#include "ops/cpu/float32/recurrent/recurrent_fixed_f32.h"

bool nn_recurrent_fixed_suits(const float *r, int64_t columns, int64_t k) {
    nn_fixed_fit fit = {0};
    for (int64_t column = 0; column < columns; column++, r += k)
        nn_fixed_fit_add(&fit, nn_fixed_greatest(r, k), nn_fixed_squares(r, k));
    return nn_fixed_fit_suits(&fit);
}

void nn_recurrent_fixed_pack(const float *r, int64_t k, int64_t count, int32_t *groups,
                             int64_t step, float *factors) {
    const nn_fixed_source source = {.w = r, .k_step = 1, .column_step = k};
    float greatest[NN_FIXED_LANES];
    for (int64_t lane = 0; lane < count; lane++) {
        greatest[lane] = nn_fixed_greatest(r + lane * k, k);
        factors[lane] = nn_fixed_factor(greatest[lane]) / NN_FIXED_STATE_SCALE;
    }
    nn_fixed_pack(&source, k, count, greatest, groups, step);
}
