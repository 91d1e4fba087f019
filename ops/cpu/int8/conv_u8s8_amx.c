/* The loops of amx_u8s8.h.
 *
 * A pass multiplies two pixel tiles (registers 4 and 5) with one or two channel tiles (6 and 7)
 * into up to four tiles of sums (0 to 3); a block of up to two channel tiles takes one pass, else
 * two. A tile product costs as many cycles as the pixel tile has rows, whatever the width, and a
 * step of four of them takes four tile loads: the multiplier is the bound as long as weights come
 * from L2.
 *
 * Everything else happens beside the products. The sums of a pass are stored while the first step
 * of the next pass runs, each tile just before it is cleared; rows of stored sums are finished
 * (scaled, rounded, packed) between the products of the passes after that. Which rows a pass
 * finishes is chosen such that none of them are stored in the same pass, so that two buffers of
 * sums suffice.
 *
 * Where all pixels of a map are in four tiles, a pass multiplies all of them (registers 4, 5 and 7)
 * with one channel tile (6) instead, and a block takes four passes: weights are as long on the way
 * from the last cache as the products take, and come once. */
#include "base/integers.h"
#include "ops/cpu/amx_tiles.h"
#include "ops/cpu/int8/amx_u8s8.h"
#include "ops/cpu/int8/int8_finish.inc.h"

#include <math.h>

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 32")
/* Finishing a row stands in many places: with a sanitizer's checks in each, compilers take minutes.
 */
#ifdef NN_SANITIZED
#    define INLINE_ROW static __attribute__((noinline))
#else
#    define INLINE_ROW INLINE
#endif

enum {
    LEAST_FRACTION = 12, /* bits of a sum in fixed point */
    MOST_FRACTION = 20,
    PASS_ROWS = 2 * NN_AMX_ROWS,                     /* that are finished in a pass, at most */
    MOST_ROWS = NN_AMX_U8S8_MAP_TILES * NN_AMX_ROWS, /* pixels of a job */
    MOST_TILES = 4,                                  /* of channels */
    LANES = NN_AMX_U8S8_CHANNELS,
    SUMS_PITCH = 80, /* numbers from row to row: a line more than 64, so that sets of L1 differ */
    SUMS_BYTES = SUMS_PITCH * (int)sizeof(int32_t),
    BUFFER = MOST_ROWS * SUMS_PITCH,
    /* A tile store more than some 2,000 cycles after the last one may wait for 900 more, as if the
     * unit had fallen asleep (Sapphire Rapids). In long sums a tile is stored for nobody's use each
     * time this many steps have passed. */
    AWAKE_STEPS = 16,
    CACHE_LINE = 64,
    MOST_LINES = 16,                                        /* to be fetched in a step */
    DROPPED_BYTES = MOST_TILES * LANES * (int)sizeof(float) /* a result that is no output */
};

/* What scratch holds. */
typedef struct sums_buffers {
    int32_t sums[2][BUFFER];
    uint8_t one_result[MOST_TILES * LANES];
    uint8_t dropped[DROPPED_BYTES];
    uint8_t unused[NN_AMX_TILE_BYTES]; /* stored to keep the stores awake */
} sums_buffers;

int64_t nn_amx_u8s8_scratch_bytes(void) {
    return nn_round_up((int64_t)sizeof(sums_buffers), NN_ALIGNMENT);
}

/* ---- finishing ------------------------------------------------------------------------------ */

/* What becomes of sums: bytes by the simple rule of nn_int8_call, without an addend, with one in
 * fixed point or in floats, or any other result. */
typedef enum result_form { TO_BYTES, TO_BYTES_FIXED, TO_BYTES_EXACT, TO_ANY } result_form;

/* What a sum needs in fixed point, for all rows: numbers of 32 bits, of which the lowest `fraction`
 * are below the point. */
typedef struct fixed_adder {
    __m512i scales; /* of the convolution and of the addend, as 16-bit halves */
    __m512i offset; /* with half a step */
    __m512i fraction, flip;
} fixed_adder;

/* What a sum needs in floats, for all rows. */
typedef struct adder {
    bool addend_first;
    /* A byte of a lane's dword t goes to the low end of a word of 32 bits where it is unsigned, and
     * to the high end where it is signed: 2^24 times the value, which the scales make up for. */
    __m512i spread[MOST_TILES];
    __m512 a_scale, b_scale, offset;
} adder;

/* Rows of sums that are to be finished, and the numbers of their channels. */
typedef struct finisher {
    const nn_amx_u8s8_piece *piece;
    sums_buffers *buffers;
    const int32_t *sums;
    const int32_t *pixels;
    uint8_t *targets[2]; /* pixel 0, and where dropped results go */
    const uint8_t *addends[2];
    int64_t channel; /* first, in the parameters */
    int columns;     /* that exist */
    __mmask64 mask;  /* of them */
    __m512 multiplier[MOST_TILES];
    /* The way from rounded values to bytes; what does nothing is left out. */
    bool has_zero, clamps, is_signed;
    __m512i zero, low, high; /* 16 bits */
    fixed_adder fixed;
    adder add;
} finisher;

