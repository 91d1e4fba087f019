#include "ops/cpu/float32/shared/shared_f32.h"

#include "base/integers.h"

#include <math.h>

/* ---- choice ---- */

bool nn_shared_gains(nn_isa isa) {
    return isa >= NN_ISA_AVX512 && nn_cpu_get()->halves_512 && nn_cpu_get()->adds_beside_products;
}

enum { VECTOR = 16 /* columns of a tile */ };

/* Times in vector FMAs, measured on a Zen 4: what a row's own sum takes for each vector of the row
 * and besides; how much longer the end of a tile is, for each row, as stores and what stands before
 * them take places of additions or products; a panel of half a vector that is multiplied by itself.
 */
static const double own_vector = 2.2, own_row = 7, tile_end = 3.5, half_panel_end = 2;

static const double needed_gain = 0.95;

bool nn_shared_ends_in_half(int64_t columns) {
    enum { MOST_VECTORS = 8 };
    const int64_t rest = columns % VECTOR;
    return rest > 0 && rest <= VECTOR / 2 && columns <= MOST_VECTORS * VECTOR;
}

bool nn_shared_pays(int64_t taps, int64_t k, int64_t columns) {
    const bool has_half = nn_shared_ends_in_half(columns);
    const double half = has_half ? 0.5 : 0;
    const double vectors = (double)(nn_divide_up(columns, VECTOR) - has_half);
    const double all = (double)(taps * k), products = (double)(taps * (k - k / NN_SHARED_STEP));
    const double own = (double)(taps * nn_divide_up(k, VECTOR)) * own_vector + own_row;
    const double shared = (products + tile_end) * vectors + (all + half_panel_end) * half + own;
    return shared < needed_gain * all * (vectors + half);
}

/* ---- magnitude of rows ---- */

/* Magnitudes of a row and of weights that are within this need no scale. */
#define NEAR 2.0

double nn_shared_mean_square(const nn_shared_seen *seen) {
    /* Squares of values that overflow or underflow alone are beyond these. */
    const double most = 0x1p80, least = 0x1p-80;
    const double mean = seen->count > 0 ? seen->squares / (double)seen->count : 0;
    return seen->squares < most && mean > least ? mean : 0;
}

float nn_shared_scale(const nn_shared_seen *seen, bool compares) {
    const double most_ratio = 16, mean = nn_shared_mean_square(seen);
    if (mean == 0) return 0;
    if (compares && !((double)seen->greatest <= most_ratio * most_ratio * (double)seen->least))
        return 0;
    const double magnitude = sqrt(mean);
    if (magnitude < NEAR && magnitude > 1 / NEAR) return 1;
    return (float)exp2(round(log2(magnitude)));
}

/* ---- magnitude of columns ---- */

float nn_shared_factor(double squares, int64_t count) {
    const double most_exponent = 60;
    if (!isfinite(squares)) return NAN;
    /* What is left of the rows' own sums is nothing beside any bias then. */
    if (squares == 0 || count == 0) return (float)exp2(-most_exponent);
    const double exponent = round(log2(squares / (double)count) / 2);
    return (float)exp2(fmin(fmax(exponent, -most_exponent), most_exponent));
}
