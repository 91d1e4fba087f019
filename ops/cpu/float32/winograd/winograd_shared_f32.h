/* Shared products (shared/shared_f32.h) of Winograd convolutions: matrices of transformed inputs
 * [tile][channel] by transformed weights [channel][16 columns], of one point each.
 *
 * Which channels share a product: of each 48 the first 16 have the next 16 as partners, and those
 * behind them products of their own; of what is left three that follow each other, and the last of
 * 16 none. So partners lie in the same lanes of vectors, or in the same vector. Signs alternate.
 *
 * Magnitudes. Points differ in how much they make of inputs and of weights, by powers that the
 * transforms tell: inputs are multiplied and weights divided by a number for each point, so that
 * both are alike. Columns have one factor for all points, and the whole input one power of two,
 * found from some of its pixels; both are taken back when sums are transformed. A block of tiles
 * whose values are far from one all the same, as all of their squares tell, is multiplied plainly.
 * The error is 1.1 to 1.6 times that of plain products in the tests, twice as great where inputs
 * hardly differ from their mean. */
#ifndef NN_WINOGRAD_SHARED_F32_H
#define NN_WINOGRAD_SHARED_F32_H

#include "ops/cpu/float32/shared/shared_f32.h"

enum {
    NN_WINOGRAD_LANES = 16, /* columns of a panel */
    NN_WINOGRAD_GROUP = NN_SHARED_STEP * NN_WINOGRAD_LANES,
    NN_WINOGRAD_OWN_VALUES = 48, /* places for 36 own sums and the squares */
    NN_WINOGRAD_SQUARES = 47,
};

typedef enum nn_sharing_role { NN_SHARED_FIRST, NN_SHARED_SECOND, NN_SHARED_PLAIN } nn_sharing_role;

/* The i-th channel in the order in which products are made, where a second follows its first. */
typedef struct nn_shared_channel {
    int64_t channel;
    nn_sharing_role role;
    float sign;
} nn_shared_channel;

static inline nn_shared_channel nn_winograd_shared_channel(int64_t channels, int64_t i) {
    const int64_t grouped = channels - channels % NN_WINOGRAD_GROUP;
    int64_t at = i % NN_WINOGRAD_GROUP, three = at / NN_SHARED_STEP;
    nn_shared_channel out = {i, (nn_sharing_role)(at % NN_SHARED_STEP), three % 2 == 0 ? 1 : -1};
    if (i < grouped) {
        out.channel = i - at + three + (int)out.role * NN_WINOGRAD_LANES;
        return out;
    }
    at = (i - grouped) % NN_WINOGRAD_LANES;
    three = at / NN_SHARED_STEP;
    const int64_t first = i - at % NN_SHARED_STEP;
    const bool is_whole = at < NN_WINOGRAD_LANES - 1 && first + NN_SHARED_STEP <= channels;
    out.role = is_whole ? (nn_sharing_role)(at % NN_SHARED_STEP) : NN_SHARED_PLAIN;
    out.sign = three % 2 == 0 ? 1 : -1;
    return out;
}

/* Sums of one point and one panel for some tiles. Own sums of rows and columns are negative. */
typedef struct nn_winograd_shared_product {
    const float *v, *w; /* the columns' own sums lie behind the weights */
    float *sums;
    int64_t v_step, sum_step, tiles, channels;
    const float *own; /* own_step from a tile to the next; NULL: products are not shared */
    int64_t own_step;
    const void *prefetch;
    int64_t prefetch_bytes;
} nn_winograd_shared_product;

/* One instruction set. */
typedef struct nn_winograd_shared_f32 {
    int rows; /* tiles that products take at once */
    void (*multiply)(const nn_winograd_shared_product *product);
    /* The own sums of `count` rows of channels that lie v_step apart; `own` has room for whole
     * vectors of them. Returns the sum of the squares of all values that share products. */
    float (*own)(const float *v, int64_t v_step, int64_t count, int64_t channels, float *own);
} nn_winograd_shared_f32;

extern const nn_winograd_shared_f32 nn_winograd_shared_f32_avx512;

/* Are so many products of one point, by so many columns, to be shared on this CPU? */
bool nn_winograd_shares(const nn_winograd_shared_f32 *shared, nn_sharing sharing, int64_t channels,
                        int64_t columns);

/* The power of two that brings some pixels of a whole input to a root mean square of one; 0:
 * products are not to be shared. */
float nn_winograd_input_scale(const nn_shared_f32 *shared, const float *x, int64_t pixels,
                              int64_t pitch, int64_t channels);

/* The squares of a block's transformed input, added up over its rows of channels, and the greatest
 * sum of some rows that were added at once. */
typedef struct nn_winograd_squares {
    double sum;
    float greatest;
    int64_t rows, most_rows; /* all, at once */
} nn_winograd_squares;

static inline void nn_winograd_add_squares(nn_winograd_squares *all, float squares, int64_t rows) {
    all->sum += (double)squares;
    all->greatest = squares > all->greatest ? squares : all->greatest;
    all->rows += rows;
    all->most_rows = rows > all->most_rows ? rows : all->most_rows;
}

/* Are their root mean squares near one? Where they are greater than weights, or those of some rows
 * are more than `most_at_once`, plain products are more exact; where they are nothing, so are their
 * products. */
bool nn_winograd_are_near(const nn_winograd_squares *all, int64_t channels, double most_at_once);

/* Brings the columns of a panel to a root mean square of about one, and writes what brings them
 * back to `factors`. u[point][channel][column], points `point_step` apart, channels in the order of
 * their products; the columns' own sums are made behind each point's weights. */
void nn_winograd_share_panel(float *u, int points, int64_t point_step, int64_t channels,
                             float factors[NN_WINOGRAD_LANES]);

#endif
