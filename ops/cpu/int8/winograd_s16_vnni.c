#include "ops/cpu/int8/int8_bytes_avx512.h"
#include "ops/cpu/int8/winograd_s16.h"

/* As in conv_u8s8_vnni.c: it would keep a copy of the sums in memory. Loops that do not begin with
 * a line of code take up to an eighth more where weights come from memory. */
#if !defined(__clang__)
#    pragma GCC optimize("no-tree-pre", "align-loops=64")
#endif

enum { OUTPUTS = NN_S16_OUTPUTS, POINTS = NN_S16_POINTS, LANES = 16, WORDS = 32, BESIDE = 2 };
enum { STEP = 2 /* channels */, PAIRS = NN_S16_PAIRS };
enum { LEAST_SHIFTS = 2, MOST_SHIFTS = 6 }; /* of a sum: the factors of two of both dimensions */

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 16")

/* Does a tile of so many outputs along an axis have a point? */
INLINE bool has_point(const int outputs, const int point) {
    static const int least[POINTS] = NN_S16_LEAST_OUTPUTS;
    return least[point] <= outputs;
}

/* ---- input: 32 channels in a vector --------------------------------------------------------- */

INLINE __m512i times_4(__m512i x) {
    return _mm512_slli_epi16(x, 2);
}
INLINE __m512i twice(__m512i x) {
    return _mm512_add_epi16(x, x);
}
INLINE __m512i thrice(__m512i x) {
    return _mm512_add_epi16(twice(x), x);
}

/* B^T d, of pixels for so many outputs. */
INLINE void input_line(const __m512i d[POINTS], __m512i o[POINTS], const int outputs) {
    if (outputs == 1) {
        o[0] = times_4(_mm512_sub_epi16(d[0], d[1]));
        o[1] = thrice(twice(_mm512_sub_epi16(_mm512_setzero_si512(), d[1])));
        o[5] = times_4(_mm512_sub_epi16(d[2], d[1]));
        return;
    }
    const __m512i outer = _mm512_sub_epi16(d[0], d[2]), difference = _mm512_sub_epi16(d[3], d[1]);
    const __m512i twice_difference = twice(difference);
    if (outputs == 2) {
        const __m512i minus_two = _mm512_sub_epi16(_mm512_setzero_si512(), d[2]);
        o[0] = times_4(outer);
        o[1] = thrice(_mm512_sub_epi16(minus_two, d[1]));
        o[2] = thrice(_mm512_add_epi16(minus_two, d[1]));
        o[5] = twice_difference;
        return;
    }
    const __m512i last = _mm512_sub_epi16(d[4], d[2]);
    if (outputs == 3) {
        const __m512i twice_one = twice(d[1]), one = _mm512_sub_epi16(d[3], d[2]);
        o[0] = _mm512_add_epi16(times_4(outer), twice_difference);
        o[1] = thrice(_mm512_sub_epi16(one, twice_one));
        o[2] = _mm512_add_epi16(_mm512_sub_epi16(one, twice(d[2])), twice_one);
        o[3] = twice(twice_difference);
        o[5] = _mm512_sub_epi16(last, twice_difference);
        return;
    }
    const __m512i even = _mm512_sub_epi16(d[4], times_4(d[2]));
    const __m512i odd = _mm512_sub_epi16(d[3], times_4(d[1]));
    o[0] = _mm512_add_epi16(times_4(outer), last);
    o[1] = _mm512_add_epi16(even, odd);
    o[2] = _mm512_sub_epi16(even, odd);
    o[3] = _mm512_add_epi16(last, twice_difference);
    o[4] = _mm512_sub_epi16(last, twice_difference);
    o[5] = _mm512_sub_epi16(_mm512_sub_epi16(d[5], d[3]), twice(twice_difference));
}

