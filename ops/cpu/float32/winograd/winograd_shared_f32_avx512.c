/* The products of winograd_shared_f32.h: the tile of shared_sums_avx512.h with no work behind the
 * sums than to store them, and the rows' own sums. */
#include "ops/cpu/float32/vector.h"

#include "base/integers.h"
#include "ops/cpu/float32/shared/shared_sums_avx512.h"
#include "ops/cpu/float32/winograd/winograd_shared_f32.h"

#if !defined(__clang__)
#    pragma GCC optimize("align-loops=64")
#endif

enum {
    ROWS = NN_SHARED_ROWS,
    SEGMENT = NN_TILE_SEGMENT,
    COLUMNS = NN_SHARED_COLUMNS,
    STEP = NN_SHARED_STEP,
    GROUP = NN_WINOGRAD_GROUP,
    LINE = 64,
    LINES = 3 /* that are fetched at once */
};

/* ---- sums ---- */

/* What is brought to L2 while sums are made. */
typedef struct lines_to_fetch {
    const char *next;
    int64_t step; /* bytes, whole lines, at each of a tile's steps */
} lines_to_fetch;

NN_INLINE void fetch_lines(lines_to_fetch *fetch) {
#pragma GCC unroll 3
    for (int i = 0; i < LINES; i++) __builtin_prefetch(fetch->next + i * LINE, 0, 2);
    if (fetch->step > LINES * LINE)
#pragma GCC unroll 3
        for (int i = LINES; i < 2 * LINES; i++) __builtin_prefetch(fetch->next + i * LINE, 0, 2);
    fetch->next += fetch->step;
}

/* The steps of a tile: two of each twice three channels that share, and one of what is left. */
static inline int64_t fetches_of(int64_t channels) {
    return channels / GROUP * (VF_LANES / 2) + channels % GROUP / VF_LANES;
}

/* `count` channels, of which three that follow each other share. */
NN_INLINE void add_neighbours(vf sum[ROWS], const float *a0, const float *a1, const float *w,
                              int64_t count, size_t step, const int rows, const bool shares) {
    for (; count >= 2 * STEP; count -= 2 * STEP) {
        const float *const a[2] = {a0, a1};
        nn_shared_add_three(sum, a, step, 0, 1, w, rows, shares ? NN_THREE_PLUS : NN_THREE_PLAIN);
        nn_shared_add_three(sum, a, step, STEP, 1, w + STEP * COLUMNS, rows,
                            shares ? NN_THREE_MINUS : NN_THREE_PLAIN);
        a0 += 2 * STEP;
        a1 += 2 * STEP;
        w += 2 * STEP * COLUMNS;
    }
    if (count >= STEP) {
        const float *const a[2] = {a0, a1};
        nn_shared_add_three(sum, a, step, 0, 1, w, rows, shares ? NN_THREE_PLUS : NN_THREE_PLAIN);
        a0 += STEP;
        a1 += STEP;
        w += STEP * COLUMNS;
        count -= STEP;
    }
    nn_shared_add_plain(sum, a0, a1, w, count, step, rows);
}

NN_INLINE void add_channels(vf sum[ROWS], const float *a0, const float *a1, const float *w,
                            int64_t count, size_t step, const int rows, const bool shares,
                            lines_to_fetch *fetch) {
    for (; count >= GROUP; count -= GROUP) {
        for (int i = 0; i < VF_LANES; i += 2) {
            const float *const a[2] = {a0, a1};
            fetch_lines(fetch);
            nn_shared_add_three(sum, a, step, 0, VF_LANES, w, rows,
                                shares ? NN_THREE_PLUS : NN_THREE_PLAIN);
            nn_shared_add_three(sum, a, step, 1, VF_LANES, w + STEP * COLUMNS, rows,
                                shares ? NN_THREE_MINUS : NN_THREE_PLAIN);
            a0 += 2;
            a1 += 2;
            w += 2 * STEP * COLUMNS;
        }
        a0 += GROUP - VF_LANES;
        a1 += GROUP - VF_LANES;
    }
    for (; count > 0; count -= VF_LANES) {
        if (count >= VF_LANES) fetch_lines(fetch);
        add_neighbours(sum, a0, a1, w, nn_min(count, VF_LANES), step, rows, shares);
        a0 += VF_LANES;
        a1 += VF_LANES;
        w += VF_LANES * COLUMNS;
    }
}

/* ---- tiles ---- */

