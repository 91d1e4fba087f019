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
 * sums suffice. */
#include "ops/cpu/amx_tiles.h"
#include "ops/cpu/amx_u8s8.h"
#include "ops/cpu/int8_finish.inc.h"

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 4")

enum {
    MOST_ROWS = 2 * NN_AMX_ROWS, /* pixels of a job */
    MOST_TILES = 4,              /* of channels */
    LANES = NN_AMX_U8S8_CHANNELS,
    SUMS_PITCH = 80, /* numbers from row to row: a line more than 64, so that sets of L1 differ */
    SUMS_BYTES = SUMS_PITCH * (int)sizeof(int32_t),
    BUFFER = MOST_ROWS * SUMS_PITCH,
    DROPPED_BYTES = MOST_TILES * LANES * (int)sizeof(float) /* a result that is no output */
};

/* What scratch holds. */
typedef struct sums_buffers {
    int32_t sums[2][BUFFER];
    int32_t one_row[MOST_TILES * LANES];
    uint8_t dropped[DROPPED_BYTES];
} sums_buffers;

int64_t nn_amx_u8s8_scratch_bytes(void) {
    return nn_round_up((int64_t)sizeof(sums_buffers), NN_ALIGNMENT);
}

/* ---- finishing ------------------------------------------------------------------------------ */

/* Rows of sums that are to be finished, and the numbers of their channels. */
typedef struct finisher {
    const nn_amx_u8s8_piece *piece;
    sums_buffers *buffers;
    const int32_t *sums;
    const int32_t *pixels;
    int64_t left;    /* rows */
    uint8_t *y;      /* of pixel 0 */
    int64_t channel; /* first, in the parameters */
    int columns;     /* that exist */
    __m512i start[MOST_TILES];
    __m512 multiplier[MOST_TILES];
} finisher;

/* Results of one pixel as bytes. vpackssdw saturates to int16 and vpackuswb to uint8, so that
 * adding the zero point with saturation, clamping and flipping the sign bit is exact. */
INLINE void finish_bytes(const finisher *f, uint8_t *y, const int tiles) {
    const nn_int8_call *call = f->piece->call;
    const int flip = call->low < 0 ? 128 : 0;
    __m512i values[MOST_TILES];
    UNROLL for (int t = 0; t < MOST_TILES; t++) {
        if (t >= tiles) {
            values[t] = values[0];
            continue;
        }
        __m512i sum = _mm512_add_epi32(_mm512_load_si512(f->sums + t * LANES), f->start[t]);
        values[t] = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_cvtepi32_ps(sum), f->multiplier[t]));
    }
    const __m512i zero = _mm512_set1_epi16((int16_t)(call->zero + flip));
    __m512i first = _mm512_adds_epi16(_mm512_packs_epi32(values[0], values[1]), zero);
    __m512i second =
        tiles > 2 ? _mm512_adds_epi16(_mm512_packs_epi32(values[2], values[3]), zero) : first;
    __m512i bytes = _mm512_packus_epi16(first, second);
    /* Each 128-bit lane holds four channels of each tile. */
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    bytes = _mm512_permutexvar_epi32(order, bytes);
    bytes = _mm512_max_epu8(bytes, _mm512_set1_epi8((char)(call->low + flip)));
    bytes = _mm512_min_epu8(bytes, _mm512_set1_epi8((char)(call->high + flip)));
    bytes = _mm512_xor_si512(bytes, _mm512_set1_epi8((char)flip));
    _mm512_mask_storeu_epi8(y, UINT64_MAX >> (64 - f->columns), bytes);
}

/* All other forms of results. */
static void finish_any(const finisher *f, uint8_t *y, int tiles) {
    const nn_int8_call *call = f->piece->call;
    const nn_int8_parameters *parameters = &call->parameters;
    int32_t *sums = f->buffers->one_row;
    for (int i = 0; i < tiles * LANES; i++)
        sums[i] = (int32_t)((uint32_t)f->sums[i] + (uint32_t)parameters->start[f->channel + i]);
    finish(&call->requant, sums, parameters->multiplier + f->channel,
           parameters->offset ? parameters->offset + f->channel : NULL, f->columns, y);
}

