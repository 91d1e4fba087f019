/* Finishing rows of sums that tiles have stored: conv_u8s8_amx.c does it between its products. */
#ifndef NN_AMX_U8S8_FINISH_INC_H
#define NN_AMX_U8S8_FINISH_INC_H

#include "base/integers.h"
#include "ops/cpu/amx_tiles.h"
#include "ops/cpu/int8/amx_u8s8.h"
#include "ops/cpu/int8/int8_bytes_avx512.h"
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
    DROPPED_BYTES = MOST_TILES * LANES * (int)sizeof(float) /* a result that is no output */
};

/* What scratch holds. */
typedef struct sums_buffers {
    int32_t sums[2][BUFFER];
    uint8_t one_result[MOST_TILES * LANES];
    uint8_t dropped[DROPPED_BYTES];
    uint8_t unused[NN_AMX_TILE_BYTES]; /* stored to keep the stores awake */
} sums_buffers;

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
    bool is_signed;
    nn_byte_rule rule;
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
    finisher out = {.piece = piece,
                    .buffers = buffers,
                    .targets = {NULL, buffers->dropped},
                    .addends = {NULL, buffers->dropped},
                    .is_signed = call->requant.type == NNOPT_INT8,
                    .fixed = fixed_adder_of(piece),
                    .add = adder_of(piece)};
    nn_byte_rule_set(&out.rule, out.is_signed, call->zero, call->low, call->high);
    return out;
}

/* Integers to 16 bits, saturating: four channels of each tile in each 128-bit lane. */
INLINE void narrow_twice(const __m512i values[MOST_TILES], __m512i out[2], const int tiles) {
    out[0] = _mm512_packs_epi32(values[0], tiles > 1 ? values[1] : values[0]);
    out[1] = out[0];
    if (tiles > 2) out[1] = _mm512_packs_epi32(values[2], tiles > 3 ? values[3] : values[2]);
}

/* The convolution's bytes, in the order of nn_bytes_of_four. */
INLINE __m512i conv_bytes(const finisher *f, const int tiles) {
    __m512i values[MOST_TILES], halves[2];
    UNROLL for (int t = 0; t < tiles; t++) values[t] =
        nn_round_sums(_mm512_load_si512(f->sums + t * LANES), f->multiplier[t]);
    narrow_twice(values, halves, tiles);
    return nn_bytes_of_halves(&f->rule, f->is_signed, halves);
}

/* Those of sums with an addend, which need no zero point. */
INLINE __m512i summed_bytes(const finisher *f, const __m512i values[MOST_TILES], const int tiles) {
    __m512i halves[2];
    narrow_twice(values, halves, tiles);
    return nn_narrow_to_bytes(f->is_signed, halves[0], halves[1]);
}

INLINE void finish_bytes(const finisher *f, uint8_t *y, const int tiles) {
    _mm512_mask_storeu_epi8(y, f->mask, nn_exchange_dwords(conv_bytes(f, tiles)));
}

/* ---- with an addend ---- */

/* Beside tile products each vector instruction costs about a cycle, so there shall be few. Here
 * both products of an element and their sum are one. The result is at most 1 off from that in
 * floats, and rarely is. */
INLINE void finish_fixed(const finisher *f, uint8_t *y, const uint8_t *addend, const int tiles) {
    const fixed_adder *fixed = &f->fixed;
    const __m512i conv = conv_bytes(f, tiles), zero = _mm512_setzero_si512();
    const __m512i other = nn_exchange_dwords(_mm512_maskz_loadu_epi8(f->mask, addend));
    __m512i pairs[2], values[MOST_TILES];
    pairs[0] = _mm512_unpacklo_epi8(conv, other);
    pairs[1] = tiles > 2 ? _mm512_unpackhi_epi8(conv, other) : zero;
    UNROLL for (int t = 0; t < tiles; t++) {
        __m512i pair = pairs[t / 2];
        if (f->is_signed) pair = _mm512_xor_si512(pair, fixed->flip);
        pair = t % 2 ? _mm512_unpackhi_epi8(pair, zero) : _mm512_unpacklo_epi8(pair, zero);
        const __m512i sum = _mm512_dpwssd_epi32(fixed->offset, pair, fixed->scales);
        values[t] = _mm512_srav_epi32(sum, fixed->fraction);
    }
    _mm512_mask_storeu_epi8(y, f->mask, nn_exchange_dwords(summed_bytes(f, values, tiles)));
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
    const __m512i other = nn_exchange_dwords(_mm512_maskz_loadu_epi8(f->mask, addend));
    const __m512i a = add->addend_first ? other : conv, b = add->addend_first ? conv : other;
    __m512i values[MOST_TILES];
    UNROLL for (int t = 0; t < tiles; t++) {
        __m512 sum = _mm512_fmadd_ps(spread_tile(add, b, t), add->b_scale, add->offset);
        sum = _mm512_fmadd_ps(spread_tile(add, a, t), add->a_scale, sum);
        values[t] = _mm512_cvtps_epi32(sum);
    }
    _mm512_mask_storeu_epi8(y, f->mask, nn_exchange_dwords(summed_bytes(f, values, tiles)));
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

#endif
