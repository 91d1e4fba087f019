#include "ops/cpu/float32/winograd/winograd_shared_f32.h"

#include "base/integers.h"

#include <math.h>
#include <string.h>

bool nn_winograd_shares(const nn_winograd_shared_f32 *shared, nn_sharing sharing, int64_t channels,
                        int64_t columns) {
    if (sharing == NN_SHARE_NEVER || shared == NULL) return false;
    return sharing == NN_SHARE_WHERE_POSSIBLE ||
           (nn_shared_gains(nn_cpu_get()->isa) && nn_shared_pays(1, channels, columns));
}

float nn_winograd_input_scale(const nn_shared_f32 *shared, const float *x, int64_t pixels,
                              int64_t pitch, int64_t channels) {
    enum { MOST = 256 };
    static const nn_tile_tap tap = {0, 0};
    int64_t step = nn_max(pixels / MOST, 1);
    if (step % 2 == 0) step--; /* does not keep to columns */
    float own[MOST];
    nn_shared_seen seen = NN_SHARED_SEEN_NONE;
    shared->own(
        &(nn_shared_rows){
            .a = x,
            .a_step = step * pitch,
            .count = nn_min(pixels, MOST),
            .taps = &tap,
            .tap_count = 1,
            .k = channels,
            .own = own,
        },
        &seen);
    const double mean = nn_shared_mean_square(&seen);
    return mean > 0 ? (float)exp2(-round(log2(mean) / 2)) : 0;
}

bool nn_winograd_are_near(const nn_winograd_squares *all, int64_t channels, double most_at_once) {
    const double least = 1.0 / 16, most = 4;
    const double values = (double)(channels - channels / NN_SHARED_STEP); /* of a row */
    const double mean = all->sum / ((double)all->rows * values);
    return mean >= least * least && mean <= most * most &&
           (double)all->greatest <= most_at_once * most_at_once * (double)all->most_rows * values;
}

enum { LANES = NN_WINOGRAD_LANES };

/* Weights of one point, in the order of their products, times factors of the columns; makes their
 * own sums behind them. */
static void share_weights(float *u, int64_t channels, const float factors[LANES]) {
    float own[LANES] = {0};
    for (int64_t k = 0; k < channels; k++)
        for (int j = 0; j < LANES; j++) u[k * LANES + j] *= factors[j];
    for (int64_t i = 1; i < channels; i++) {
        const nn_shared_channel at = nn_winograd_shared_channel(channels, i);
        for (int j = 0; j < LANES && at.role == NN_SHARED_SECOND; j++)
            own[j] -= at.sign * u[(i - 1) * LANES + j] * u[i * LANES + j];
    }
    memcpy(u + channels * LANES, own, sizeof own);
}

void nn_winograd_share_panel(float *u, int points, int64_t point_step, int64_t channels,
                             float factors[LANES]) {
    double squares[LANES] = {0};
    float inverse[LANES];
    for (int point = 0; point < points; point++)
        for (int64_t i = 0; i < channels * LANES; i++) {
            const double value = (double)u[point * point_step + i];
            squares[i % LANES] += value * value;
        }
    for (int j = 0; j < LANES; j++) {
        const float factor = nn_shared_factor(squares[j], points * channels);
        factors[j] = isfinite(factor) ? factor : 1;
        inverse[j] = 1 / factors[j];
    }
    for (int point = 0; point < points; point++)
        share_weights(u + point * point_step, channels, inverse);
}