static adder adder_of(const nn_amx_u8s8_piece *piece) {
    const nn_qbinary *sum = piece->sum;
    if (sum == NULL) return (adder){0};
    const bool is_signed = sum->lowest < 0;
    const float unit = is_signed ? 0x1p-24f : 1;
    adder out = {.addend_first = piece->addend_first,
                 .a_scale = _mm512_set1_ps(sum->a_scale * unit),
                 .b_scale = _mm512_set1_ps(sum->b_scale * unit),
                 .offset = _mm512_set1_ps(sum->offset)};
    for (int t = 0; t < MOST_TILES; t++) {
        uint8_t from[16];
        memset(from, 0x80, sizeof from); /* zeros */
        for (int i = 0; i < 4; i++) from[4 * i + (is_signed ? 3 : 0)] = (uint8_t)(4 * t + i);
        out.spread[t] = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)from));
    }
    return out;
}

/* The bits below the point with which a sum's scales fit in 16 bits; 0: it is not to be computed in
 * fixed point. */
static int fraction_of(const nn_qbinary *sum) {
    const float most = fmaxf(fabsf(sum->a_scale), fabsf(sum->b_scale));
    for (int bits = MOST_FRACTION; bits >= LEAST_FRACTION; bits--) {
        const float unit = (float)(1 << bits);
        if (most * unit < INT16_MAX && (fabsf(sum->offset) + 1) * unit < 0x1p29f) return bits;
    }
    return 0;
}

static fixed_adder fixed_adder_of(const nn_amx_u8s8_piece *piece) {
    const nn_qbinary *sum = piece->sum;
    const int bits = sum != NULL ? fraction_of(sum) : 0;
    if (bits == 0) return (fixed_adder){0};
    const int lowest = sum->lowest;
    const double unit = 1 << bits, a_scale = sum->a_scale * unit, b_scale = sum->b_scale * unit;
    const int a = (int)lrint(a_scale), b = (int)lrint(b_scale);
    const int conv = piece->addend_first ? b : a, addend = piece->addend_first ? a : b;
    /* The rounding of the scales does least harm in the middle of the bytes' range, and signed
     * bytes are multiplied as unsigned. */
    const double middle = lowest + 128;
    const double offset = (sum->offset + 0.5) * unit + middle * (a_scale - a + b_scale - b) +
                          lowest * ((double)a + b);
    return (fixed_adder){.scales = _mm512_set1_epi32(addend * 65536 + (conv & 0xffff)),
                         .offset = _mm512_set1_epi32((int)floor(offset)),
                         .fraction = _mm512_set1_epi32(bits),
                         .flip = _mm512_set1_epi8((int8_t)lowest)};
}

static finisher finisher_of(const nn_amx_u8s8_piece *piece) {
    const nn_int8_call *call = piece->call;
    sums_buffers *buffers = piece->scratch;
    const bool is_signed = call->requant.type == NNOPT_INT8;
    const int lowest = is_signed ? INT8_MIN : 0;
    return (finisher){.piece = piece,
                      .buffers = buffers,
                      .targets = {NULL, buffers->dropped},
                      .addends = {NULL, buffers->dropped},
                      .has_zero = call->zero != 0,
                      .clamps = call->low != lowest || call->high != lowest + UINT8_MAX,
                      .is_signed = is_signed,
                      .zero = _mm512_set1_epi16(call->zero),
                      .low = _mm512_set1_epi16(call->low),
                      .high = _mm512_set1_epi16(call->high),
                      .fixed = fixed_adder_of(piece),
                      .add = adder_of(piece)};
}

/* Sums of a channel tile, scaled and rounded. */
INLINE __m512i rounded_sums(const finisher *f, const int t) {
    __m512 sums = _mm512_cvtepi32_ps(_mm512_load_si512(f->sums + t * LANES));
    return _mm512_cvtps_epi32(_mm512_mul_ps(sums, f->multiplier[t]));
}

INLINE __m512i narrowed(const finisher *f, __m512i first, __m512i second) {
    return f->is_signed ? _mm512_packs_epi16(first, second) : _mm512_packus_epi16(first, second);
}

/* Integers to 16 bits, saturating: four channels of each tile in each 128-bit lane. */
INLINE void narrow_twice(const __m512i values[MOST_TILES], __m512i out[2], const int tiles) {
    out[0] = _mm512_packs_epi32(values[0], tiles > 1 ? values[1] : values[0]);
    out[1] = out[0];
    if (tiles > 2) out[1] = _mm512_packs_epi32(values[2], tiles > 3 ? values[3] : values[2]);
}

