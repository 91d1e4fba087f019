/* AVX-512 VNNI tiles of conv_u8s8.h: 7 pixels by 64 channels, and where fewer channels are left 9
 * by 48, 14 by 32, 14 by 16. A step multiplies 4 activations of each pixel, broadcast, with 4
 * weights of each channel (vpdpbusd): 28 of them for 7 broadcasts and 4 loads of weights, one of
 * which is part of its products, for there are 32 registers. What counts beside the multiplier is
 * the number of instructions: where a neighbour shares the core, tiles with more broadcasts lose
 * most. */
#include "base/integers.h"
#include "ops/cpu/int8/conv_u8s8.h"
#include "ops/cpu/int8/int8_bytes_avx512.h"
#include "ops/cpu/int8/int8_finish.inc.h"

#include <immintrin.h>

/* Partial redundancy elimination keeps a copy of the sums in memory and stores to it in every step.
 */
#if !defined(__clang__)
#    pragma GCC optimize("no-tree-pre")
#endif

enum { ROWS = 14, SEGMENT = 7, LANES = 16, VECTORS = 4, STEP_BYTES = 4, LINE = 64, FULL_ROWS = 7 };

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 16")

INLINE __m512i broadcast_4(const uint8_t *bytes) {
    int32_t four;
    memcpy(&four, bytes, sizeof four);
    return _mm512_set1_epi32(four);
}

INLINE __m256i half_of(__m512i x, const int i) {
    return i == 0 ? _mm512_castsi512_si256(x) : _mm512_extracti64x4_epi64(x, 1);
}
INLINE __m512i with_half(__m512i x, __m256i part, const int i) {
    return i == 0 ? _mm512_inserti64x4(x, part, 0) : _mm512_inserti64x4(x, part, 1);
}

/* Sums of a pixel in the order of channels: group g of four channels is part g / vectors of vector
 * g % vectors. */
INLINE void store_sums(int32_t *sums, const __m512i *values, const int vectors) {
    UNROLL for (int j = 0; j < vectors; j++) UNROLL for (int part = 0; part < 4; part++)
        _mm_storeu_si128((__m128i *)(sums + 4 * (part * vectors + j)),
                         nn_quarter_of(values[j], part));
}

/* ---- finishing ------------------------------------------------------------------------------ */

/* Vectors of sums of one pixel are finished together, or of as many pixels as have four. */
INLINE int group_of(const int vectors) {
    return vectors > 2 ? 1 : 4 / vectors;
}

/* nn_bytes_of_four's bytes in order of pixels, and back. */
INLINE __m512i pixels_of(__m512i bytes, const int vectors) {
    if (vectors == 4) return bytes;
    if (vectors == 3) return _mm512_maskz_compress_epi32(0x7777, bytes);
    if (vectors == 2)
        return _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7), bytes);
    return nn_exchange_dwords(bytes);
}
INLINE __m512i bytes_of(__m512i pixels, const int vectors) {
    if (vectors == 3) return _mm512_maskz_expand_epi32(0x7777, pixels);
    if (vectors == 2)
        return _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 4, 1, 5, 2, 6, 3, 7), pixels);
    return pixels_of(pixels, vectors);
}

/* Pixel i of a group: its channels that are there. Whole ones go without a mask, which would keep
 * loads from being served by the store. */
INLINE void store_pixel(uint8_t *y, __m512i pixels, const int i, const int vectors, int columns,
                        __mmask64 mask) {
    if (vectors == 1 && columns == LANES)
        _mm_storeu_si128((__m128i *)y, nn_quarter_of(pixels, i));
    else if (vectors == 1)
        _mm_mask_storeu_epi8(y, (__mmask16)mask, nn_quarter_of(pixels, i));
    else if (vectors == 2 && columns == 2 * LANES)
        _mm256_storeu_si256((__m256i *)y, half_of(pixels, i % 2));
    else if (vectors == 2)
        _mm256_mask_storeu_epi8(y, (__mmask32)mask, half_of(pixels, i % 2));
    else if (columns == 4 * LANES)
        _mm512_storeu_si512(y, pixels);
    else
        _mm512_mask_storeu_epi8(y, mask, pixels);
}
INLINE __m512i load_pixel(__m512i pixels, const uint8_t *y, const int i, const int vectors,
                          __mmask64 mask) {
    if (vectors > 2) return _mm512_maskz_loadu_epi8(mask, y);
    if (vectors == 2) return with_half(pixels, _mm256_maskz_loadu_epi8((__mmask32)mask, y), i % 2);
    return nn_with_quarter(pixels, _mm_maskz_loadu_epi8((__mmask16)mask, y), i);
}

