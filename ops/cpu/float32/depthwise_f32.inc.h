/* Body of depthwise_f32_<isa>.c.
 *
 * Registers: 7 accumulators, one vector of each tap of the kernel row, one of input. A 3x3 tile
 * with stride 1 does 63 FMAs for 27 loads of input and 9 of weights; on large maps it is bound by
 * reading the input. */
#include "ops/cpu/float32/vector.h"

#include "ops/cpu/float32/depthwise_f32.h"

enum { PIXELS = NN_DEPTHWISE_PIXELS, MOST_TAPS = 7 };

NN_INLINE void finish_pixel(const nn_depthwise_tile *t, vf v, int pixel, int64_t c, int count) {
    const int64_t at = pixel * t->y_pitch + c;
    if (t->residual != NULL)
        v += count == VF_LANES ? vf_load(t->residual + at) : vf_load_first(t->residual + at, count);
    v = vf_min(vf_set(t->high), vf_max(vf_set(t->low), v));
    if (count == VF_LANES)
        vf_store(t->y + at, v);
    else
        vf_store_first(t->y + at, v, count);
}

/* `count` channels from c on. Column `q` is where tap and pixel meet; those whose bit in `columns`
 * is not set lie outside of the input and add nothing. Kernel width, stride, whether all columns
 * are inside and whether the vector is whole are constants of each copy. */
NN_INLINE void slide_channels(const nn_depthwise_tile *t, int64_t c, const int count,
                              const int taps, const int stride, const bool inside,
                              uint32_t columns) {
    const int under = (PIXELS - 1) * stride + taps;
    vf acc[PIXELS];
#pragma GCC unroll 7
    for (int i = 0; i < PIXELS; i++) acc[i] = vf_load(t->bias + c);
    for (int64_t row = 0; row < t->row_count; row++) {
        const float *pixel = t->rows[row].x + t->column * t->pitch + c;
        vf w[MOST_TAPS];
#pragma GCC unroll 7
        for (int k = 0; k < taps; k++) w[k] = vf_load(t->rows[row].w + k * t->w_step + c);
#pragma GCC unroll 19
        for (int q = 0; q < under; q++, pixel += t->pitch) {
            if (!inside && (columns >> q & 1) == 0) continue;
            vf x = count == VF_LANES ? vf_load(pixel) : vf_load_first(pixel, count);
#pragma GCC unroll 7
            for (int k = 0; k < taps; k++) {
                int i = (q - k) / stride;
                if (q >= k && (q - k) % stride == 0 && i < PIXELS) acc[i] = vf_fma(x, w[k], acc[i]);
            }
        }
    }
#pragma GCC unroll 7
    for (int i = 0; i < PIXELS; i++)
        if (i < t->pixels) finish_pixel(t, acc[i], i, c, count);
}

NN_INLINE void slide(const nn_depthwise_tile *t, const int taps, const int stride,
                     const bool inside) {
    const int under = (PIXELS - 1) * stride + taps;
    uint32_t columns = 0;
    for (int q = 0; !inside && q < under; q++)
        columns |= (uint32_t)(t->column + q >= 0 && t->column + q < t->columns) << q;
    int64_t c = 0;
    for (; c + VF_LANES <= t->channels; c += VF_LANES)
        slide_channels(t, c, VF_LANES, taps, stride, inside, columns);
    if (c < t->channels)
        slide_channels(t, c, (int)(t->channels - c), taps, stride, inside, columns);
}

/* Any width, stride and dilation: each tap reads its own pixels. */
static void slide_any(const nn_depthwise_tile *t) {
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
            if (i < t->pixels) finish_pixel(t, acc[i], i, c, count);
    }
}

#define SLIDE(taps, stride)                                                                        \
    static void slide_##taps##_##stride(const nn_depthwise_tile *t, bool inside) {                 \
        if (inside)                                                                                \
            slide(t, taps, stride, true);                                                          \
        else                                                                                       \
            slide(t, taps, stride, false);                                                         \
    }
SLIDE(3, 1)
SLIDE(3, 2)
SLIDE(5, 1)
SLIDE(5, 2)
SLIDE(7, 1)

static void run(const nn_depthwise_tile *t) {
    /* Tiles are computed whole, so all of their columns count, wanted or not. */
    int64_t last = t->column + (PIXELS - 1) * t->stride + t->taps - 1;
    bool inside = t->column >= 0 && last < t->columns;
    if (t->dilation != 1)
        slide_any(t);
    else if (t->taps == 3 && t->stride == 1)
        slide_3_1(t, inside);
    else if (t->taps == 3 && t->stride == 2)
        slide_3_2(t, inside);
    else if (t->taps == 5 && t->stride == 1)
        slide_5_1(t, inside);
    else if (t->taps == 5 && t->stride == 2)
        slide_5_2(t, inside);
    else if (t->taps == 7 && t->stride == 1)
        slide_7_1(t, inside);
    else
        slide_any(t);
}