/* The convolution's bytes. Saturation to 16 bits before the zero point is added, and to 8 bits
 * after it, makes the same values as clamping once. */
INLINE __m512i conv_bytes(const finisher *f, const int tiles) {
    __m512i values[MOST_TILES], halves[2];
    UNROLL for (int t = 0; t < tiles; t++) values[t] = rounded_sums(f, t);
    narrow_twice(values, halves, tiles);
    UNROLL for (int i = 0; i < 2; i++) {
        if (f->has_zero) halves[i] = _mm512_adds_epi16(halves[i], f->zero);
        if (f->clamps) halves[i] = _mm512_min_epi16(_mm512_max_epi16(halves[i], f->low), f->high);
    }
    return narrowed(f, halves[0], halves[1]);
}

/* Between the order of channels and that of tiles in lanes, in both directions. */
INLINE __m512i transposed(__m512i bytes) {
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    return _mm512_permutexvar_epi32(order, bytes);
}

INLINE void finish_bytes(const finisher *f, uint8_t *y, const int tiles) {
    _mm512_mask_storeu_epi8(y, f->mask, transposed(conv_bytes(f, tiles)));
}

/* ---- with an addend ---- */

/* Beside tile products each vector instruction costs about a cycle, so there shall be few. Here
 * both products of an element and their sum are one. The result is at most 1 off from that in
 * floats, and rarely is. */
INLINE void finish_fixed(const finisher *f, uint8_t *y, const uint8_t *addend, const int tiles) {
    const fixed_adder *fixed = &f->fixed;
    const __m512i conv = conv_bytes(f, tiles), zero = _mm512_setzero_si512();
    const __m512i other = transposed(_mm512_maskz_loadu_epi8(f->mask, addend));
    __m512i pairs[2], values[MOST_TILES], halves[2];
    pairs[0] = _mm512_unpacklo_epi8(conv, other);
    pairs[1] = tiles > 2 ? _mm512_unpackhi_epi8(conv, other) : zero;
    UNROLL for (int t = 0; t < tiles; t++) {
        __m512i pair = pairs[t / 2];
        if (f->is_signed) pair = _mm512_xor_si512(pair, fixed->flip);
        pair = t % 2 ? _mm512_unpackhi_epi8(pair, zero) : _mm512_unpacklo_epi8(pair, zero);
        const __m512i sum = _mm512_dpwssd_epi32(fixed->offset, pair, fixed->scales);
        values[t] = _mm512_srav_epi32(sum, fixed->fraction);
    }
    narrow_twice(values, halves, tiles);
    _mm512_mask_storeu_epi8(y, f->mask, transposed(narrowed(f, halves[0], halves[1])));
}

/* Values of tile t as floats. */
INLINE __m512 spread_tile(const adder *add, __m512i bytes, const int t) {
    return _mm512_cvtepi32_ps(_mm512_shuffle_epi8(bytes, add->spread[t]));
}

/* Rounds twice, as a convolution and a sum by themselves do: the convolution's result is clamped to
 * its type, then both operands are multiplied and added in the order of qlinear_binary.h. */
INLINE void finish_exact(const finisher *f, const adder *add, uint8_t *y, const uint8_t *addend,
                         const int tiles) {
    const __m512i conv = conv_bytes(f, tiles);
    const __m512i other = transposed(_mm512_maskz_loadu_epi8(f->mask, addend));
    const __m512i a = add->addend_first ? other : conv, b = add->addend_first ? conv : other;
    __m512i values[MOST_TILES], halves[2];
    UNROLL for (int t = 0; t < tiles; t++) {
        __m512 sum = _mm512_fmadd_ps(spread_tile(add, b, t), add->b_scale, add->offset);
        sum = _mm512_fmadd_ps(spread_tile(add, a, t), add->a_scale, sum);
        values[t] = _mm512_cvtps_epi32(sum);
    }
    narrow_twice(values, halves, tiles);
    _mm512_mask_storeu_epi8(y, f->mask, transposed(narrowed(f, halves[0], halves[1])));
}

/* ---- all other forms of results ---- */

static void finish_any(const finisher *f, uint8_t *y, const uint8_t *addend) {
    const nn_int8_call *call = f->piece->call;
    const nn_int8_parameters *parameters = &call->parameters;
    const nn_qbinary *sum = f->piece->sum;
    uint8_t *conv = sum != NULL ? f->buffers->one_result : y;
    finish(&call->requant, f->sums, parameters->multiplier + f->channel,
           parameters->offset ? parameters->offset + f->channel : NULL, f->columns, conv);
    if (sum == NULL) return;
    bool swap = f->piece->addend_first;
    nn_qbinary_row_reference(sum, swap ? addend : conv, 1, swap ? conv : addend, 1, y, f->columns);
}