INLINE void finish_rows(finisher *f, int64_t count, const int tiles, const bool to_bytes) {
    for (; count > 0 && f->left > 0; count--, f->left--) {
        int64_t pixel = *f->pixels++;
        uint8_t *y = pixel < 0 ? f->buffers->dropped : f->y + pixel * f->piece->y_step;
        if (to_bytes)
            finish_bytes(f, y, tiles);
        else
            finish_any(f, y, tiles);
        f->sums += SUMS_PITCH;
    }
}

/* ---- jobs in order -------------------------------------------------------------------------- */

typedef struct job {
    int64_t pair, block;
} job;

INLINE job next_job(const nn_amx_u8s8_piece *piece, job at) {
    if (piece->blocks_outside) return ++at.pair < piece->pairs ? at : (job){0, at.block + 1};
    return ++at.block < piece->blocks ? at : (job){at.pair + 1, 0};
}

/* Points at half `half` of the rows of a job, or at all of them where it has one pass. */
INLINE void start_finishing(finisher *f, job at, int buffer, int half, const int tiles) {
    const nn_amx_u8s8_piece *piece = f->piece;
    const nn_int8_parameters *parameters = &piece->call->parameters;
    int64_t first = at.block * tiles * LANES, left = piece->channels - first;
    int row = half * piece->tile_rows;
    f->sums = f->buffers->sums[buffer] + row * SUMS_PITCH;
    f->pixels = piece->pixels + at.pair * 2 * piece->tile_rows + row;
    f->left = tiles > 2 ? piece->tile_rows : 2 * piece->tile_rows;
    f->y = piece->y + first * piece->y_bytes;
    f->channel = piece->parameter + first;
    f->columns = (int)(left < tiles * LANES ? left : tiles * LANES);
    UNROLL for (int t = 0; t < tiles; t++) {
        f->start[t] = _mm512_loadu_si512(parameters->start + f->channel + t * LANES);
        f->multiplier[t] = _mm512_loadu_ps(parameters->multiplier + f->channel + t * LANES);
    }
}

/* ---- passes --------------------------------------------------------------------------------- */

/* Where the sums of a pass go, which stay in the tiles until the next pass. */
typedef struct pending {
    int32_t *sums;
    int channel_tiles;
} pending;

/* Rows to be finished after each product of a step. */
typedef struct pace {
    int64_t after[4];
    bool at_once; /* from the first step on, else from the second, when the stores have drained */
} pace;

INLINE pace pace_of(int64_t rows, int64_t steps, int products) {
    pace out = {.at_once = steps < 4};
    int64_t each = (rows + steps - 1) / (out.at_once ? steps : steps - 1);
    for (int i = 0; i < products; i++)
        out.after[i] = each * (i + 1) / products - each * i / products;
    return out;
}

typedef struct pass {
    const int8_t *w;
    const uint8_t *a[2];
    bool loads_pixels; /* false: the pixel tiles of the only step are those of the pass before */
} pass;

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

/* Stores what the pass before left. */
INLINE void store_0(const nn_amx_u8s8_piece *piece, const pending *before) {
    (void)piece;
    if (before->sums != NULL) _tile_stored(0, before->sums, SUMS_BYTES);
}
INLINE void store_1(const nn_amx_u8s8_piece *piece, const pending *before) {
    (void)piece;
    if (before->sums != NULL && before->channel_tiles > 1)
        _tile_stored(1, before->sums + LANES, SUMS_BYTES);
}
INLINE void store_2(const nn_amx_u8s8_piece *piece, const pending *before) {
    if (before->sums != NULL)
        _tile_stored(2, before->sums + piece->tile_rows * SUMS_PITCH, SUMS_BYTES);
}
INLINE void store_3(const nn_amx_u8s8_piece *piece, const pending *before) {
    if (before->sums != NULL && before->channel_tiles > 1)
        _tile_stored(3, before->sums + piece->tile_rows * SUMS_PITCH + LANES, SUMS_BYTES);
}