/* What sums become, the same for all tiles of a panel. */
typedef struct finisher {
    const float *multiplier;
    nn_byte_rule rule;
    nn_byte_adder adder;
    int64_t y_step;
    int columns;    /* channels that are there */
    __mmask64 mask; /* of them */
    bool adds, is_signed, addend_first;
} finisher;

/* Not as a value: what is not set would be cleared, which a small layer notices. */
INLINE void finisher_set(finisher *f, const nn_u8s8_tile *t) {
    f->multiplier = t->multiplier;
    f->y_step = t->y_step;
    f->columns = t->columns;
    f->mask = UINT64_MAX >> (64 - t->columns);
    f->adds = t->sum != NULL;
    f->is_signed = t->is_signed;
    f->addend_first = t->addend_first;
    nn_byte_rule_set(&f->rule, t->is_signed, t->zero, t->low, t->high);
    if (t->sum != NULL) nn_byte_adder_set(&f->adder, t->is_signed, t->sum);
}

/* Where the results of a tile lie. */
typedef struct tile_output {
    uint8_t *y;            /* of pixel 0 */
    int64_t gap;           /* bytes between the first segment and the second */
    const uint8_t *addend; /* of pixel 0 */
} tile_output;

/* Bytes from pixel 0 to pixel `row`. */
INLINE int64_t place_of(const finisher *f, const tile_output *out, int row) {
    return row * f->y_step + (row < SEGMENT ? 0 : out->gap);
}

/* Written out: sums take most registers, and compilers would load the multipliers once and keep
 * sums in memory for it. */
INLINE __m512i round_by_memory(__m512i sum, const float *multiplier) {
    __m512 product;
    __asm__("vmulps %2, %1, %0"
            : "=v"(product)
            : "v"(_mm512_cvtepi32_ps(sum)), "m"(*(const __m512 *)(const void *)multiplier));
    return _mm512_cvtps_epi32(product);
}

/* Sums of a tile to bytes, in their registers: a store takes two cycles, and where there are few
 * products those of sums would count. What an addend comes to is kept, a vector for each group. */
INLINE void finish_in_place(const finisher *f, const tile_output *out, __m512i sum[ROWS][VECTORS],
                            __m512i kept[ROWS], const int rows, const int vectors) {
    const int group = group_of(vectors);
    UNROLL for (int row = 0; row < rows; row += group) {
        __m512i rounded[4];
        UNROLL for (int i = 0; i < group * vectors; i++) {
            const int from = row + i / vectors < rows ? row + i / vectors : row;
            rounded[i] =
                round_by_memory(sum[from][i % vectors], f->multiplier + i % vectors * LANES);
        }
        if (vectors == 3) rounded[3] = rounded[2];
        const __m512i bytes = nn_bytes_of_four(&f->rule, f->is_signed, rounded);
        if (f->adds) {
            kept[row / group] = bytes;
            continue;
        }
        const __m512i pixels = pixels_of(bytes, vectors);
        UNROLL for (int i = 0; i < group; i++) if (row + i < rows) store_pixel(
            out->y + place_of(f, out, row + i), pixels, i, vectors, f->columns, f->mask);
    }
}

/* The addend of a group of `rows` pixels, from pixel `row` on, in the order of bytes. */
INLINE __m512i load_addend(const finisher *f, const tile_output *out, int row, int rows,
                           const int vectors) {
    __m512i addend = _mm512_setzero_si512();
    UNROLL for (int i = 0; i < group_of(vectors); i++) if (row + i < rows) addend =
        load_pixel(addend, out->addend + place_of(f, out, row + i), i, vectors, f->mask);
    return bytes_of(addend, vectors);
}