/* ---- rows ---- */

INLINE_ROW void finish_row(finisher *f, const int tiles, const result_form form) {
    const int64_t pixel = *f->pixels++;
    const int is_dropped = pixel < 0;
    const int64_t at = (is_dropped ? 0 : pixel) * f->piece->y_step;
    uint8_t *y = f->targets[is_dropped] + at;
    const uint8_t *addend = f->addends[is_dropped] + at;
    if (form == TO_BYTES)
        finish_bytes(f, y, tiles);
    else if (form == TO_BYTES_FIXED)
        finish_fixed(f, y, addend, tiles);
    else if (form == TO_BYTES_EXACT)
        finish_exact(f, &f->add, y, addend, tiles);
    else
        finish_any(f, y, addend);
    f->sums += SUMS_PITCH;
}

/* ---- jobs in order -------------------------------------------------------------------------- */

typedef struct job {
    int64_t pair, block;
} job;

INLINE job next_job(const nn_amx_u8s8_piece *piece, job at) {
    if (piece->blocks_outside) return ++at.pair < piece->pairs ? at : (job){0, at.block + 1};
    return ++at.block < piece->blocks ? at : (job){at.pair + 1, 0};
}

/* Points at part `part` of the rows of a job. */
INLINE void start_finishing(finisher *f, job at, int buffer, int part, const int tiles) {
    const nn_amx_u8s8_piece *piece = f->piece;
    const nn_int8_parameters *parameters = &piece->call->parameters;
    int64_t first = at.block * tiles * LANES, left = piece->channels - first;
    int row = part * piece->tile_rows;
    f->sums = f->buffers->sums[buffer] + row * SUMS_PITCH;
    f->pixels = piece->pixels + at.pair * 2 * piece->tile_rows + row;
    f->targets[0] = piece->y + first * piece->y_bytes;
    f->addends[0] = piece->addend != NULL ? piece->addend + first : f->addends[1];
    f->channel = piece->parameter + first;
    f->columns = (int)(left < tiles * LANES ? left : tiles * LANES);
    f->mask = UINT64_MAX >> (64 - f->columns);
    UNROLL for (int t = 0; t < tiles; t++) {
        f->multiplier[t] = _mm512_loadu_ps(parameters->multiplier + f->channel + t * LANES);
    }
}

/* Before the first job is complete: rows of whatever the buffer holds are finished and dropped,
 * which spares the passes a second form. */
static void start_dropping(finisher *f) {
    static const int32_t none[PASS_ROWS] = {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
                                            -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
                                            -1, -1, -1, -1, -1, -1, -1, -1, -1, -1};
    f->sums = f->buffers->sums[0];
    f->pixels = none;
    f->channel = f->piece->parameter;
    f->columns = 1;
    f->mask = 1;
}

/* ---- passes --------------------------------------------------------------------------------- */

typedef struct pass {
    const int8_t *w;
    const int32_t *start;
    const uint8_t *a[NN_AMX_U8S8_MAP_TILES];
    bool loads_pixels; /* false: the pixel tiles of the only step are those of the pass before */
    /* Where the sums go that the pass before has left in its tiles; NULL: there are none. */
    int32_t *before;
    int tiles_before;    /* of channels */
    int64_t rows;        /* to be finished */
    const char *fetched; /* lines to be brought to L2, so many after each product */
    int64_t lines;
} pass;

/* The lines of product `index` of the pass. Even spacing is what makes fetching free: a burst takes
 * all fill buffers of L1. */
INLINE void fetch_lines(const pass *p, int64_t index) {
    if (p->lines == 0) return;
    const char *line = p->fetched + index * p->lines * CACHE_LINE;
    for (int64_t i = 0; i < p->lines; i++) _mm_prefetch(line + i * CACHE_LINE, _MM_HINT_T1);
}

/* What happens after product `index` of `products` in a step that finishes `pace` rows. */
INLINE void beside_product(const pass *p, int64_t step, finisher *f, const int pace,
                           const int index, const int products, const int tiles,
                           const result_form form) {
    const int count = pace * (index + 1) / products - pace * index / products;
    UNROLL for (int i = 0; i < count; i++) finish_row(f, tiles, form);
    fetch_lines(p, step * products + index);
}

INLINE void load_weights_0(const nn_amx_u8s8_piece *piece, const int8_t *w) {
    if (piece->weights_stream)
        _tile_stream_loadd(6, w, NN_AMX_ROW_BYTES);
    else
        _tile_loadd(6, w, NN_AMX_ROW_BYTES);
}
INLINE void load_weights_1(const nn_amx_u8s8_piece *piece, const int8_t *w) {
    if (piece->weights_stream)
        _tile_stream_loadd(7, w, NN_AMX_ROW_BYTES);
    else
        _tile_loadd(7, w, NN_AMX_ROW_BYTES);
}

