#include "ops/cpu/float32/fixed/fixed_f32.h"

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

/* As bits, since those order as numbers do. */
float nn_fixed_greatest(const float *w, int64_t k) {
    uint32_t most = 0;
    float out;
    for (int64_t i = 0; i < k; i++) {
        uint32_t bits;
        memcpy(&bits, w + i, sizeof bits);
        bits &= 0x7fffffff;
        most = bits > most ? bits : most;
    }
    memcpy(&out, &most, sizeof out);
    return out;
}

double nn_fixed_squares(const float *w, int64_t k) {
    enum { SUMS = 8 };
    double sums[SUMS] = {0}, out = 0;
    int64_t i = 0;
    for (; i + SUMS <= k; i += SUMS)
        for (int j = 0; j < SUMS; j++) sums[j] += (double)w[i + j] * (double)w[i + j];
    for (; i < k; i++) out += (double)w[i] * (double)w[i];
    for (int j = 0; j < SUMS; j++) out += sums[j];
    return out;
}

void nn_fixed_fit_add(nn_fixed_fit *fit, float greatest, double squares) {
    if (greatest == 0) return;
    const double share = (double)greatest * (double)greatest / squares;
    if (!(greatest >= least_weight && greatest <= most_weight && share <= most_of_column))
        fit->fails = true;
    fit->shares += share;
    fit->columns++;
}

bool nn_fixed_fit_suits(const nn_fixed_fit *fit) {
    return !fit->fails && fit->shares <= most_of_all * (double)fit->columns;
}

float nn_fixed_factor(float greatest) {
    return (float)((double)greatest / unit);
}

/* The whole number nearest to x, |x| < 2^31, in a form that compilers make vectors of. */
static inline int32_t nearest(double x) {
    const double shifted = x + 0x1.8p52;
    uint64_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    return (int32_t)(uint32_t)bits;
}

/* The number nearest to x that ends with `byte`. */
static inline int32_t ending_with(double x, uint32_t byte) {
    const int32_t upper = nearest((x - (double)(int32_t)byte) * (1.0 / 256));
    return (int32_t)((uint32_t)upper << 8 | byte);
}

/* A group of which all four rows and sixteen columns are there, in units of the columns. */
static void pack_group(double x[NN_FIXED_DEPTH][NN_FIXED_LANES], int32_t *restrict to) {
    for (int lane = 0; lane < NN_FIXED_LANES; lane++) {
        const uint32_t last = (uint32_t)nearest(x[3][lane] * (1.0 / 256));
        to[lane] = ending_with(x[0][lane], last >> 16 & 0xff);
        to[NN_FIXED_LANES + lane] = ending_with(x[1][lane], last >> 8 & 0xff);
        to[2 * NN_FIXED_LANES + lane] = ending_with(x[2][lane], last & 0xff);
    }
}

void nn_fixed_pack(const nn_fixed_source *source, int64_t k, int64_t count, const float *greatest,
                   int32_t *groups, int64_t step) {
    double inverse[NN_FIXED_LANES] = {0}, x[NN_FIXED_DEPTH][NN_FIXED_LANES] = {0};
    for (int64_t lane = 0; lane < count; lane++)
        inverse[lane] = greatest[lane] > 0 ? 1 / (double)nn_fixed_factor(greatest[lane]) : 0;
    for (int64_t i = 0; i < k; i += NN_FIXED_DEPTH, groups += step) {
        for (int64_t j = 0; j < NN_FIXED_DEPTH; j++) {
            const float *w = source->w + (i + j) * source->k_step;
            if (i + j >= k)
                memset(x[j], 0, sizeof x[j]);
            else if (source->column_step == 1)
                for (int64_t lane = 0; lane < count; lane++)
                    x[j][lane] = (double)w[lane] * inverse[lane];
            else
                for (int64_t lane = 0; lane < count; lane++)
                    x[j][lane] = (double)w[lane * source->column_step] * inverse[lane];
        }
        pack_group(x, groups);
    }
}
