#include "ops/cpu/int8/winograd_s16.h"

#include <math.h>

/* G in one dimension, of three lists of as many columns as the widest panel has. */
static void transform_list(const int16_t *a, const int16_t *b, const int16_t *c,
                           int16_t out[NN_S16_POINTS][NN_S16_WIDTH]) {
    for (int j = 0; j < NN_S16_WIDTH; j++) {
        const int one_even = a[j] + c[j], two_even = a[j] + 4 * c[j];
        out[0][j] = (int16_t)(6 * a[j]);
        out[1][j] = (int16_t)(-one_even - b[j]);
        out[2][j] = (int16_t)(-one_even + b[j]);
        out[3][j] = (int16_t)(two_even + 2 * b[j]);
        out[4][j] = (int16_t)(two_even - 2 * b[j]);
        out[5][j] = (int16_t)(6 * c[j]);
    }
}

void nn_winograd_s16_weights(int16_t w[NN_S16_DEPTH][9][NN_S16_WIDTH], int64_t columns, int16_t *u,
                             int64_t point_step) {
    enum { POINTS = NN_S16_POINTS };
    int16_t rows[NN_S16_DEPTH][3][POINTS][NN_S16_WIDTH]; /* [channel][kx][y] */
    for (int k = 0; k < NN_S16_DEPTH; k++)
        for (int x = 0; x < 3; x++) transform_list(w[k][x], w[k][3 + x], w[k][6 + x], rows[k][x]);
    for (int y = 0; y < POINTS; y++) {
        int16_t values[NN_S16_DEPTH][POINTS][NN_S16_WIDTH];
        for (int k = 0; k < NN_S16_DEPTH; k++)
            transform_list(rows[k][0][y], rows[k][1][y], rows[k][2][y], values[k]);
        for (int x = 0; x < POINTS; x++, u += point_step)
            for (int64_t j = 0; j < columns; j++) {
                u[2 * j] = values[0][x][j];
                u[2 * j + 1] = values[1][x][j];
            }
    }
}

void nn_winograd_s16_own(const int16_t *u, int64_t steps, int64_t columns, int32_t *own) {
    const int64_t step_words = columns * NN_S16_DEPTH;
    uint32_t sums[NN_S16_WIDTH] = {0};
    for (; steps >= NN_S16_GROUP; steps -= NN_S16_GROUP, u += NN_S16_GROUP * step_words)
        for (int i = 0; i < NN_S16_GROUP; i++) {
            if ((NN_S16_PAIRS >> i & 1) == 0) continue;
            const int16_t *y1 = u + i * step_words, *y2 = y1 + step_words;
            for (int64_t j = 0; j < columns; j++)
                sums[j] +=
                    (uint32_t)(y1[2 * j] * y2[2 * j]) + (uint32_t)(y1[2 * j + 1] * y2[2 * j + 1]);
        }
    for (int64_t j = 0; j < columns; j++) own[j] = (int32_t)(0 - sums[j]);
}

/* Times of the loops of winograd_s16_vnni.c and conv_u8s8_vnni.c, in vector products (one vpdpwssd
 * or vpdpbusd). */
enum {
    CHANNELS = 32,          /* of a vector of inputs */
    INPUT = 200,            /* to transform one vector of inputs of a tile */
    OWN = 100,              /* to make its part of own sums, where products are shared */
    LANES = 16,             /* channels of a vector of outputs */
    OUTPUT = 320,           /* to transform one of outputs, and to make bytes of it */
    DIRECT_OUTPUT = 16 * 3, /* to make bytes of as many direct sums */
};

/* Weights that stream from L3 or memory while others multiply: bytes in the time of a product. A
 * Sapphire Rapids has 5 (26 GB/s), a Zen 4 7.5 (28 GB/s), with half as many products. */
static const double weight_bytes_per_product = 4, weight_bytes_per_halved_product = 7.5;

/* Points of all tiles along an axis. */
static double points_of(const nn_window_axis *axis) {
    const int64_t tiles = nn_divide_up(axis->out, NN_S16_OUTPUTS);
    return (double)(axis->out + tiles * (NN_S16_POINTS - NN_S16_OUTPUTS));
}

bool nn_winograd_s16_shares(void) {
    return nn_cpu_get()->adds_beside_products;
}

bool nn_winograd_s16_pays(const nn_conv_geometry *g, const nn_target *target) {
    /* Tiles of AMX multiply eight times as fast. */
    if (target->isa >= NN_ISA_AMX) return false;
    const nn_window_axis *height = &g->axes[NN_HEIGHT], *width = &g->axes[NN_WIDTH];
    const double pixels = (double)g->batch * (double)(height->out * width->out);
    const double tile_points = (double)g->batch * points_of(height) * points_of(width);
    const double in = (double)g->in_channels, out = (double)nn_divide_up(g->out_channels, LANES);
    const double in_vectors = (double)nn_divide_up(g->in_channels, CHANNELS);
    const double points = NN_S16_POINTS * NN_S16_POINTS, taps = 9;
    const double tiles = tile_points / points; /* whole ones */
    const bool shares = nn_winograd_s16_shares();
    const double shared_part = shares ? 5.5 / 8 : 1; /* of the products that are left */
    const double weight_bytes =
        nn_cpu_get()->halves_512 ? weight_bytes_per_halved_product : weight_bytes_per_product;
    const double threads = target->threads, streams = nn_min(target->threads, 2);
    const double weights = in * out * LANES;
    const double direct =
        fmax(taps * pixels * in / 4 * out / threads, taps * weights / weight_bytes / streams) +
        pixels / 16 * out * DIRECT_OUTPUT / threads;
    const double products = fmax(tile_points * in / 2 * out * shared_part / threads,
                                 points * weights * 2 / weight_bytes / streams);
    /* Weights take eight times the memory: that must save a tenth of the time. */
    const double input = INPUT + (shares ? OWN : 0);
    return products + tiles * (in_vectors * input + out * OUTPUT) / threads < 0.9 * direct;
}