/* Stores of what the pass before has left: tile 2 m + n holds pixel tile m by channel tile n. */
INLINE void store_0(const pass *p) {
    if (p->before != NULL) _tile_stored(0, p->before, SUMS_BYTES);
}
INLINE void store_1(const pass *p) {
    if (p->tiles_before > 1) _tile_stored(1, p->before + LANES, SUMS_BYTES);
}
INLINE void store_2(const pass *p, int tile_rows) {
    if (p->before != NULL) _tile_stored(2, p->before + tile_rows * SUMS_PITCH, SUMS_BYTES);
}
INLINE void store_3(const pass *p, int tile_rows) {
    if (p->tiles_before > 1)
        _tile_stored(3, p->before + tile_rows * SUMS_PITCH + LANES, SUMS_BYTES);
}

/* Sums begin with the channels' start values, the same in all rows. */
INLINE void start_0(const pass *p) {
    _tile_loadd(0, p->start, 0);
}
INLINE void start_1(const pass *p) {
    _tile_loadd(1, p->start + LANES, 0);
}
INLINE void start_2(const pass *p) {
    _tile_loadd(2, p->start, 0);
}
INLINE void start_3(const pass *p) {
    _tile_loadd(3, p->start + LANES, 0);
}

/* The products of one step, `pace` rows finished between them. */
INLINE void run_step(const nn_amx_u8s8_piece *piece, const pass *p, const int8_t *w, int64_t step,
                     finisher *f, const int channel_tiles, const int tiles, const int pace,
                     const result_form form) {
    const int64_t offset = piece->step_offsets[step];
    const int products = 2 * channel_tiles;
    load_weights_0(piece, w);
    _tile_loadd(4, p->a[0] + offset, piece->a_step);
    if (step % AWAKE_STEPS == 0) _tile_stored(6, f->buffers->unused, NN_AMX_ROW_BYTES);
    _tile_dpbusd(0, 4, 6);
    beside_product(p, step, f, pace, 0, products, tiles, form);
    _tile_loadd(5, p->a[1] + offset, piece->a_step);
    _tile_dpbusd(2, 5, 6);
    beside_product(p, step, f, pace, 1, products, tiles, form);
    if (channel_tiles == 1) return;
    load_weights_1(piece, w + piece->step_bytes * LANES);
    _tile_dpbusd(1, 4, 7);
    beside_product(p, step, f, pace, 2, products, tiles, form);
    _tile_dpbusd(3, 5, 7);
    beside_product(p, step, f, pace, 3, products, tiles, form);
}

/* The first step: before each tile is cleared, it is stored. */
INLINE void run_first_step(const nn_amx_u8s8_piece *piece, const pass *p, finisher *f,
                           const int channel_tiles, const int tiles, const int pace,
                           const result_form form) {
    const int64_t step = 0, offset = piece->step_offsets[0];
    const int products = 2 * channel_tiles;
    load_weights_0(piece, p->w);
    if (p->loads_pixels) _tile_loadd(4, p->a[0] + offset, piece->a_step);
    store_0(p);
    start_0(p);
    _tile_dpbusd(0, 4, 6);
    beside_product(p, step, f, pace, 0, products, tiles, form);
    if (p->loads_pixels) _tile_loadd(5, p->a[1] + offset, piece->a_step);
    store_2(p, piece->tile_rows);
    start_2(p);
    _tile_dpbusd(2, 5, 6);
    beside_product(p, step, f, pace, 1, products, tiles, form);
    if (channel_tiles == 1) {
        store_1(p);
        store_3(p, piece->tile_rows);
        return;
    }
    load_weights_1(piece, p->w + piece->step_bytes * LANES);
    store_1(p);
    start_1(p);
    _tile_dpbusd(1, 4, 7);
    beside_product(p, step, f, pace, 2, products, tiles, form);
    store_3(p, piece->tile_rows);
    start_3(p);
    _tile_dpbusd(3, 5, 7);
    beside_product(p, step, f, pace, 3, products, tiles, form);
}

/* The same for passes of all pixels by one channel tile, tile m being that of pixel tile m. */
INLINE void run_map_step(const nn_amx_u8s8_piece *piece, const pass *p, const int8_t *w,
                         int64_t step, finisher *f, const int tiles, const int pace,
                         const result_form form) {
    const int64_t offset = piece->step_offsets[step];
    load_weights_0(piece, w);
    _tile_loadd(4, p->a[0] + offset, piece->a_step);
    if (step % AWAKE_STEPS == 0) _tile_stored(6, f->buffers->unused, NN_AMX_ROW_BYTES);
    _tile_dpbusd(0, 4, 6);
    beside_product(p, step, f, pace, 0, 4, tiles, form);
    _tile_loadd(5, p->a[1] + offset, piece->a_step);
    _tile_dpbusd(1, 5, 6);
    beside_product(p, step, f, pace, 1, 4, tiles, form);
    _tile_loadd(7, p->a[2] + offset, piece->a_step);
    _tile_dpbusd(2, 7, 6);
    beside_product(p, step, f, pace, 2, 4, tiles, form);
    _tile_loadd(4, p->a[3] + offset, piece->a_step);
    _tile_dpbusd(3, 4, 6);
    beside_product(p, step, f, pace, 3, 4, tiles, form);
}