/* What was kept of `rows` pixels to results. Results may take the addend's place: that of the next
 * group is read before this one is stored, for a load waits for a masked store beside it. */
INLINE void add_rows(const finisher *from, const tile_output *to, const __m512i *kept, int rows,
                     const int vectors, const bool is_signed) {
    const finisher f = *from; /* which results cannot change: it stays in registers */
    const tile_output out = *to;
    const int group = group_of(vectors);
    __m512i addend = load_addend(&f, &out, 0, rows, vectors);
    for (int row = 0; row < rows; row += group, kept++) {
        const __m512i sum = f.addend_first ? nn_add_bytes(&f.adder, is_signed, addend, *kept)
                                           : nn_add_bytes(&f.adder, is_signed, *kept, addend);
        const __m512i pixels = pixels_of(sum, vectors);
        addend = load_addend(&f, &out, row + group, rows, vectors);
        UNROLL for (int i = 0; i < group; i++) if (row + i < rows)
            store_pixel(out.y + place_of(&f, &out, row + i), pixels, i, vectors, f.columns, f.mask);
    }
}

/* One function for all counts of rows: its loop has all it needs in registers, and the products of
 * the next tile go on beside it. */
#define WITH_ADDEND(vectors)                                                                       \
    static void add_x##vectors(const finisher *f, const tile_output *out, const __m512i *kept,     \
                               int rows) {                                                         \
        if (f->is_signed)                                                                          \
            add_rows(f, out, kept, rows, vectors, true);                                           \
        else                                                                                       \
            add_rows(f, out, kept, rows, vectors, false);                                          \
    }
WITH_ADDEND(1)
WITH_ADDEND(2)
WITH_ADDEND(3)
WITH_ADDEND(4)

INLINE void add(const finisher *f, const tile_output *out, const __m512i *kept, const int rows,
                const int vectors) {
    if (vectors == 1)
        add_x1(f, out, kept, rows);
    else if (vectors == 2)
        add_x2(f, out, kept, rows);
    else if (vectors == 3)
        add_x3(f, out, kept, rows);
    else
        add_x4(f, out, kept, rows);
}

/* ---- products ------------------------------------------------------------------------------- */

/* A step of seven pixels by four vectors, which takes all registers: 28 sums, 3 weights and 1
 * activation; the last weights stay in memory. Written out, for compilers would mix the
 * instructions to have more loads under way, and keep addresses in vector registers. */
#define BROADCAST(address)                                                                         \
    __asm__ volatile("vpbroadcastd " address ", %[x]"                                              \
                     : [x] "=v"(x)                                                                 \
                     : [a] "r"(a), [s] "r"(step), [s3] "r"(3 * step), [s5] "r"(5 * step),          \
                       "m"(*(const int32_t *)(const void *)a))
#define ADD(i, j)                                                                                  \
    __asm__ volatile("vpdpbusd %[w], %[x], %[sum]"                                                 \
                     : [sum] "+v"(sum[i][j])                                                       \
                     : [x] "v"(x), [w] "v"(weights[j]))
#define ADD_FROM_MEMORY(i, j)                                                                      \
    __asm__ volatile("vpdpbusd %[w], %[x], %[sum]"                                                 \
                     : [sum] "+v"(sum[i][j])                                                       \
                     : [x] "v"(x), [w] "m"(*(const __m512i *)(const void *)(w + (j)*4 * LANES)))
#define PIXEL(i, address)                                                                          \
    BROADCAST(address);                                                                            \
    ADD_FROM_MEMORY(i, 3);                                                                         \
    ADD(i, 0);                                                                                     \
    ADD(i, 1);                                                                                     \
    ADD(i, 2)