/* `channel_tiles`: 1 or 2, of this pass. */
INLINE void run_pass(const nn_amx_u8s8_piece *piece, const pass *p, const pending *before,
                     const pace *rate, finisher *f, const int channel_tiles, const int tiles,
                     const bool to_bytes) {
    const int64_t a_step = piece->a_step, steps = piece->step_count;
    const int tile_bytes = piece->step_bytes * LANES;
    const int32_t *offsets = piece->step_offsets;
    const int64_t first = offsets[0], early = rate->at_once ? 1 : 0;
    const int8_t *w = p->w;

    load_weights_0(piece, w);
    if (p->loads_pixels) _tile_loadd(4, p->a[0] + first, a_step);
    store_0(piece, before);
    _tile_zero(0);
    _tile_dpbusd(0, 4, 6);
    finish_rows(f, early * rate->after[0], tiles, to_bytes);
    if (p->loads_pixels) _tile_loadd(5, p->a[1] + first, a_step);
    store_2(piece, before);
    _tile_zero(2);
    _tile_dpbusd(2, 5, 6);
    finish_rows(f, early * rate->after[1], tiles, to_bytes);
    w += tile_bytes;
    if (channel_tiles > 1) load_weights_1(piece, w);
    store_1(piece, before);
    if (channel_tiles > 1) {
        _tile_zero(1);
        _tile_dpbusd(1, 4, 7);
        finish_rows(f, early * rate->after[2], tiles, to_bytes);
    }
    store_3(piece, before);
    if (channel_tiles > 1) {
        _tile_zero(3);
        _tile_dpbusd(3, 5, 7);
        finish_rows(f, early * rate->after[3], tiles, to_bytes);
        w += tile_bytes;
    }

    int64_t step = 1;
    for (; step < steps && f->left > 0; step++) {
        const int64_t offset = offsets[step];
        load_weights_0(piece, w);
        _tile_loadd(4, p->a[0] + offset, a_step);
        _tile_dpbusd(0, 4, 6);
        finish_rows(f, rate->after[0], tiles, to_bytes);
        _tile_loadd(5, p->a[1] + offset, a_step);
        _tile_dpbusd(2, 5, 6);
        finish_rows(f, rate->after[1], tiles, to_bytes);
        w += tile_bytes;
        if (channel_tiles > 1) {
            load_weights_1(piece, w);
            _tile_dpbusd(1, 4, 7);
            finish_rows(f, rate->after[2], tiles, to_bytes);
            _tile_dpbusd(3, 5, 7);
            finish_rows(f, rate->after[3], tiles, to_bytes);
            w += tile_bytes;
        }
    }
    finish_rows(f, f->left, tiles, to_bytes);
    for (; step < steps; step++) {
        const int64_t offset = offsets[step];
        load_weights_0(piece, w);
        _tile_loadd(4, p->a[0] + offset, a_step);
        _tile_dpbusd(0, 4, 6);
        _tile_loadd(5, p->a[1] + offset, a_step);
        _tile_dpbusd(2, 5, 6);
        w += tile_bytes;
        if (channel_tiles > 1) {
            load_weights_1(piece, w);
            _tile_dpbusd(1, 4, 7);
            _tile_dpbusd(3, 5, 7);
            w += tile_bytes;
        }
    }
}

/* Numbers of passes go through all jobs. A pass finishes half of the rows of the job before the
 * last complete one (second half in first passes) or of the last (first half in second passes);
 * with one pass a job, all rows of the job before the last. That is `lag` passes behind. */