INLINE void store_map(const nn_amx_u8s8_piece *piece, const pass *p, const int m) {
    if (p->before == NULL) return;
    int32_t *to = p->before + m * piece->tile_rows * SUMS_PITCH;
    if (m == 0) _tile_stored(0, to, SUMS_BYTES);
    if (m == 1) _tile_stored(1, to, SUMS_BYTES);
    if (m == 2) _tile_stored(2, to, SUMS_BYTES);
    if (m == 3) _tile_stored(3, to, SUMS_BYTES);
}

INLINE void run_first_map_step(const nn_amx_u8s8_piece *piece, const pass *p) {
    const int64_t offset = piece->step_offsets[0];
    load_weights_0(piece, p->w);
    _tile_loadd(4, p->a[0] + offset, piece->a_step);
    store_map(piece, p, 0);
    _tile_loadd(0, p->start, 0);
    _tile_dpbusd(0, 4, 6);
    fetch_lines(p, 0);
    _tile_loadd(5, p->a[1] + offset, piece->a_step);
    store_map(piece, p, 1);
    _tile_loadd(1, p->start, 0);
    _tile_dpbusd(1, 5, 6);
    fetch_lines(p, 1);
    _tile_loadd(7, p->a[2] + offset, piece->a_step);
    store_map(piece, p, 2);
    _tile_loadd(2, p->start, 0);
    _tile_dpbusd(2, 7, 6);
    fetch_lines(p, 2);
    _tile_loadd(4, p->a[3] + offset, piece->a_step);
    store_map(piece, p, 3);
    _tile_loadd(3, p->start, 0);
    _tile_dpbusd(3, 4, 6);
    fetch_lines(p, 3);
}

/* The first step finishes rows only where there are too few steps: its stores take their time. */
enum { LAZY_PACE = 4 };

INLINE void run_pass(const nn_amx_u8s8_piece *piece, const pass *p, finisher *f,
                     const int channel_tiles, const int tiles, const int pace,
                     const result_form form) {
    const int64_t steps = piece->step_count,
                  step_weights = channel_tiles * piece->step_bytes * LANES;
    const int lazy = pace <= LAZY_PACE;
    run_first_step(piece, p, f, channel_tiles, tiles, lazy ? 0 : pace, form);
    const int8_t *w = p->w + step_weights;
    int64_t busy = p->rows / pace + lazy, step = 1;
    if (busy > steps) busy = steps;
    for (; step < busy; step++, w += step_weights)
        run_step(piece, p, w, step, f, channel_tiles, tiles, pace, form);
    for (int64_t left = p->rows - (step - lazy) * pace; left > 0; left--)
        finish_row(f, tiles, form);
    for (; step < steps; step++, w += step_weights)
        run_step(piece, p, w, step, f, channel_tiles, tiles, 0, form);
}

INLINE void run_map_pass(const nn_amx_u8s8_piece *piece, const pass *p, finisher *f,
                         const int tiles, const int pace, const result_form form) {
    const int64_t steps = piece->step_count, step_weights = piece->step_bytes * LANES;
    run_first_map_step(piece, p);
    const int8_t *w = p->w + step_weights;
    int64_t busy = p->rows / pace + 1, step = 1;
    if (busy > steps) busy = steps;
    for (; step < busy; step++, w += step_weights)
        run_map_step(piece, p, w, step, f, tiles, pace, form);
    for (int64_t left = p->rows - (step - 1) * pace; left > 0; left--) finish_row(f, tiles, form);
    for (; step < steps; step++, w += step_weights)
        run_map_step(piece, p, w, step, f, tiles, 0, form);
}

/* What is left to be fetched, and how many lines are due for each product. */
typedef struct fetcher {
    nn_amx_u8s8_range left[NN_AMX_U8S8_RANGES];
    double rate, due;
} fetcher;

INLINE fetcher fetcher_of(const nn_amx_u8s8_piece *piece, int64_t products) {
    fetcher out = {.due = 0};
    int64_t bytes = 0;
    for (int i = 0; i < NN_AMX_U8S8_RANGES; i++) {
        out.left[i] = piece->fetched[i];
        bytes += out.left[i].bytes;
    }
    out.rate = (double)bytes / CACHE_LINE / (double)products;
    return out;
}