INLINE void add_products_full(__m512i sum[ROWS][VECTORS], const uint8_t *a, int64_t step,
                              const uint8_t *w) {
    __m512i weights[3], x;
    UNROLL for (int j = 0; j < 3; j++) weights[j] = _mm512_load_si512(w + j * 4 * LANES);
    PIXEL(0, "(%[a])");
    PIXEL(1, "(%[a],%[s])");
    PIXEL(2, "(%[a],%[s],2)");
    PIXEL(3, "(%[a],%[s3])");
    PIXEL(4, "(%[a],%[s],4)");
    PIXEL(5, "(%[a],%[s5])");
    PIXEL(6, "(%[a],%[s3],2)");
}

/* A step of any tile. */
INLINE void add_products(__m512i sum[ROWS][VECTORS], const uint8_t *a0, const uint8_t *a1,
                         int64_t step, const uint8_t *w, const int rows, const int vectors) {
    if (rows == FULL_ROWS && vectors == VECTORS) {
        add_products_full(sum, a0, step, w);
        return;
    }
    __m512i weights[VECTORS];
    UNROLL for (int j = 0; j < vectors; j++) weights[j] = _mm512_load_si512(w + j * 4 * LANES);
    UNROLL for (int i = 0; i < rows; i++) {
        __m512i a = broadcast_4(i < SEGMENT ? a0 + i * step : a1 + (i - SEGMENT) * step);
        UNROLL for (int j = 0; j < vectors; j++) sum[i][j] =
            _mm512_dpbusd_epi32(sum[i][j], a, weights[j]);
    }
}

/* Where the products of a tile are. */
typedef struct step_cursor {
    const uint8_t *a0, *a1, *w;
    const char *fetch;
} step_cursor;

/* `count` steps of one tap. */
INLINE void run_steps(const nn_u8s8_tile *t, step_cursor *at, int64_t count,
                      __m512i sum[ROWS][VECTORS], const int rows, const int vectors) {
    const int64_t step = t->a_step, fetch_step = t->fetch_step;
    const int w_step = vectors * 4 * LANES;
    const uint8_t *a0 = at->a0, *a1 = at->a1, *w = at->w;
    const char *fetch = at->fetch;
    for (; count > 0; count--) {
        add_products(sum, a0, a1, step, w, rows, vectors);
        _mm_prefetch(fetch, _MM_HINT_T1);
        _mm_prefetch(fetch + LINE, _MM_HINT_T1);
        fetch += fetch_step;
        a0 += STEP_BYTES;
        a1 += STEP_BYTES;
        w += w_step;
    }
    *at = (step_cursor){a0, a1, w, fetch};
}

INLINE void start_sums(const nn_u8s8_tile *t, __m512i sum[ROWS][VECTORS], const int rows,
                       const int vectors) {
    UNROLL for (int j = 0; j < vectors; j++) {
        const __m512i start = _mm512_load_si512(t->start + j * LANES);
        UNROLL for (int i = 0; i < rows; i++) sum[i][j] = start;
    }
}

/* Sums of the products of one tile, from a0 and a1 on; `rows` and `vectors` are constants where
 * this is inlined. */
INLINE void multiply_tile(const nn_u8s8_tile *t, const uint8_t *a0, const uint8_t *a1,
                          const char *fetch, __m512i sum[ROWS][VECTORS], const int rows,
                          const int vectors) {
    step_cursor at = {.w = t->w, .fetch = fetch};
    start_sums(t, sum, rows, vectors);
    for (int64_t tap = 0; tap < t->tap_count; tap++) {
        at.a0 = a0 + t->taps[tap];
        at.a1 = a1 + t->taps[tap];
        run_steps(t, &at, t->steps, sum, rows, vectors);
    }
}

/* ---- addends among the products of the next tile -------------------------------------------- */

/* What adding needs, in memory: sums take all registers but four. */
typedef struct late_adder {
    __m512i places[VECTORS]; /* nn_byte_places */
    float offset, inner_scale, outer_scale;
} late_adder;

