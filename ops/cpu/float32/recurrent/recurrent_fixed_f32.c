#include "ops/cpu/float32/recurrent/recurrent_fixed_f32.h"

#include <string.h>

/* What part of the squares of a column its greatest weight may be, in one and on average. What
 * rounded weights add to a sum's mean square error goes with the square of the greatest one times
 * k; what rounded sums do, with the sum of squares times k. With the two sums for each column that
 * floats have, too, errors are 1.05 of those of floats where weights are evenly distributed and 1.5
 * at the limit; with four, less. */
static const double most_of_column = 0.5, most_of_all = 0.15;

/* Exponents of greatest weights whose factors are normal floats. */
static const float least_weight = 0x1p-80f, most_weight = 0x1p60f;

/* What the greatest weight becomes: rounded to any low byte, it is less than 2^31. */
static const double unit = 0x1p31 - 512;

/* The greatest of the weights without their signs: as bits, since those order as numbers do; NaN is
 * above all. */
static float greatest_of(const float *r, int64_t k) {
    uint32_t most = 0;
    float out;
    for (int64_t i = 0; i < k; i++) {
        uint32_t bits;
        memcpy(&bits, r + i, sizeof bits);
        bits &= 0x7fffffff;
        most = bits > most ? bits : most;
    }
    memcpy(&out, &most, sizeof out);
    return out;
}

static double squares_of(const float *r, int64_t k) {
    enum { SUMS = 8 };
    double sums[SUMS] = {0}, out = 0;
    int64_t i = 0;
    for (; i + SUMS <= k; i += SUMS)
        for (int j = 0; j < SUMS; j++) sums[j] += (double)r[i + j] * (double)r[i + j];
    for (; i < k; i++) out += (double)r[i] * (double)r[i];
    for (int j = 0; j < SUMS; j++) out += sums[j];
    return out;
}

bool nn_recurrent_fixed_suits(const float *r, int64_t columns, int64_t k) {
    double greatest_squares = 0, all = 0;
    for (int64_t column = 0; column < columns; column++, r += k) {
        const float greatest = greatest_of(r, k);
        if (greatest == 0) continue;
        if (!(greatest >= least_weight && greatest <= most_weight)) return false;
        const double square = (double)greatest * (double)greatest, squares = squares_of(r, k);
        if (square > most_of_column * squares) return false;
        greatest_squares += square / squares;
        all += 1;
    }
    return greatest_squares <= most_of_all * all;
}

/* The whole number nearest to x, |x| < 2^51. */
static int64_t nearest(double x) {
    const double shift = 0x1.8p52;
    return (int64_t)(x + shift - shift);
}

/* The number nearest to x that ends with `byte`. */
static int32_t ending_with(double x, int64_t byte) {
    return (int32_t)(256 * nearest((x - (double)byte) / 256) + byte);
}

void nn_recurrent_fixed_pack(const float *r, int64_t k, int64_t count, int32_t *groups,
                             int64_t step, float *factors) {
    double inverse[NN_FIXED_LANES];
    for (int64_t lane = 0; lane < count; lane++) {
        const float factor = (float)((double)greatest_of(r + lane * k, k) / unit);
        inverse[lane] = factor > 0 ? 1 / (double)factor : 0;
        factors[lane] = factor / NN_FIXED_STATE_SCALE;
    }
    for (int64_t i = 0; i < k; i += NN_FIXED_DEPTH, groups += step) {
        const int64_t left = k - i;
        for (int64_t lane = 0; lane < count; lane++) {
            const float *w = r + lane * k + i;
            const double by = inverse[lane];
            const double w1 = left > 1 ? (double)w[1] : 0, w2 = left > 2 ? (double)w[2] : 0;
            const int64_t last = nearest((left > 3 ? (double)w[3] : 0) * by / 256);
            int32_t *to = groups + lane;
            to[0] = ending_with((double)w[0] * by, last >> 16 & 0xff);
            to[NN_FIXED_LANES] = ending_with(w1 * by, last >> 8 & 0xff);
            to[2 * NN_FIXED_LANES] = ending_with(w2 * by, last & 0xff);
        }
    }
}