/* `count` tiles of so many rows, from the product's first on. */
NN_INLINE void run_tiles(const nn_winograd_shared_product *p, int64_t count, lines_to_fetch *fetch,
                         const int rows, const bool shares) {
    const int segments = rows > SEGMENT ? 2 : 1;
    const size_t step = (size_t)p->v_step * sizeof(float);
    const int64_t channels = p->channels, sum_step = p->sum_step, v_step = p->v_step;
    const int64_t own_step = p->own_step;
    const float *const w = p->w, *v = p->v, *own = p->own;
    float *sums = p->sums;
    lines_to_fetch lines = *fetch;
    for (; count > 0; count--) {
        vf sum[ROWS];
        const vf column_own = vf_load(w + channels * COLUMNS);
#pragma GCC unroll 14
        for (int i = 0; i < rows; i++) {
            sum[i] = vf_zero();
            if (shares) sum[i] = column_own + vf_set(own[i * own_step]);
        }
        const float *const second = v + (segments - 1) * SEGMENT * v_step;
        add_channels(sum, v, second, w, channels, step, rows, shares, &lines);
#pragma GCC unroll 14
        for (int i = 0; i < rows; i++) vf_store(sums + i * sum_step, sum[i]);
        v += rows * v_step;
        sums += rows * sum_step;
        if (shares) own += rows * own_step;
    }
    *fetch = lines;
}

typedef void run_function(const nn_winograd_shared_product *product, int64_t count,
                          lines_to_fetch *fetch);

#define TILE(rows)                                                                                 \
    static void run_##rows(const nn_winograd_shared_product *product, int64_t count,               \
                           lines_to_fetch *fetch) {                                                \
        if (product->own != NULL)                                                                  \
            run_tiles(product, count, fetch, rows, true);                                          \
        else                                                                                       \
            run_tiles(product, count, fetch, rows, false);                                         \
    }
#define TILE_ENTRY(rows) [rows] = run_##rows,
#define TILE_EACH(X)     X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14)
TILE_EACH(TILE)

/* In tiles of nearly equal height, the higher ones first. */
static void multiply(const nn_winograd_shared_product *product) {
    static run_function *const run[ROWS + 1] = {TILE_EACH(TILE_ENTRY)};
    if (product->tiles <= 0) return;
    const int64_t pieces = nn_divide_up(product->tiles, ROWS);
    const int64_t height = product->tiles / pieces, higher = product->tiles % pieces;
    const int64_t steps = nn_max(fetches_of(product->channels) * pieces, 1);
    lines_to_fetch fetch = {
        product->prefetch != NULL ? product->prefetch : (const void *)product->w,
        nn_divide_up(product->prefetch_bytes, steps * LINE) * LINE,
    };
    nn_winograd_shared_product here = *product;
    if (higher > 0) {
        run[height + 1](&here, higher, &fetch);
        here.v += higher * (height + 1) * here.v_step;
        here.sums += higher * (height + 1) * here.sum_step;
        if (here.own != NULL) here.own += higher * (height + 1) * here.own_step;
    }
    run[height](&here, pieces - higher, &fetch);
}

/* ---- the rows' own sums ---- */

/* Of partners in the same lanes, and of those in one vector, of which the second is one lane
 * further. */
static _Alignas(NN_ALIGNMENT) const
    float lane_signs[VF_LANES] = {-1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1};
static _Alignas(NN_ALIGNMENT) const
    float neighbour_signs[VF_LANES] = {-1, 0, 0, 1, 0, 0, -1, 0, 0, 1, 0, 0, -1, 0, 0, 0};

NN_INLINE vf next_lanes(vf v) {
    const __m512i x = _mm512_castps_si512(v);
    return _mm512_castsi512_ps(_mm512_alignr_epi32(x, x, 1));
}

/* The last lanes of a row may hold anything. */
NN_INLINE vf own_of_row(const float *v, int64_t channels, vf squares[2]) {
    vf lanes = vf_zero(), neighbours = vf_zero();
    for (; channels >= GROUP; channels -= GROUP, v += GROUP) {
        const vf v0 = vf_load(v), v1 = vf_load(v + VF_LANES);
        lanes = vf_fma(v0, v1, lanes);
        squares[0] = vf_fma(v0, v0, squares[0]);
        squares[1] = vf_fma(v1, v1, squares[1]);
    }
    for (; channels >= VF_LANES; channels -= VF_LANES, v += VF_LANES) {
        const vf x = vf_load(v);
        neighbours = vf_fma(x, next_lanes(x), neighbours);
        squares[0] = vf_fma(x, x, squares[0]);
    }
    if (channels >= STEP) {
        const vf x = vf_load_first(v, (int)(channels - channels % STEP));
        neighbours = vf_fma(x, next_lanes(x), neighbours);
        squares[0] = vf_fma(x, x, squares[0]);
    }
    return vf_fma(neighbours, vf_load(neighbour_signs), lanes * vf_load(lane_signs));
}

static float own(const float *v, int64_t v_step, int64_t count, int64_t channels, float *own) {
    vf squares[2] = {vf_zero(), vf_zero()};
    for (int64_t first = 0; first < count; first += VF_LANES) {
        vf sums[VF_LANES];
        for (int i = 0; i < VF_LANES; i++) {
            sums[i] = vf_zero();
            if (first + i < count)
                sums[i] = own_of_row(v + (first + i) * v_step, channels, squares);
        }
        vf_store(own + first, vf_sums_of_lanes(sums));
    }
    return _mm512_reduce_add_ps(squares[0] + squares[1]);
}

const nn_winograd_shared_f32 nn_winograd_shared_f32_avx512 = {ROWS, multiply, own};