INLINE void run_jobs(const nn_amx_u8s8_piece *piece, const int tiles, const bool to_bytes) {
    enum { RING = 4 };
    const int passes = tiles > 2 ? 2 : 1, lag = passes + 1;
    sums_buffers *buffers = piece->scratch;
    finisher f = {.piece = piece, .buffers = buffers};
    const int64_t total = piece->pairs * piece->blocks * passes;
    const int64_t rows = tiles > 2 ? piece->tile_rows : 2 * piece->tile_rows;
    const pace wide = pace_of(rows, piece->step_count, tiles == 1 ? 2 : 4);
    const pace narrow = pace_of(rows, piece->step_count, 2);
    pending before = {0};
    job ring[RING] = {{0}}, at = {0};
    int64_t loaded_pair = -1;
    for (int64_t n = 0; n < total + lag; n++) {
        const int64_t finishing = n - lag;
        f.left = 0;
        if (finishing >= 0) {
            int64_t index = finishing / passes;
            start_finishing(&f, ring[index % RING], (int)(index & 1), (int)(finishing % passes),
                            tiles);
        }
        if (n == total) { /* nothing is multiplied any more */
            store_0(piece, &before);
            store_1(piece, &before);
            store_2(piece, &before);
            store_3(piece, &before);
        }
        if (n >= total) {
            finish_rows(&f, f.left, tiles, to_bytes);
            continue;
        }
        const int64_t index = n / passes;
        const int second = (int)(n % passes);
        ring[index % RING] = at;
        const int32_t *offsets = piece->tile_offsets + 2 * at.pair;
        const pass p = {.w = piece->w + at.block * piece->block_bytes +
                             second * 2 * LANES * piece->step_bytes * piece->step_count,
                        .a = {piece->a + offsets[0], piece->a + offsets[1]},
                        .loads_pixels = piece->step_count > 1 || at.pair != loaded_pair};
        loaded_pair = at.pair;
        int32_t *sums = buffers->sums[index & 1] + second * 2 * LANES;
        if (second && tiles == 3) {
            run_pass(piece, &p, &before, &narrow, &f, 1, tiles, to_bytes);
            before = (pending){sums, 1};
        } else {
            run_pass(piece, &p, &before, &wide, &f, tiles == 1 ? 1 : 2, tiles, to_bytes);
            before = (pending){sums, tiles == 1 ? 1 : 2};
        }
        if (second == passes - 1) at = next_job(piece, at);
    }
}

#define RUN(tiles)                                                                                 \
    static void run_bytes_##tiles(const nn_amx_u8s8_piece *piece) {                                \
        run_jobs(piece, tiles, true);                                                              \
    }                                                                                              \
    static void run_any_##tiles(const nn_amx_u8s8_piece *piece) {                                  \
        run_jobs(piece, tiles, false);                                                             \
    }
RUN(1)
RUN(2)
RUN(3)
RUN(4)

static void configure(const nn_amx_u8s8_piece *piece) {
    nn_amx_config config = {.palette = 1};
    for (int tile = 0; tile < NN_AMX_TILES; tile++) {
        bool is_pixels = tile == 4 || tile == 5, is_weights = tile >= 6;
        config.rows[tile] = (uint8_t)(is_weights ? piece->step_bytes / 4 : piece->tile_rows);
        config.row_bytes[tile] = (uint16_t)(is_pixels ? piece->step_bytes : NN_AMX_ROW_BYTES);
    }
    nn_amx_configure(&config);
}

void nn_amx_u8s8_run_piece(const nn_amx_u8s8_piece *piece) {
    static void (*const run[2][MOST_TILES])(const nn_amx_u8s8_piece *) = {
        {run_any_1, run_any_2, run_any_3, run_any_4},
        {run_bytes_1, run_bytes_2, run_bytes_3, run_bytes_4}};
    configure(piece);
    run[piece->call->is_simple][piece->tiles - 1](piece);
    nn_amx_release();
}
