/* Body of depthwise_f32_<isa>.c.
 *
 * Registers: 7 accumulators of each output row, a vector of each tap of the kernel rows that lie on
 * an input row, one of input. A 3x3 tile with stride 1 does 63 FMAs for 27 loads of input and 9 of
 * weights; on large maps it is bound by reading the input. A tile of two output rows, where there
 * are 32 registers, does 126 for 36 and 18. */
#include "ops/cpu/float32/vector.h"

#include "ops/cpu/float32/depthwise/depthwise_f32.h"

enum {
    PIXELS = NN_DEPTHWISE_PIXELS,
    MOST_TAPS = 7,
};

/* What a tile's sums become; a copy, since stores could change the tile as far as the compiler
 * knows.
 */
typedef struct tile_end {
    const float *residual;
    float *y;
    int64_t y_pitch, y_row;
    int pixels;
    vf low, high;
} tile_end;

NN_INLINE tile_end end_of(const nn_depthwise_tile *t) {
    return (tile_end){.residual = t->residual,
                      .y = t->y,
                      .y_pitch = t->y_pitch,
                      .y_row = t->y_row,
                      .pixels = t->pixels,
                      .low = vf_set(t->low),
                      .high = vf_set(t->high)};
}

/* The sum of channels [c, c + count) of a pixel, `at` floats from the tile's first. */
NN_INLINE void finish_pixel(const tile_end *t, vf v, int64_t at, int count) {
    if (t->residual != NULL)
        v += count == VF_LANES ? vf_load(t->residual + at) : vf_load_first(t->residual + at, count);
    v = vf_min(t->high, vf_max(t->low, v));
    if (count == VF_LANES)
        vf_store(t->y + at, v);
    else
        vf_store_first(t->y + at, v, count);
}

/* What a tile's shape is: constants of each copy, but for the bits of columns, and so are they
 * where a copy is for one place in a row. Column `q` is where tap and pixel meet; those whose bit
 * is not set lie outside of the input and add nothing. */
typedef struct tile_shape {
    int taps, stride, pixels, outputs;
    uint32_t columns;
} tile_shape;

/* Adds an input row, which starts at `pixel`, to the sums of output rows [first, end). */
NN_INLINE void add_row(const nn_depthwise_tile *t, const nn_depthwise_row *row, const float *pixel,
                       int64_t c, const int count, const tile_shape shape, vf acc[][PIXELS],
                       const int first, const int end) {
    const int under = (shape.pixels - 1) * shape.stride + shape.taps;
    vf w[NN_DEPTHWISE_ROWS][MOST_TAPS];
#pragma GCC unroll 2
    for (int o = first; o < end; o++)
#pragma GCC unroll 7
        for (int k = 0; k < shape.taps; k++) w[o][k] = vf_load(row->w[o] + k * t->w_step + c);
#pragma GCC unroll 19
    for (int q = 0; q < under; q++, pixel += t->pitch) {
        if ((shape.columns >> q & 1) == 0) continue;
        const vf x =
            vf_loaded_once(count == VF_LANES ? vf_load(pixel) : vf_load_first(pixel, count));
#pragma GCC unroll 2
        for (int o = first; o < end; o++)
#pragma GCC unroll 7
            for (int k = 0; k < shape.taps; k++) {
                const int i = (q - k) / shape.stride;
                if (q >= k && (q - k) % shape.stride == 0 && i < shape.pixels)
                    acc[o][i] = vf_fma(x, w[o][k], acc[o][i]);
            }
    }
}