/* Channels from c on; with `whole`, all of them exist. */
INLINE void input_vector(const nn_winograd_input in, int64_t c, const bool whole, const bool flips,
                         const int rows, const int columns) {
    const __mmask32 mask = whole ? UINT32_MAX : (1u << (in.channels - c)) - 1;
    const __m256i flip = _mm256_set1_epi8((char)in.flip);
    __m512i t[POINTS][POINTS];
    UNROLL for (int column = 0; column < columns + BESIDE; column++) {
        const uint8_t *x = (const uint8_t *)in.x + column * in.pitch + c;
        __m512i d[POINTS], o[POINTS];
        UNROLL for (int row = 0; row < rows + BESIDE; row++, x += in.row) {
            __m256i bytes = whole ? _mm256_loadu_si256((const __m256i *)(const void *)x)
                                  : _mm256_maskz_loadu_epi8(mask, x);
            if (flips) bytes = _mm256_xor_si256(bytes, flip);
            d[row] = _mm512_cvtepu8_epi16(bytes);
        }
        input_line(d, o, rows);
        UNROLL for (int row = 0; row < POINTS; row++) if (has_point(rows, row)) t[row][column] =
            o[row];
    }
    int16_t *v = (int16_t *)in.v + c;
    UNROLL for (int row = 0; row < POINTS; row++) {
        __m512i o[POINTS];
        if (has_point(rows, row)) input_line(t[row], o, columns);
        UNROLL for (int column = 0; column < POINTS;
                    column++,
                    v += in.v_step) if (has_point(rows, row) && has_point(columns, column))
            _mm512_storeu_si512(v, o[column]);
    }
}

enum { OWN_POINTS = 4 }; /* at once */

/* The sum of each vector's lanes. */
INLINE __m128i sums_of_lanes(const __m512i x[OWN_POINTS]) {
    const __m512i low =
        _mm512_add_epi32(_mm512_unpacklo_epi32(x[0], x[1]), _mm512_unpackhi_epi32(x[0], x[1]));
    const __m512i high =
        _mm512_add_epi32(_mm512_unpacklo_epi32(x[2], x[3]), _mm512_unpackhi_epi32(x[2], x[3]));
    const __m512i all =
        _mm512_add_epi32(_mm512_unpacklo_epi64(low, high), _mm512_unpackhi_epi64(low, high));
    const __m256i half =
        _mm256_add_epi32(_mm512_castsi512_si256(all), _mm512_extracti64x4_epi64(all, 1));
    return _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
}

/* Adds x1 x2 of the shared steps of one vector for each point. */
INLINE void add_own_products(__m512i sum[OWN_POINTS], const int16_t *v, int64_t v_step,
                             const __mmask16 pairs) {
    UNROLL for (int i = 0; i < OWN_POINTS; i++) {
        const __m512i x = _mm512_load_si512(v + i * v_step);
        sum[i] = _mm512_dpwssd_epi32(sum[i], x, _mm512_maskz_alignr_epi32(pairs, x, x, 1));
    }
}

/* What products that are shared take off for the tile at each point, from its transformed input.
 * Points that the tile does not have get sums that nothing reads. */
static void add_own(const nn_winograd_input *in) {
    const int64_t groups = nn_divide_up(in->channels, STEP) / NN_S16_GROUP;
    const int16_t *v = in->v;
    for (int point = 0; point < POINTS * POINTS;
         point += OWN_POINTS, v += OWN_POINTS * in->v_step) {
        __m512i sum[OWN_POINTS];
        UNROLL for (int i = 0; i < OWN_POINTS; i++) sum[i] = _mm512_setzero_si512();
        const int16_t *x = v;
        for (int64_t group = 0; group + 2 <= groups; group += 2, x += WORDS)
            add_own_products(sum, x, in->v_step, PAIRS | PAIRS << NN_S16_GROUP);
        if (groups % 2 != 0) add_own_products(sum, x, in->v_step, PAIRS);
        _mm_storeu_si128((__m128i *)(void *)((int32_t *)in->own + point), sums_of_lanes(sum));
    }
}

INLINE void input_of(const nn_winograd_input in, const bool flips, const int rows,
                     const int columns) {
    int64_t c = 0;
    for (; c + WORDS <= in.channels; c += WORDS) input_vector(in, c, true, flips, rows, columns);
    if (c < in.channels) input_vector(in, c, false, flips, rows, columns);
}