/* Gives a pass of `products` products its lines: the same number after each. */
INLINE void take_lines(fetcher *from, int64_t products, pass *p) {
    nn_amx_u8s8_range *range = from->left, *last = from->left + NN_AMX_U8S8_RANGES - 1;
    while (range < last && range->bytes <= 0) range++;
    p->fetched = range->begin;
    p->lines = 0;
    if (range->bytes <= 0) return;
    from->due += from->rate;
    int64_t lines = (int64_t)from->due;
    from->due -= (double)lines;
    p->lines = lines < MOST_LINES ? lines : MOST_LINES;
    range->begin += products * p->lines * CACHE_LINE;
    range->bytes -= products * p->lines * CACHE_LINE;
}

/* Passes are numbered through all jobs. One finishes a part of the rows of a job whose sums are all
 * stored: as many parts as a job has passes, the last one in the first pass of the job after the
 * next. Where jobs have one pass, all rows of the job before the last. That is `lag` passes
 * behind. */
INLINE void run_jobs(const nn_amx_u8s8_piece *piece, const int tiles, const int pace,
                     const result_form form, const bool whole_map) {
    enum { RING = 4 };
    const int passes = whole_map ? tiles : tiles > 2 ? 2 : 1, lag = passes + 1;
    const int pass_tiles = whole_map ? 1 : 2;
    const int products = tiles == 1 ? 2 : 4; /* of a step */
    const int64_t jobs = whole_map ? piece->blocks : piece->pairs * piece->blocks;
    const int64_t total = jobs * passes;
    const int64_t pass_weights = pass_tiles * LANES * piece->step_bytes * piece->step_count;
    finisher f = finisher_of(piece);
    pass p = {.rows = passes > 1 ? piece->tile_rows : 2 * piece->tile_rows};
    fetcher lines = fetcher_of(piece, total * piece->step_count * products);
    job ring[RING] = {{0}}, at = {0};
    int64_t loaded_pair = -1;
    for (int64_t n = 0; n < total + lag; n++) {
        const int64_t finishing = n - lag, index = n / passes;
        const int part = (int)(n % passes);
        if (finishing >= 0)
            start_finishing(&f, ring[finishing / passes % RING], (int)(finishing / passes & 1),
                            (int)(finishing % passes), tiles);
        else
            start_dropping(&f);
        if (n >= total) { /* nothing is multiplied any more */
            if (n == total && whole_map) {
                UNROLL for (int m = 0; m < NN_AMX_U8S8_MAP_TILES; m++) store_map(piece, &p, m);
            } else if (n == total) {
                store_0(&p);
                store_1(&p);
                store_2(&p, piece->tile_rows);
                store_3(&p, piece->tile_rows);
            }
            for (int64_t i = 0; i < p.rows; i++) finish_row(&f, tiles, form);
            continue;
        }
        ring[index % RING] = at;
        const int32_t *offsets = piece->tile_offsets + 2 * at.pair;
        p.w = piece->w + at.block * piece->block_bytes + part * pass_weights;
        p.start = piece->call->parameters.start + piece->parameter +
                  (at.block * tiles + part * pass_tiles) * LANES;
        for (int m = 0; m < (whole_map ? NN_AMX_U8S8_MAP_TILES : 2); m++)
            p.a[m] = piece->a + offsets[m];
        p.loads_pixels = piece->step_count > 1 || at.pair != loaded_pair;
        loaded_pair = at.pair;
        take_lines(&lines, piece->step_count * products, &p);
        const bool is_narrow = tiles == 1 || (tiles == 3 && part);
        if (whole_map)
            run_map_pass(piece, &p, &f, tiles, pace, form);
        else if (is_narrow)
            run_pass(piece, &p, &f, 1, tiles, pace, form);
        else
            run_pass(piece, &p, &f, 2, tiles, pace, form);
        p.before = f.buffers->sums[index & 1] + part * pass_tiles * LANES;
        p.tiles_before = is_narrow ? 1 : 2;
        if (part < passes - 1) continue;
        if (whole_map)
            at.block++;
        else
            at = next_job(piece, at);
    }
}

/* ---- all forms ------------------------------------------------------------------------------ */

/* Rows of a step, in the order of the tables below. */
enum { PACES = 5 };

#define RUN(tiles, pace)                                                                           \
    static void run_##tiles##_##pace(const nn_amx_u8s8_piece *piece) {                             \
        run_jobs(piece, tiles, pace, TO_BYTES, false);                                             \
    }                                                                                              \
    static void add_##tiles##_##pace(const nn_amx_u8s8_piece *piece) {                             \
        run_jobs(piece, tiles, pace, TO_BYTES_FIXED, false);                                       \
    }
