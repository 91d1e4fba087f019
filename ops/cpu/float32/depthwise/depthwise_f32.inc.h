/* Body of depthwise_f32_<isa>.c.
 *
 * Registers: 7 accumulators, one vector of each tap of the kernel row, one of input. A 3x3 tile
 * with stride 1 does 63 FMAs for 27 loads of input and 9 of weights; on large maps it is bound by
 * reading the input. */
#include "ops/cpu/float32/vector.h"

#include "ops/cpu/float32/depthwise/depthwise_f32.h"

enum { PIXELS = NN_DEPTHWISE_PIXELS, MOST_TAPS = 7 };

/* What a tile's sums become; a copy, since stores could change the tile as far as the compiler
 * knows.
 */
typedef struct tile_end {
    const float *residual;
    float *y;
    int64_t y_pitch;
    int pixels;
    vf low, high;
} tile_end;

NN_INLINE tile_end end_of(const nn_depthwise_tile *t) {
    return (tile_end){t->residual, t->y, t->y_pitch, t->pixels, vf_set(t->low), vf_set(t->high)};
}

NN_INLINE void finish_pixel(const tile_end *t, vf v, int pixel, int64_t c, int count) {
    const int64_t at = pixel * t->y_pitch + c;
    if (t->residual != NULL)
        v += count == VF_LANES ? vf_load(t->residual + at) : vf_load_first(t->residual + at, count);
    v = vf_min(t->high, vf_max(t->low, v));
    if (count == VF_LANES)
        vf_store(t->y + at, v);
    else
        vf_store_first(t->y + at, v, count);
}

/* `count` channels of `pixels` pixels from c on. Column `q` is where tap and pixel meet; those
 * whose bit in `columns` is not set lie outside of the input and add nothing. All but the bits are
 * constants of each copy, and so are they where a copy is for one place in a row. */
NN_INLINE void slide_channels(const nn_depthwise_tile *t, int64_t c, const int count,
                              const int taps, const int stride, const int pixels,
                              const uint32_t columns, const tile_end *ending) {
    const int under = (pixels - 1) * stride + taps;
    vf acc[PIXELS];
#pragma GCC unroll 7
    for (int i = 0; i < pixels; i++) acc[i] = vf_load(t->bias + c);
    for (int64_t row = 0; row < t->row_count; row++) {
        const float *pixel = t->rows[row].x + t->column * t->pitch + c;
        vf w[MOST_TAPS];
#pragma GCC unroll 7
        for (int k = 0; k < taps; k++) w[k] = vf_load(t->rows[row].w + k * t->w_step + c);
#pragma GCC unroll 19
        for (int q = 0; q < under; q++, pixel += t->pitch) {
            if ((columns >> q & 1) == 0) continue;
            const vf x =
                vf_loaded_once(count == VF_LANES ? vf_load(pixel) : vf_load_first(pixel, count));
#pragma GCC unroll 7
            for (int k = 0; k < taps; k++) {
                int i = (q - k) / stride;
                if (q >= k && (q - k) % stride == 0 && i < pixels) acc[i] = vf_fma(x, w[k], acc[i]);
            }
        }
    }
#pragma GCC unroll 7
    for (int i = 0; i < pixels; i++)
        if (pixels < PIXELS || i < ending->pixels) finish_pixel(ending, acc[i], i, c, count);
}

/* Columns [0, count) less the `outside` first ones. */
NN_INLINE uint32_t columns_between(int outside, int count) {
    return ((1u << count) - 1) & ~((1u << outside) - 1);
}

NN_INLINE void slide(const nn_depthwise_tile *t, const int taps, const int stride, const int pixels,
                     const uint32_t columns) {
    const tile_end ending = end_of(t);
    const int64_t channels = t->channels;
    int64_t c = 0;
    for (; c + VF_LANES <= channels; c += VF_LANES)
        slide_channels(t, c, VF_LANES, taps, stride, pixels, columns, &ending);
    if (__builtin_expect(c < channels, 0))
        slide_channels(t, c, (int)(channels - c), taps, stride, pixels, columns, &ending);
}