#define EACH_COLUMNS(X, rows) X(rows, 1) X(rows, 2) X(rows, 3) X(rows, 4)
#define EACH_SIZE(X)          EACH_COLUMNS(X, 1) EACH_COLUMNS(X, 2) EACH_COLUMNS(X, 3) EACH_COLUMNS(X, 4)
#define INPUT(rows, columns)                                                                       \
    static void input_##rows##x##columns(const nn_winograd_input *in) {                            \
        if (in->flip == 0 && rows == OUTPUTS && columns == OUTPUTS)                                \
            input_of(*in, false, rows, columns);                                                   \
        else                                                                                       \
            input_of(*in, true, rows, columns);                                                    \
    }
#define INPUT_ENTRY(rows, columns) input_##rows##x##columns,
EACH_SIZE(INPUT)

static void input(const nn_winograd_input *in) {
    static void (*const inputs[OUTPUTS * OUTPUTS])(const nn_winograd_input *) = {
        EACH_SIZE(INPUT_ENTRY)};
    inputs[(in->rows - 1) * OUTPUTS + in->columns - 1](in);
    if (in->own != NULL) add_own(in);
}

/* ---- products: 14 tiles by 2 vectors of channels, 12 by 2 where they are shared -------------- */

enum {
    ROWS = 14,
    SHARED_ROWS = NN_S16_SHARED_ROWS,
    SEGMENT = 7,
    VECTORS = 2,
    STEPS_AT_ONCE = 2,
    LINE = 64
};

typedef struct product_tile {
    const int16_t *a, *w;
    const int32_t *own;
    int64_t a_step;
    int64_t steps; /* over channels, by twos */
    int32_t *sums;
    int64_t sums_step;
    const char *fetch;
    int64_t fetch_step; /* bytes for every two steps; for every group where products are shared */
} product_tile;

INLINE __m512i broadcast_pair(const int16_t *x) {
    int32_t pair;
    memcpy(&pair, x, sizeof pair);
    return _mm512_set1_epi32(pair);
}

/* Each step of two channels: rows x vectors products for rows broadcasts and `vectors` loads. */
INLINE void add_products(__m512i sum[ROWS][VECTORS], const int16_t *a0, const int16_t *a1,
                         int64_t a_step, const int16_t *w, const int rows, const int vectors) {
    __m512i weights[VECTORS];
    UNROLL for (int j = 0; j < vectors; j++) weights[j] = _mm512_load_si512(w + j * WORDS);
    UNROLL for (int i = 0; i < rows; i++) {
        const __m512i x =
            broadcast_pair(i < SEGMENT ? a0 + i * a_step : a1 + (i - SEGMENT) * a_step);
        UNROLL for (int j = 0; j < vectors; j++) sum[i][j] =
            _mm512_dpwssd_epi32(sum[i][j], x, weights[j]);
    }
}

INLINE void tile(const product_tile *t, const int rows, const int vectors) {
    __m512i sum[ROWS][VECTORS];
    UNROLL for (int i = 0; i < rows; i++) UNROLL for (int j = 0; j < vectors; j++) sum[i][j] =
        _mm512_setzero_si512();
    const int16_t *a0 = t->a, *a1 = t->a + (rows > SEGMENT ? SEGMENT : 0) * t->a_step, *w = t->w;
    const int64_t a_step = t->a_step;
    const char *fetch = t->fetch;
    const bool fetches_more = t->fetch_step > 2 * LINE;
    int64_t k = t->steps;
    for (; k >= STEPS_AT_ONCE; k -= STEPS_AT_ONCE) {
        _mm_prefetch(fetch, _MM_HINT_T1);
        _mm_prefetch(fetch + LINE, _MM_HINT_T1);
        if (fetches_more) {
            _mm_prefetch(fetch + 2 * LINE, _MM_HINT_T1);
            _mm_prefetch(fetch + 3 * LINE, _MM_HINT_T1);
        }
        fetch += t->fetch_step;
        add_products(sum, a0, a1, a_step, w, rows, vectors);
        add_products(sum, a0 + STEP, a1 + STEP, a_step, w + vectors * WORDS, rows, vectors);
        a0 += STEPS_AT_ONCE * STEP;
        a1 += STEPS_AT_ONCE * STEP;
        w += STEPS_AT_ONCE * vectors * WORDS;
    }
    if (k > 0) add_products(sum, a0, a1, a_step, w, rows, vectors);
    UNROLL for (int i = 0; i < rows; i++) UNROLL for (int j = 0; j < vectors; j++)
        _mm512_storeu_si512(t->sums + i * t->sums_step + j * LANES, sum[i][j]);
}