static void late_adder_set(late_adder *out, const nn_u8s8_tile *t) {
    nn_byte_adder adder;
    nn_byte_adder_set(&adder, t->is_signed, t->sum);
    for (int i = 0; i < VECTORS; i++) out->places[i] = nn_byte_places(t->is_signed, i);
    out->offset = _mm512_cvtss_f32(adder.offset);
    out->inner_scale = _mm512_cvtss_f32(adder.b_scale);
    out->outer_scale = _mm512_cvtss_f32(adder.a_scale);
}

#define FLOATS_OF(i, bytes)                                                                        \
    "vmovdqu64 %[" #bytes "], %[x]\n"                                                              \
    "vpshufb " #i "*64(%[adder]), %[x], %[x]\n"                                                    \
    "vcvtdq2ps %[x], %[x]\n"
#define SUM_TO(i, to)                                                                              \
    "vbroadcastss %[offset], %[" #to                                                               \
    "]\n" FLOATS_OF(i, inner) "vfmadd231ps %[inner_scale]%{1to16%}, %[x], %[" #to "]\n" FLOATS_OF( \
        i, outer) "vfmadd231ps %[outer_scale]%{1to16%}, %[x], %[" #to "]\n"                        \
                  "vcvtps2dq %[" #to "], %[" #to "]\n"

/* nn_add_bytes in four registers. */
INLINE __m512i add_in_four(const late_adder *adder, bool is_signed, const void *outer,
                           const void *inner) {
    __m512i p, q, r, x;
    __asm__ volatile(SUM_TO(0, p) SUM_TO(1, q) "vpackssdw %[q], %[p], %[p]\n" SUM_TO(2, q)
                         SUM_TO(3, r) "vpackssdw %[r], %[q], %[q]\n"
                     : [p] "=&v"(p), [q] "=&v"(q), [r] "=&v"(r), [x] "=&v"(x)
                     : [adder] "r"(adder->places), "m"(adder->places), [offset] "m"(adder->offset),
                       [inner_scale] "m"(adder->inner_scale), [outer_scale] "m"(adder->outer_scale),
                       [inner] "m"(*(const __m512i *)inner), [outer] "m"(*(const __m512i *)outer));
    return nn_narrow_to_bytes(is_signed, p, q);
}

/* Pixels that get their addend in one tap. */
INLINE int64_t late_rows(const nn_u8s8_tile *t) {
    return nn_divide_up(FULL_ROWS, t->tap_count);
}

/* Tiles of seven pixels by four whole vectors. Between two steps the four registers that
 * held weights and an activation are free: a pixel of the tile before gets its addend there, while
 * products are under way. */
INLINE void add_late(const nn_u8s8_tile *t) {
    finisher f;
    finisher_set(&f, t);
    late_adder adder;
    late_adder_set(&adder, t);
    const uint8_t *a = t->a[0];
    const int64_t y_step = t->y_step, tap_rows = late_rows(t), each = t->steps / tap_rows;
    const bool addend_first = t->addend_first, is_signed = t->is_signed;
    tile_output out = {t->y[0], 0, t->addend};
    step_cursor at = {.fetch = t->fetch};
    __m512i kept[2][ROWS];
    for (int64_t i = 0; i <= t->more; i++) {
        __m512i sum[ROWS][VECTORS];
        start_sums(t, sum, FULL_ROWS, VECTORS);
        at.w = t->w;
        const __m512i *bytes = kept[(i + 1) % 2];
        for (int64_t tap = 0, row = i > 0 ? 0 : FULL_ROWS; tap < t->tap_count; tap++) {
            at.a0 = at.a1 = a + t->taps[tap];
            int64_t left = t->steps;
            for (int64_t rows = tap_rows; rows > 0 && row < FULL_ROWS; rows--, row++, bytes++) {
                run_steps(t, &at, each, sum, FULL_ROWS, VECTORS);
                _mm512_storeu_si512(out.y, addend_first
                                               ? add_in_four(&adder, is_signed, out.addend, bytes)
                                               : add_in_four(&adder, is_signed, bytes, out.addend));
                out.y += y_step;
                out.addend += y_step;
                left -= each;
            }
            run_steps(t, &at, left, sum, FULL_ROWS, VECTORS);
        }
        finish_in_place(&f, &out, sum, kept[i % 2], FULL_ROWS, VECTORS);
        a += FULL_ROWS * t->a_step;
    }
    add(&f, &out, kept[t->more % 2], FULL_ROWS, VECTORS);
}

