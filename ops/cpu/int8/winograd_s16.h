/* Quantised 3x3 convolutions of stride 1 by F(4x4, 3x3) (ops/cpu/float32/winograd/winograd_f32.h)
 * in integers: exact, with a quarter of the multiplications, each of 16 bits where direct ones are
 * of 8. For instruction sets that multiply pairs of 16 bits (vpdpwssd) half as fast as quadruples
 * of 8 (vpdpbusd).
 *
 * Points are 0, +-1, +-2 and infinity, the transforms Lavin and Gray's with their fractions
 * cleared:
 *
 *     B^T: rows of magnitude 10 at most, so 8-bit inputs become 100 x 255 < 2^15 at most
 *     G:   (6, 0, 0), (-1, -1, -1), (-1, 1, -1), (1, 2, 4), (1, -2, 4), (0, 0, 6), so weights less
 *          their zero points become 49 x 255 < 2^15 at most
 *     A^T: 3 x 8 y0 = m0 + 4 (m1 + m2) + (m3 + m4)          3 x 4 y1 = 2 (m1 - m2) + (m3 - m4)
 *          3 x 2 y2 = (m1 + m2) + (m3 + m4)                 3 x 2 y3 = (m1 - m2) + 2 (m3 - m4) + m5
 *
 * The last tile along an axis has the outputs that are left there, without the points that these do
 * not need: -2 with three, +-2 with two, -1 and +-2 with one. So n outputs take n + 2 ceil(n / 4)
 * points along an axis. Weights are the same for all tiles. Rows of B^T have factors that make
 * those of A^T the same, too, except that m5 goes to the last output, whichever it is:
 *
 *     three: (4, -2, -4, 2, 0), 3 (0, -2, -1, 1, 0), (0, 2, -3, 1, 0), 4 (0, -1, 0, 1, 0),
 *            (0, 2, -1, -2, 1)
 *     two:   4 (1, 0, -1, 0), 3 (0, -1, -1, 0), 3 (0, 1, -1, 0), 2 (0, -1, 0, 1)
 *     one:   4 (1, -1, 0), (0, -6, 0), 4 (0, -1, 1)
 *
 * With these the positive factors of an input value's 36 amount to 90 at most, and so do the
 * negative ones: 90 x 255 < 2^15.
 *
 * In two dimensions an output comes with a factor of 9 and one of 2^2 to 2^6. Sums of products
 * exceed 32 bits, but wrap: all steps are exact modulo 2^32, and 9 has an inverse there. The
 * multiplier that makes bytes of sums takes the rest, exactly, provided that the result itself
 * stays below 2^25. Inputs keep their zero point, which the number that sums start with takes off.
 * Point 1 has the same part in all outputs of a tile, a sixth of its value along each axis, so that
 * number is added there, times 36.
 *
 * CPUs that add beside products share these (Winograd, "A New Algorithm for Inner Product", 1968):
 * of transformed inputs x of a tile and weights y of a column, for two input channels,
 *
 *     x1 y1 + x2 y2 = (x1 + y2)(x2 + y1) - x1 x2 - y1 y2
 *
 * and so for two pairs of channels at once: a vpdpwssd and two vpaddw in place of two vpdpwssd.
 * What is taken off are numbers of each tile and of each column at a point, their own sums. Units
 * for products add as well, so a Zen 4, with as many for additions alone, is fastest when not all
 * products are shared: 16 channels take 3 shared steps and 2 others, 5.5 cycles in place of eight.
 * Sums x + y stay in 16 bits: factors of inputs and of weights amount to 72 + 36 at most, at point
 * (0, 0) of a tile of three by three outputs, and 108 x 255 < 2^15. */
#ifndef NN_WINOGRAD_S16_H
#define NN_WINOGRAD_S16_H

#include "ops/cpu/int8/winograd_u8s8.h"

enum {
    NN_S16_OUTPUTS = 4,
    NN_S16_POINTS = 6,
    NN_S16_DEPTH = 2,                  /* input channels side by side: [k / 2][column][2] */
    NN_S16_THREES_INVERSE = 954437177, /* 9 x it = 1 modulo 2^32 */
    NN_S16_ONE_FACTOR = 36,            /* of what point (1, 1) adds to each output */
    NN_S16_RESULT_BITS = 25,
    /* Of each group of steps of NN_S16_DEPTH channels, the products of step i and of the next one
     * are shared where bit i is set. Steps that make no whole group are multiplied as ever. */
    NN_S16_GROUP = 8,
    NN_S16_PAIRS = 0x49,
    NN_S16_SHARED_ROWS = 12, /* tiles that shared products take at once */
    NN_S16_OWN_CHANNELS = 2, /* of packed weights, whose place own sums of columns take */
};
/* The fewest outputs, along an axis, of tiles that have a point. */
#define NN_S16_LEAST_OUTPUTS                                                                       \
    { 1, 1, 2, 3, 4, 1 }

/* Factors of two of output 0 .. 3 in one dimension, as shifts. */
static const int nn_s16_shifts[NN_S16_OUTPUTS] = {3, 2, 1, 1};

/* Goes on with a sum as nn_u8s8_tile does. */
typedef struct nn_s16_output {
    const int32_t *m; /* [36], m_step apart, of `channels` rounded up to whole vectors */
    int64_t m_step, channels;
    nn_winograd_bytes bytes;
    bool is_signed;        /* y */
    const nn_qbinary *sum; /* NULL: none */
    bool addend_first;
    const uint8_t *addend; /* lies as y does */
    uint8_t *y;
    int64_t row, pitch;
    int rows, columns; /* outputs of the tile */
} nn_s16_output;

/* Of one instruction set. */
typedef struct nn_winograd_s16_form {
    nn_winograd_sizes sizes;
    void (*input)(const nn_winograd_input *input); /* of bytes; v is int16_t */
    void (*multiply)(const nn_winograd_plan *plan, const nn_winograd_product *product);
    void (*output)(const nn_s16_output *output);
    /* The sum of bytes and that of their magnitudes, x ^ flip taken as signed. */
    void (*add_up)(const uint8_t *x, int64_t count, uint8_t flip, int64_t *sum,
                   int64_t *magnitudes);
} nn_winograd_s16_form;

extern const nn_winograd_s16_form nn_winograd_s16_vnni;

/* Does this CPU add beside products, so that these are shared? */
bool nn_winograd_s16_shares(void);

/* Is it estimated to be faster than direct products of bytes? */
bool nn_winograd_s16_pays(const nn_conv_geometry *geometry, const nn_target *target);

/* Transforms two input channels of a panel: w[channel][tap][column], less their zero points, to
 * u[point][column][channel], points being point_step apart. */
enum { NN_S16_WIDTH = 32 }; /* columns of the widest panel */
void nn_winograd_s16_weights(int16_t w[NN_S16_DEPTH][9][NN_S16_WIDTH], int64_t columns, int16_t *u,
                             int64_t point_step);

/* What shared products with u[step][column][2] start with: the columns' own sums, negated. */
void nn_winograd_s16_own(const int16_t *u, int64_t steps, int64_t columns, int32_t *own);

#endif