/* Two steps at once: (x1 + y2) (x2 + y1). */
INLINE void add_shared_products(__m512i sum[ROWS][VECTORS], const int16_t *a0, const int16_t *a1,
                                int64_t a_step, const int16_t *w, const int rows,
                                const int vectors) {
    __m512i y1[VECTORS], y2[VECTORS];
    UNROLL for (int j = 0; j < vectors; j++) {
        y1[j] = _mm512_load_si512(w + j * WORDS);
        y2[j] = _mm512_load_si512(w + (vectors + j) * WORDS);
    }
    UNROLL for (int i = 0; i < rows; i++) {
        const int16_t *a = i < SEGMENT ? a0 + i * a_step : a1 + (i - SEGMENT) * a_step;
        const __m512i x1 = broadcast_pair(a), x2 = broadcast_pair(a + STEP);
        UNROLL for (int j = 0; j < vectors; j++) sum[i][j] = _mm512_dpwssd_epi32(
            sum[i][j], _mm512_add_epi16(x1, y2[j]), _mm512_add_epi16(x2, y1[j]));
    }
}

INLINE void fetch_lines(const char *fetch, const int first, const int end) {
    UNROLL for (int i = first; i < end; i++) _mm_prefetch(fetch + i * LINE, _MM_HINT_T1);
}

/* Steps of both kinds take turns, so that units for products and for additions are busy alike. */
INLINE void shared_tile(const product_tile *t, const int rows, const int vectors) {
    __m512i sum[ROWS][VECTORS];
    const int64_t a_step = t->a_step, w_step = vectors * WORDS;
    const int16_t *a0 = t->a, *a1 = t->a + (rows > SEGMENT ? SEGMENT : 0) * a_step, *w = t->w;
    UNROLL for (int i = 0; i < rows; i++) UNROLL for (int j = 0; j < vectors; j++) sum[i][j] =
        _mm512_sub_epi32(_mm512_load_si512(w + t->steps * w_step + j * WORDS),
                         _mm512_set1_epi32(t->own[i * POINTS * POINTS]));
    const char *fetch = t->fetch;
    const bool fetches_more = t->fetch_step > 4 * LINE, fetches_most = t->fetch_step > 8 * LINE;
    int64_t k = t->steps;
    for (; k >= NN_S16_GROUP; k -= NN_S16_GROUP) {
        fetch_lines(fetch, 0, 4);
        add_shared_products(sum, a0, a1, a_step, w, rows, vectors);
        if (fetches_more) fetch_lines(fetch, 4, 8);
        add_products(sum, a0 + 2 * STEP, a1 + 2 * STEP, a_step, w + 2 * w_step, rows, vectors);
        add_shared_products(sum, a0 + 3 * STEP, a1 + 3 * STEP, a_step, w + 3 * w_step, rows,
                            vectors);
        if (fetches_most) fetch_lines(fetch, 8, 16);
        add_products(sum, a0 + 5 * STEP, a1 + 5 * STEP, a_step, w + 5 * w_step, rows, vectors);
        add_shared_products(sum, a0 + 6 * STEP, a1 + 6 * STEP, a_step, w + 6 * w_step, rows,
                            vectors);
        fetch += t->fetch_step;
        a0 += NN_S16_GROUP * STEP;
        a1 += NN_S16_GROUP * STEP;
        w += NN_S16_GROUP * w_step;
    }
    for (; k > 0; k--, a0 += STEP, a1 += STEP, w += w_step)
        add_products(sum, a0, a1, a_step, w, rows, vectors);
    UNROLL for (int i = 0; i < rows; i++) UNROLL for (int j = 0; j < vectors; j++)
        _mm512_storeu_si512(t->sums + i * t->sums_step + j * LANES, sum[i][j]);
}