/* `count` channels from c on; column 0 of the tile is `at` floats from a row's first. */
NN_INLINE void slide_channels(const nn_depthwise_tile *t, int64_t at, int64_t c, const int count,
                              const tile_shape shape, const tile_end *ending) {
    vf acc[NN_DEPTHWISE_ROWS][PIXELS];
#pragma GCC unroll 2
    for (int o = 0; o < shape.outputs; o++)
#pragma GCC unroll 7
        for (int i = 0; i < shape.pixels; i++) acc[o][i] = vf_load(t->bias + c);
    const nn_depthwise_row *row = t->rows, *const end = row + t->row_count;
    at += c;
    /* Rows of one kind after the other: in one loop over all, the loads of a row would come before
     * the branch on its kind, which is more than there are registers for with stride 2. Maps that
     * come from L2 gain by such loads, short rows lie in L1. */
    while (shape.outputs == 2 && (shape.stride == 2 || shape.pixels < PIXELS) && row < end) {
        for (; row < end && row->w[1] == NULL; row++)
            add_row(t, row, row->x + at, c, count, shape, acc, 0, 1);
        for (; row < end && row->w[0] != NULL && row->w[1] != NULL; row++)
            add_row(t, row, row->x + at, c, count, shape, acc, 0, 2);
        for (; row < end && row->w[0] == NULL; row++)
            add_row(t, row, row->x + at, c, count, shape, acc, 1, 2);
    }
    for (; row < end; row++) {
        const float *pixel = row->x + at;
        if (shape.outputs == 1 || row->w[1] == NULL)
            add_row(t, row, pixel, c, count, shape, acc, 0, 1);
        else if (row->w[0] == NULL)
            add_row(t, row, pixel, c, count, shape, acc, 1, 2);
        else
            add_row(t, row, pixel, c, count, shape, acc, 0, 2);
    }
#pragma GCC unroll 2
    for (int o = 0; o < shape.outputs; o++)
#pragma GCC unroll 7
        for (int i = 0; i < shape.pixels; i++)
            if (shape.pixels < PIXELS || i < ending->pixels)
                finish_pixel(ending, acc[o][i], o * ending->y_row + i * ending->y_pitch + c, count);
}

/* Columns [0, count) less the `outside` first ones. */
NN_INLINE uint32_t columns_between(int outside, int count) {
    return ((1u << count) - 1) & ~((1u << outside) - 1);
}

NN_INLINE void slide(const nn_depthwise_tile *t, const tile_shape shape) {
    tile_end ending = end_of(t);
    const int64_t channels = t->channels;
    int64_t at = t->column * t->pitch;
    for (int64_t left = t->more; left >= 0; left--) {
        int64_t c = 0;
        for (; c + VF_LANES <= channels; c += VF_LANES)
            slide_channels(t, at, c, VF_LANES, shape, &ending);
        if (__builtin_expect(c < channels, 0))
            slide_channels(t, at, c, (int)(channels - c), shape, &ending);
        at += PIXELS * shape.stride * t->pitch;
        ending.y += PIXELS * ending.y_pitch;
        if (ending.residual != NULL) ending.residual += PIXELS * ending.y_pitch;
    }
}

/* Any width, stride and dilation, of one output row: each tap reads its own pixels. */
static void slide_any_tile(const nn_depthwise_tile *t) {
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
                vf w = vf_load(t->rows[row].w[0] + k * t->w_step + c);
#pragma GCC unroll 7
                for (int i = 0; i < PIXELS; i++) {
                    const float *pixel = table[i] + c;
                    vf x = count == VF_LANES ? vf_load(pixel) : vf_load_first(pixel, count);
                    acc[i] = vf_fma(x, w, acc[i]);
                }
            }
#pragma GCC unroll 7
        for (int i = 0; i < PIXELS; i++)
            if (i < ending.pixels) finish_pixel(&ending, acc[i], i * ending.y_pitch + c, count);
    }
}

static void slide_any(const nn_depthwise_tile *t) {
    nn_depthwise_tile here = *t;
    for (int64_t left = t->more; left >= 0; left--) {
        slide_any_tile(&here);
        here.column += PIXELS * t->stride;
        here.y += PIXELS * t->y_pitch;
        if (here.residual != NULL) here.residual += PIXELS * t->y_pitch;
    }
}

/* With copies for tiles whose columns are all inside, or all but the padding of half the kernel on
 * the left, on the right, or both: on narrow maps no tile is without. */
