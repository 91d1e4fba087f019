/* Products of matrices of floats with two multiplications for three (Winograd, "A New Algorithm for
 * Inner Product", 1968), for cores whose additions have units beside those of FMAs. Of three values
 * of k the first two share a product and the third has one of its own:
 *
 *     a0 w0 + a1 w1 = (a0 + w1) (a1 + w0) - a0 a1 - w0 w1
 *     a2 w2
 *
 * which is two FMAs and two additions: a core that does one of each a cycle takes two cycles for
 * three. The next three values take the other sign,
 *
 *     a0 w0 + a1 w1 = -(w1 - a0) (w0 - a1) + a0 a1 + w0 w1
 *
 * so that what is taken off does not grow with k where all a are positive. A row's own products
 * and those of a column are one number each for all of k, which the sums start with. So `own` of a
 * row is the sum of a0 a1 with the sign of the three, and that of a column the same of w0 w1.
 *
 * Rounding. Values of a row and of a column meet in sums, so an error is relative to the greater of
 * both: about 1.1 to 1.6 times that of plain sums where they are of equal magnitude (root mean
 * square), 2 to 5 times where they are four times apart. Columns are packed with powers of two that
 * bring their root mean square to one, and a panel is brought to the magnitude of the rows before
 * it is multiplied where that is another. Rows of maps take what all rows of a unit have in common,
 * as the results are maps; those of matrices are multiplied plainly where they differ too much, and
 * so is everything that is not finite, or so great or small that a product might not be. */
#ifndef NN_SHARED_F32_H
#define NN_SHARED_F32_H

#include "base/cpu.h"
#include "ops/cpu/float32/tile_f32.h"

#include <math.h>

enum { NN_SHARED_STEP = 3 }; /* values of k; what is left behind the last of them is plain */

/* When a caller wants products to be shared: the weights must be constant. */
typedef enum nn_sharing {
    NN_SHARE_NEVER,
    NN_SHARE_WHERE_FASTER, /* as estimated, on cores that gain by it */
    NN_SHARE_WHERE_POSSIBLE,
} nn_sharing;

/* Rows of A as tiles read them: row i at a + i * a_step, summed over taps and k. */
typedef struct nn_shared_rows {
    const float *a;
    int64_t a_step, count;
    const nn_tile_tap *taps;
    int64_t tap_count, k;
    bool compares; /* rows with each other */
    float *own;    /* [count] */
} nn_shared_rows;

/* What rows have in common, of which `own` adds up more and more. */
typedef struct nn_shared_seen {
    double squares;        /* sum over all rows */
    float greatest, least; /* such sums of single rows, where these are compared; the latter of
                              those that are not all zero */
    int64_t count;         /* of values */
} nn_shared_seen;
#define NN_SHARED_SEEN_NONE                                                                        \
    { .least = INFINITY }

/* One panel of packed weights as wide as the tile, `rows` rows (taps and k), in parts of part_rows
 * of which the last may be shorter: each is summed from its first row on and has an own sum for
 * each column. */
typedef struct nn_shared_panel {
    float *w;
    int64_t rows, part_rows;
    float *factors; /* of each column: powers of two that bring results back */
    float *own;     /* [part][column] */
} nn_shared_panel;

/* Of one instruction set. */
struct nn_shared_f32 {
    const nn_tile_shape *shape;
    void (*own)(const nn_shared_rows *rows, nn_shared_seen *seen);
    /* Makes the columns' root mean square about one. Where weights are not all finite own sums are
     * NaN, and the panel is to be multiplied plainly. */
    void (*pack)(const nn_shared_panel *panel);
    /* `count` values times `by`. */
    void (*scale)(const float *x, int64_t count, float by, float *scaled);
};

extern const nn_shared_f32 nn_shared_f32_avx512;

/* The mean of the squares; 0 where these, or their sums, are beyond what products of them can be.
 */
double nn_shared_mean_square(const nn_shared_seen *seen);

/* The power of two that brings weights to the magnitude of the rows: 1 where they are near it; 0:
 * these rows are to be multiplied plainly. `compares`: rows may not be of too different magnitude.
 */
float nn_shared_scale(const nn_shared_seen *seen, bool compares);

/* Does this CPU gain by tiles of such an instruction set that share products? */
bool nn_shared_gains(nn_isa isa);

/* Does what is left of panels take half a vector, without sharing? Where it is much of the whole;
 * else columns of equal weights should have equal results. */
bool nn_shared_ends_in_half(int64_t columns);

/* Are products of `k` values and `taps` taps by so many columns estimated to be faster shared? */
bool nn_shared_pays(int64_t taps, int64_t k, int64_t columns);

/* The power of two next to the root mean square of so many values; NaN where that is not finite. */
float nn_shared_factor(double squares, int64_t count);

#endif