#define TILE(rows)                                                                                 \
    static void tile_##rows##x1(const product_tile *t) {                                           \
        tile(t, rows, 1);                                                                          \
    }                                                                                              \
    static void tile_##rows##x2(const product_tile *t) {                                           \
        tile(t, rows, 2);                                                                          \
    }
#define SHARED_TILE(rows)                                                                          \
    static void shared_tile_##rows##x1(const product_tile *t) {                                    \
        shared_tile(t, rows, 1);                                                                   \
    }                                                                                              \
    static void shared_tile_##rows##x2(const product_tile *t) {                                    \
        shared_tile(t, rows, 2);                                                                   \
    }
#define ENTRY(rows)         {tile_##rows##x1, tile_##rows##x2},
#define SHARED_ENTRY(rows)  {shared_tile_##rows##x1, shared_tile_##rows##x2},
#define EACH_SHARED_ROWS(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12)
#define EACH_ROWS(X)        EACH_SHARED_ROWS(X) X(13) X(14)
EACH_ROWS(TILE)
EACH_SHARED_ROWS(SHARED_TILE)

typedef void run_tile(const product_tile *tile);

static void multiply(const nn_winograd_plan *plan, const nn_winograd_product *product) {
    static run_tile *const tiles[ROWS][VECTORS] = {EACH_ROWS(ENTRY)};
    static run_tile *const shared_tiles[SHARED_ROWS][VECTORS] = {EACH_SHARED_ROWS(SHARED_ENTRY)};
    const bool shares = product->own != NULL;
    const int64_t vectors = product->columns / LANES;
    const int64_t pieces = nn_divide_up(product->tiles, shares ? SHARED_ROWS : ROWS);
    const int64_t height = product->tiles / pieces, higher = product->tiles % pieces;
    product_tile t = {
        .a = product->v,
        .w = product->weights,
        .own = product->own,
        .a_step = plan->v_pitch,
        .steps = nn_divide_up(plan->in_channels, STEP),
        .sums = product->sums,
        .sums_step = plan->m_pitch,
        .fetch = product->prefetch,
    };
    const int64_t fetches = t.steps / (shares ? NN_S16_GROUP : STEPS_AT_ONCE);
    if (fetches > 0) t.fetch_step = nn_divide_up(product->prefetch_bytes, fetches * pieces);
    for (int64_t i = 0; i < pieces; i++) {
        const int64_t rows = height + (i < higher);
        if (shares)
            shared_tiles[rows - 1][vectors - 1](&t);
        else
            tiles[rows - 1][vectors - 1](&t);
        if (shares) t.own += rows * POINTS * POINTS;
        t.a += rows * t.a_step;
        t.sums += rows * t.sums_step;
        t.fetch += fetches * t.fetch_step;
    }
}

/* ---- output: 16 channels in a vector -------------------------------------------------------- */

INLINE __m512i twice_plus(__m512i x, __m512i y) {
    return _mm512_add_epi32(_mm512_slli_epi32(x, 1), y);
}

/* A^T m, with the factors that the header tells, for so many outputs. */
INLINE void output_line(const __m512i m[POINTS], __m512i o[OUTPUTS], const int outputs) {
    if (outputs == 1) {
        o[0] = _mm512_add_epi32(_mm512_add_epi32(m[0], m[5]), _mm512_slli_epi32(m[1], 2));
        return;
    }
    const __m512i one_sum = _mm512_add_epi32(m[1], m[2]),
                  one_difference = _mm512_sub_epi32(m[1], m[2]);
    const __m512i first = _mm512_add_epi32(m[0], _mm512_slli_epi32(one_sum, 2));
    if (outputs == 2) {
        o[0] = first;
        o[1] = twice_plus(one_difference, m[5]);
        return;
    }
    if (outputs == 3) {
        o[0] = _mm512_add_epi32(first, m[3]);
        o[1] = twice_plus(one_difference, m[3]);
        o[2] = _mm512_add_epi32(one_sum, _mm512_add_epi32(m[3], m[5]));
        return;
    }
    const __m512i two_sum = _mm512_add_epi32(m[3], m[4]),
                  two_difference = _mm512_sub_epi32(m[3], m[4]);
    o[0] = _mm512_add_epi32(first, two_sum);
    o[1] = twice_plus(one_difference, two_difference);
    o[2] = _mm512_add_epi32(one_sum, two_sum);
    o[3] = twice_plus(two_difference, _mm512_add_epi32(one_difference, m[5]));
}