NN_INLINE void slide_tile(const nn_depthwise_tile *t, const int taps, const int stride,
                          const int outputs, uint32_t columns) {
    const int under = (PIXELS - 1) * stride + taps, pad = taps / 2;
    const tile_shape inside = {taps, stride, PIXELS, outputs, columns_between(0, under)};
    tile_shape right_of_padding = inside, left_of_padding = inside, between_padding = inside;
    tile_shape any = inside;
    right_of_padding.columns = columns_between(pad, under);
    left_of_padding.columns = columns_between(0, under - pad);
    between_padding.columns = columns_between(pad, under - pad);
    any.columns = columns;
    if (columns == inside.columns)
        slide(t, inside);
    else if (columns == right_of_padding.columns)
        slide(t, right_of_padding);
    else if (columns == left_of_padding.columns)
        slide(t, left_of_padding);
    else if (columns == between_padding.columns)
        slide(t, between_padding);
    else
        slide(t, any);
}

/* A whole row of `pixels` pixels, fewer than a tile has. */
NN_INLINE void slide_row(const nn_depthwise_tile *t, const int pixels, const int outputs) {
    slide(t, (tile_shape){3, 1, pixels, outputs, columns_between(1, 1 + pixels)});
}

/* Functions of their own: all in one would be more than gcc finds registers for. */
#define SLIDE(taps, stride, outputs)                                                               \
    static void slide_##taps##_##stride##_##outputs(const nn_depthwise_tile *t,                    \
                                                    uint32_t columns) {                            \
        slide_tile(t, taps, stride, outputs, columns);                                             \
    }
#define SLIDE_ROW(pixels, outputs)                                                                 \
    static void slide_row_##pixels##_##outputs(const nn_depthwise_tile *t) {                       \
        slide_row(t, pixels, outputs);                                                             \
    }
/* run_OUTPUTS: false where no function is for the kernel. */
#define SLIDES(outputs)                                                                            \
    SLIDE(3, 1, outputs)                                                                           \
    SLIDE(3, 2, outputs)                                                                           \
    SLIDE(5, 1, outputs)                                                                           \
    SLIDE(5, 2, outputs)                                                                           \
    SLIDE_ROW(3, outputs)                                                                          \
    SLIDE_ROW(4, outputs)                                                                          \
    SLIDE_ROW(5, outputs)                                                                          \
    SLIDE_ROW(6, outputs)                                                                          \
    static bool run_##outputs(const nn_depthwise_tile *t, uint32_t columns) {                      \
        static void (*const rows[PIXELS])(const nn_depthwise_tile *) = {                           \
            [3] = slide_row_3_##outputs,                                                           \
            [4] = slide_row_4_##outputs,                                                           \
            [5] = slide_row_5_##outputs,                                                           \
            [6] = slide_row_6_##outputs,                                                           \
        };                                                                                         \
        const bool is_row = t->pixels < PIXELS && columns == columns_between(1, 1 + t->pixels);    \
        if (t->taps == 3 && t->stride == 1 && is_row && rows[t->pixels] != NULL)                   \
            rows[t->pixels](t);                                                                    \
        else if (t->taps == 3 && t->stride == 1)                                                   \
            slide_3_1_##outputs(t, columns);                                                       \
        else if (t->taps == 3 && t->stride == 2)                                                   \
            slide_3_2_##outputs(t, columns);                                                       \
        else if (t->taps == 5 && t->stride == 1)                                                   \
            slide_5_1_##outputs(t, columns);                                                       \
        else if (t->taps == 5 && t->stride == 2)                                                   \
            slide_5_2_##outputs(t, columns);                                                       \
        else                                                                                       \
            return false;                                                                          \
        return true;                                                                               \
    }
SLIDES(1)
SLIDE(7, 1, 1)
#if defined(__AVX512F__)
SLIDES(2)
#    include "ops/cpu/float32/depthwise/depthwise_transformed.inc.h"
#endif

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
#if defined(__AVX512F__)
    if (t->outputs == 2) {
        if (!run_transformed(t, columns)) run_2(t, columns);
        return;
    }
#endif
    if (is_known && run_1(t, columns)) return;
    if (is_known && t->taps == 7 && t->stride == 1)
        slide_7_1_1(t, columns);
    else
        slide_any(t);
}