INLINE bool adds_late(const nn_u8s8_tile *t) {
    return t->sum != NULL && t->sums == NULL && t->more > 0 && t->columns == VECTORS * LANES &&
           t->steps >= 2 * late_rows(t);
}

/* ---- tiles ---------------------------------------------------------------------------------- */

INLINE void tile(const nn_u8s8_tile *t, const int rows, const int vectors) {
    if (rows == FULL_ROWS && vectors == VECTORS && adds_late(t)) {
        add_late(t);
        return;
    }
    finisher f;
    finisher_set(&f, t);
    tile_output out = {t->y[0], t->y[1] - (t->y[0] + SEGMENT * t->y_step), t->addend};
    const uint8_t *a0 = t->a[0], *a1 = t->a[1];
    const char *fetch = t->fetch;
    int64_t left = t->more;
    do {
        __m512i sum[ROWS][VECTORS], kept[ROWS];
        multiply_tile(t, a0, a1, fetch, sum, rows, vectors);
        if (t->sums != NULL) {
            UNROLL for (int i = 0; i < rows; i++)
                store_sums(t->sums + i * vectors * LANES, sum[i], vectors);
            return;
        }
        finish_in_place(&f, &out, sum, kept, rows, vectors);
        if (f.adds) add(&f, &out, kept, rows, vectors);
        a0 += rows * t->a_step;
        a1 += rows * t->a_step;
        fetch += t->steps * t->tap_count * t->fetch_step;
        out.y += rows * t->y_step;
        if (f.adds) out.addend += rows * t->y_step;
    } while (left-- > 0);
}

#define TILE(rows, vectors)                                                                        \
    static void tile_##rows##x##vectors(const nn_u8s8_tile *t) {                                   \
        tile(t, rows, vectors);                                                                    \
    }
#define ENTRY(rows, vectors) tile_##rows##x##vectors,
#define SEVEN(X, vectors)                                                                          \
    X(1, vectors)                                                                                  \
    X(2, vectors) X(3, vectors) X(4, vectors) X(5, vectors) X(6, vectors) X(7, vectors)
#define NINE(X, vectors) SEVEN(X, vectors) X(8, vectors) X(9, vectors)
#define FOURTEEN(X, vectors)                                                                       \
    NINE(X, vectors)                                                                               \
    X(10, vectors) X(11, vectors) X(12, vectors) X(13, vectors) X(14, vectors)
FOURTEEN(TILE, 1)
FOURTEEN(TILE, 2)
NINE(TILE, 3)
SEVEN(TILE, 4)

static void run_tile(const nn_u8s8_tile *t, int rows, int vectors) {
    static void (*const tiles[VECTORS][ROWS])(const nn_u8s8_tile *) = {
        {FOURTEEN(ENTRY, 1)}, {FOURTEEN(ENTRY, 2)}, {NINE(ENTRY, 3)}, {SEVEN(ENTRY, 4)}};
    tiles[vectors - 1][rows - 1](t);
}

static void copy(void *out, const uint8_t *x, int64_t count, uint8_t flip, int32_t zero) {
    uint8_t *bytes = out;
    (void)zero;
    if (flip == 0)
        memcpy(bytes, x, (size_t)count);
    else
        for (int64_t i = 0; i < count; i++) bytes[i] = x[i] ^ flip;
}

const nn_u8s8_unit nn_u8s8_vnni = {
    .name = "vnni",
    .rows = {14, 14, 9, 7},
    .segment = SEGMENT,
    .lanes = LANES,
    .vectors = VECTORS,
    .takes_lanes = true,
    .depth = 4,
    .activation_bytes = 1,
    .weight_bytes = 1,
    .adds = true,
    .continues = true,
    .tile = run_tile,
    .copy = copy,
    .finish = finish,
};