typedef struct finisher {
    __m512i start;                       /* that of sums, times NN_S16_ONE_FACTOR */
    __m512 multipliers[MOST_SHIFTS + 1]; /* by the factor of two of the sums, as a shift */
    nn_byte_rule rule;
    nn_byte_adder adder;
} finisher;

/* The pixels of one row, channels from c on as `mask` has them. */
INLINE void finish_row(const nn_s16_output *out, const finisher *f, const __m512i sums[OUTPUTS],
                       int64_t at, __mmask16 mask, const int row, const int columns,
                       const bool is_signed, const bool adds) {
    const __m512i inverse = _mm512_set1_epi32(NN_S16_THREES_INVERSE);
    __m512i rounded[OUTPUTS];
    UNROLL for (int i = 0; i < columns; i++) {
        rounded[i] = nn_round_sums(_mm512_mullo_epi32(sums[i], inverse),
                                   f->multipliers[nn_s16_shifts[row] + nn_s16_shifts[i]]);
    }
    UNROLL for (int i = columns; i < OUTPUTS; i++) rounded[i] = rounded[0];
    __m512i bytes = nn_bytes_of_four(&f->rule, is_signed, rounded);
    if (adds) {
        __m512i addend = _mm512_setzero_si512();
        UNROLL for (int i = 0; i < columns; i++) addend = nn_with_quarter(
            addend, _mm_maskz_loadu_epi8(mask, out->addend + at + i * out->pitch), i);
        addend = nn_exchange_dwords(addend);
        bytes = out->addend_first ? nn_add_bytes(&f->adder, is_signed, addend, bytes)
                                  : nn_add_bytes(&f->adder, is_signed, bytes, addend);
    }
    bytes = nn_exchange_dwords(bytes);
    UNROLL for (int i = 0; i < columns; i++) {
        uint8_t *y = out->y + at + i * out->pitch;
        if (mask == UINT16_MAX)
            _mm_storeu_si128((__m128i *)(void *)y, nn_quarter_of(bytes, i));
        else
            _mm_mask_storeu_epi8(y, mask, nn_quarter_of(bytes, i));
    }
}

INLINE void output_of(const nn_s16_output out, const int rows, const int columns,
                      const bool is_signed, const bool adds) {
    finisher f;
    nn_byte_rule_set(&f.rule, is_signed, out.bytes.zero, out.bytes.low, out.bytes.high);
    if (adds) nn_byte_adder_set(&f.adder, is_signed, out.sum);
    for (int64_t c = 0; c < out.channels; c += LANES) {
        const int64_t left = out.channels - c;
        const __mmask16 mask = left >= LANES ? UINT16_MAX : (__mmask16)((1u << left) - 1);
        f.start = _mm512_mullo_epi32(_mm512_loadu_si512(out.bytes.start + c),
                                     _mm512_set1_epi32(NN_S16_ONE_FACTOR));
        const __m512 multiplier = _mm512_loadu_ps(out.bytes.multiplier + c);
        UNROLL for (int i = LEAST_SHIFTS; i <= MOST_SHIFTS; i++) f.multipliers[i] =
            _mm512_mul_ps(multiplier, _mm512_set1_ps(1.0f / (float)(1 << i)));
        /* Even rows, then odd ones: half of what stands between both dimensions stays in registers,
         * and each takes sums or differences of points, so that nothing is computed twice. */
        UNROLL for (int first = 0; first < 2 && first < rows; first++) {
            const int32_t *m = out.m + c;
            __m512i t[OUTPUTS][POINTS];
            UNROLL for (int column = 0; column < POINTS; column++, m += out.m_step) {
                if (!has_point(columns, column)) continue;
                __m512i d[POINTS], o[OUTPUTS];
                UNROLL for (int row = 0; row < POINTS; row++) if (has_point(rows, row)) d[row] =
                    _mm512_loadu_si512(m + row * POINTS * out.m_step);
                if (column == 1) d[1] = _mm512_add_epi32(d[1], f.start);
                output_line(d, o, rows);
                UNROLL for (int row = first; row < rows; row += 2) t[row][column] = o[row];
            }
            UNROLL for (int row = first; row < rows; row += 2) {
                __m512i y[OUTPUTS];
                output_line(t[row], y, columns);
                finish_row(&out, &f, y, row * out.row + c, mask, row, columns, is_signed, adds);
            }
        }
    }
}