#define RUN_ALL(tiles)                                                                             \
    RUN(tiles, 1)                                                                                  \
    RUN(tiles, 2)                                                                                  \
    RUN(tiles, 4)                                                                                  \
    RUN(tiles, 8)                                                                                  \
    RUN(tiles, 16)                                                                                 \
    static void add_exactly_##tiles(const nn_amx_u8s8_piece *piece) {                              \
        run_jobs(piece, tiles, 1, TO_BYTES_EXACT, false);                                          \
    }                                                                                              \
    static void run_##tiles##_any(const nn_amx_u8s8_piece *piece) {                                \
        run_jobs(piece, tiles, 1, TO_ANY, false);                                                  \
    }
#define ENTRIES(stem, tiles)                                                                       \
    {                                                                                              \
        stem##_##tiles##_1, stem##_##tiles##_2, stem##_##tiles##_4, stem##_##tiles##_8,            \
            stem##_##tiles##_16                                                                    \
    }
RUN_ALL(1)
RUN_ALL(2)
RUN_ALL(3)
RUN_ALL(4)

/* Passes of all pixels have many steps, or are few. */
#define RUN_MAP(pace)                                                                              \
    static void run_map_##pace(const nn_amx_u8s8_piece *piece) {                                   \
        run_jobs(piece, MOST_TILES, pace, TO_BYTES, true);                                         \
    }                                                                                              \
    static void add_map_##pace(const nn_amx_u8s8_piece *piece) {                                   \
        run_jobs(piece, MOST_TILES, pace, TO_BYTES_FIXED, true);                                   \
    }
RUN_MAP(1)
RUN_MAP(2)
static void add_map_exactly(const nn_amx_u8s8_piece *piece) {
    run_jobs(piece, MOST_TILES, 1, TO_BYTES_EXACT, true);
}
static void run_map_any(const nn_amx_u8s8_piece *piece) {
    run_jobs(piece, MOST_TILES, 1, TO_ANY, true);
}

/* The slowest pace that is done, or nearly, with the steps of a pass. */
static int choose_pace(const nn_amx_u8s8_piece *piece) {
    int64_t rows = piece->tiles > 2 ? piece->tile_rows : 2 * piece->tile_rows;
    for (int i = 0; i < PACES; i++) {
        int64_t pace = 1 << i, steps = piece->step_count - (pace <= LAZY_PACE);
        if (pace * steps * 4 >= rows * 3 || 2 * pace > rows) return i;
    }
    return PACES - 1;
}

static void configure(const nn_amx_u8s8_piece *piece) {
    nn_amx_config config = {.palette = 1};
    for (int tile = 0; tile < NN_AMX_TILES; tile++) {
        const bool is_weights = tile == 6 || (tile == 7 && !piece->whole_map);
        const bool is_pixels = tile >= 4 && !is_weights;
        config.rows[tile] = (uint8_t)(is_weights ? piece->step_bytes / 4 : piece->tile_rows);
        config.row_bytes[tile] = (uint16_t)(is_pixels ? piece->step_bytes : NN_AMX_ROW_BYTES);
    }
    nn_amx_configure(&config);
}

typedef void (*run_function)(const nn_amx_u8s8_piece *);

static run_function choose_run(const nn_amx_u8s8_piece *piece) {
    static const run_function plain[MOST_TILES][PACES] = {ENTRIES(run, 1), ENTRIES(run, 2),
                                                          ENTRIES(run, 3), ENTRIES(run, 4)};
    static const run_function adding[MOST_TILES][PACES] = {ENTRIES(add, 1), ENTRIES(add, 2),
                                                           ENTRIES(add, 3), ENTRIES(add, 4)};
    static const run_function any[MOST_TILES] = {run_1_any, run_2_any, run_3_any, run_4_any};
    static const run_function exactly[MOST_TILES] = {add_exactly_1, add_exactly_2, add_exactly_3,
                                                     add_exactly_4};
    static const run_function plain_map[] = {run_map_1, run_map_2};
    static const run_function adding_map[] = {add_map_1, add_map_2};
    const int tiles = piece->tiles - 1;
    const bool is_any =
        !piece->call->is_simple || (piece->sum != NULL && !nn_is_sum_moderate(piece->sum));
    const bool is_exact =
        piece->sum != NULL && (piece->adds_exactly || fraction_of(piece->sum) == 0);
    if (piece->whole_map) {
        const bool is_short = piece->step_count <= piece->tile_rows;
        if (is_any) return run_map_any;
        if (is_exact) return add_map_exactly;
        return piece->sum != NULL ? adding_map[is_short] : plain_map[is_short];
    }
    if (is_any) return any[tiles];
    if (is_exact) return exactly[tiles];
    return piece->sum != NULL ? adding[tiles][choose_pace(piece)]
                              : plain[tiles][choose_pace(piece)];
}

void nn_amx_u8s8_run_piece(const nn_amx_u8s8_piece *piece) {
    configure(piece);
    choose_run(piece)(piece);
    nn_amx_release();
}