/* Any width, stride and dilation: each tap reads its own pixels. */
static void slide_any(const nn_depthwise_tile *t) {
    const tile_end ending = end_of(t);
    for (int64_t row = 0; row < t->row_count; row++)
        for (int64_t k = 0; k < t->taps; k++)
            for (int i = 0; i < PIXELS; i++) {
                int64_t column = t->column + i * t->stride + k * t->dilation;
                bool inside = column >= 0 && column < t->columns;
                t->pixel_table[(row * t->taps + k) * PIXELS + i] =
                    inside ? t->rows[row].x + column * t->pitch : t->zeros;
            }
    for (int64_t c = 0; c < t->channels; c += VF_LANES) {
        const int count = t->channels - c < VF_LANES ? (int)(t->channels - c) : VF_LANES;
        const float *const *table = t->pixel_table;
        vf acc[PIXELS];
#pragma GCC unroll 7
        for (int i = 0; i < PIXELS; i++) acc[i] = vf_load(t->bias + c);
        for (int64_t row = 0; row < t->row_count; row++)
            for (int64_t k = 0; k < t->taps; k++, table += PIXELS) {
                vf w = vf_load(t->rows[row].w + k * t->w_step + c);
#pragma GCC unroll 7
                for (int i = 0; i < PIXELS; i++) {
                    const float *pixel = table[i] + c;
                    vf x = count == VF_LANES ? vf_load(pixel) : vf_load_first(pixel, count);
                    acc[i] = vf_fma(x, w, acc[i]);
                }
            }
#pragma GCC unroll 7
        for (int i = 0; i < PIXELS; i++)
            if (i < ending.pixels) finish_pixel(&ending, acc[i], i, c, count);
    }
}

/* With copies for tiles whose columns are all inside, or all but the padding of half the kernel on
 * the left, on the right, or both: on narrow maps no tile is without. */
#define SLIDE(taps, stride)                                                                        \
    static void slide_##taps##_##stride(const nn_depthwise_tile *t, uint32_t columns) {            \
        enum { UNDER = (PIXELS - 1) * (stride) + (taps), PAD = (taps) / 2 };                       \
        if (columns == columns_between(0, UNDER))                                                  \
            slide(t, taps, stride, PIXELS, columns_between(0, UNDER));                             \
        else if (columns == columns_between(PAD, UNDER))                                           \
            slide(t, taps, stride, PIXELS, columns_between(PAD, UNDER));                           \
        else if (columns == columns_between(0, UNDER - PAD))                                       \
            slide(t, taps, stride, PIXELS, columns_between(0, UNDER - PAD));                       \
        else if (columns == columns_between(PAD, UNDER - PAD))                                     \
            slide(t, taps, stride, PIXELS, columns_between(PAD, UNDER - PAD));                     \
        else                                                                                       \
            slide(t, taps, stride, PIXELS, columns);                                               \
    }
SLIDE(3, 1)
SLIDE(3, 2)
SLIDE(5, 1)
SLIDE(5, 2)
SLIDE(7, 1)

/* A whole row of `pixels` pixels, fewer than a tile has. */
#define SLIDE_ROW(taps, pixels)                                                                    \
    case pixels:                                                                                   \
        slide(t, taps, 1, pixels, columns_between((taps) / 2, (taps) / 2 + (pixels)));             \
        return true;

static bool slide_narrow_row(const nn_depthwise_tile *t, uint32_t columns) {
    const int pixels = t->pixels, pad = (int)t->taps / 2;
    if (t->stride != 1 || columns != columns_between(pad, pad + pixels)) return false;
    switch (t->taps == 3 ? pixels : 0) {
        SLIDE_ROW(3, 3)
        SLIDE_ROW(3, 4)
        SLIDE_ROW(3, 5)
        SLIDE_ROW(3, 6)
    }
    return false;
}

/* The bits of the columns that lie inside. Tiles are computed whole, so all of their columns count,
 * wanted or not. */
static uint32_t columns_of(const nn_depthwise_tile *t) {
    const int64_t under = (PIXELS - 1) * t->stride + t->taps, left = t->columns - t->column;
    const int64_t outside = t->column < 0 ? -t->column : 0, end = left < under ? left : under;
    return end > outside ? columns_between((int)outside, (int)end) : 0;
}

static void run(const nn_depthwise_tile *t) {
    const bool is_known = t->dilation == 1 && t->stride <= 2 && t->taps <= MOST_TAPS;
    const uint32_t columns = is_known ? columns_of(t) : 0;
    if (!is_known)
        slide_any(t);
    else if (slide_narrow_row(t, columns))
        return;
    else if (t->taps == 3 && t->stride == 1)
        slide_3_1(t, columns);
    else if (t->taps == 3 && t->stride == 2)
        slide_3_2(t, columns);
    else if (t->taps == 5 && t->stride == 1)
        slide_5_1(t, columns);
    else if (t->taps == 5 && t->stride == 2)
        slide_5_2(t, columns);
    else if (t->taps == 7 && t->stride == 1)
        slide_7_1(t, columns);
    else
        slide_any(t);
}