/* Loops for either sign of results are for whole tiles only, of which there are most. */
#define OUTPUT(rows, columns)                                                                      \
    static void output_##rows##x##columns(const nn_s16_output *out) {                              \
        const bool is_whole = rows == OUTPUTS && columns == OUTPUTS;                               \
        const bool is_signed = is_whole ? false : out->is_signed;                                  \
        if (out->sum == NULL && is_whole && out->is_signed)                                        \
            output_of(*out, rows, columns, true, false);                                           \
        else if (out->sum == NULL)                                                                 \
            output_of(*out, rows, columns, is_signed, false);                                      \
        else if (is_whole && out->is_signed)                                                       \
            output_of(*out, rows, columns, true, true);                                            \
        else                                                                                       \
            output_of(*out, rows, columns, is_signed, true);                                       \
    }
#define OUTPUT_ENTRY(rows, columns) output_##rows##x##columns,
EACH_SIZE(OUTPUT)

static void output(const nn_s16_output *out) {
    static void (*const outputs[OUTPUTS * OUTPUTS])(const nn_s16_output *) = {
        EACH_SIZE(OUTPUT_ENTRY)};
    outputs[(out->rows - 1) * OUTPUTS + out->columns - 1](out);
}

static void add_up(const uint8_t *x, int64_t count, uint8_t flip, int64_t *sum,
                   int64_t *magnitudes) {
    enum { BYTES = 64 };
    const __m512i flips = _mm512_set1_epi8((char)flip), zero = _mm512_setzero_si512();
    __m512i sums = zero, of_magnitudes = zero; /* vpsadbw adds bytes up without a sign */
    for (int64_t i = 0; i < count; i += BYTES) {
        const int64_t left = count - i;
        const __mmask64 mask = left >= BYTES ? UINT64_MAX : ((uint64_t)1 << left) - 1;
        const __m512i bytes = _mm512_maskz_mov_epi8(
            mask, _mm512_xor_si512(_mm512_maskz_loadu_epi8(mask, x + i), flips));
        const __m512i raised = _mm512_xor_si512(bytes, _mm512_set1_epi8((char)0x80));
        sums = _mm512_add_epi64(sums, _mm512_sad_epu8(raised, zero));
        of_magnitudes =
            _mm512_add_epi64(of_magnitudes, _mm512_sad_epu8(_mm512_abs_epi8(bytes), zero));
    }
    *sum = _mm512_reduce_add_epi64(sums) - 0x80 * nn_round_up(count, BYTES);
    *magnitudes = _mm512_reduce_add_epi64(of_magnitudes);
}

const nn_winograd_s16_form nn_winograd_s16_vnni = {
    .sizes = {.outputs = OUTPUTS,
              .points = POINTS,
              .lanes = LANES,
              .rows = {ROWS, ROWS},
              .vectors = VECTORS,
              .v_bytes = sizeof(int16_t),
              .weight_bytes = sizeof(int16_t),
              .depth = STEP,
              .least_outputs = NN_S16_LEAST_OUTPUTS},
    .input = input,
    .multiply = multiply,
    .output = output,
    .add_up = add_up,
};
