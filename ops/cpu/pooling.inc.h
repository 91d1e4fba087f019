/* Body of pooling_<isa>.c. Channels last: blocks of four vectors of channels stay in registers over
 * the whole window; bound by reading the input once. Standard order: a vector of outputs stays in a
 * register over the whole window, whose elements come from the first cache. */
#include "ops/cpu/float32/vector.h"

#include "ops/cpu/pooling.h"

#include <math.h>

enum { BLOCK = 4, MOST_SUMS = 12 };

/* The pixels of a window; numbers of them that are constants leave no loops. */
#define EACH_PIXEL(view)                                                                           \
    for (int64_t d = 0; d < (view)->planes; d++)                                                   \
        for (int64_t h = 0; h < (view)->rows; h++)                                                 \
            for (int64_t w = 0; w < (view)->columns; w++)
#define PIXEL(view, x)                                                                             \
    ((x) + d * (view)->plane_step + h * (view)->row_step + w * (view)->column_step)

NN_INLINE void max_f32_window(const nn_pool_view *view, const float *x, float *y,
                              int64_t channels) {
    const vf lowest = vf_set(-INFINITY);
    int64_t c = 0;
    for (; c + BLOCK * VF_LANES <= channels; c += BLOCK * VF_LANES) {
        vf best[BLOCK] = {lowest, lowest, lowest, lowest};
        EACH_PIXEL(view) {
            const float *pixel = PIXEL(view, x + c);
#pragma GCC unroll 4
            for (int i = 0; i < BLOCK; i++)
                best[i] = vf_max(vf_load(pixel + i * VF_LANES), best[i]);
        }
#pragma GCC unroll 4
        for (int i = 0; i < BLOCK; i++) vf_store(y + c + i * VF_LANES, best[i]);
    }
    for (; c + VF_LANES <= channels; c += VF_LANES) {
        vf best = lowest;
        EACH_PIXEL(view) best = vf_max(vf_load(PIXEL(view, x + c)), best);
        vf_store(y + c, best);
    }
    if (c < channels) {
        const int count = (int)(channels - c);
        vf best = lowest;
        EACH_PIXEL(view) best = vf_max(vf_load_first(PIXEL(view, x + c), count), best);
        vf_store_first(y + c, best, count);
    }
}

/* bf16 in memory, float in registers. */
NN_INLINE void max_bf16_window(const nn_pool_view *view, const uint16_t *x, uint16_t *y,
                               int64_t channels) {
    const vf lowest = vf_set(-INFINITY);
    int64_t c = 0;
    for (; c + BLOCK * VF_LANES <= channels; c += BLOCK * VF_LANES) {
        vf best[BLOCK] = {lowest, lowest, lowest, lowest};
        EACH_PIXEL(view) {
            const uint16_t *pixel = PIXEL(view, x + c);
#pragma GCC unroll 4
            for (int i = 0; i < BLOCK; i++)
                best[i] = vf_max(vf_load_first_bf16(pixel + i * VF_LANES, VF_LANES), best[i]);
        }
#pragma GCC unroll 4
        for (int i = 0; i < BLOCK; i++)
            vf_store_first_bf16(y + c + i * VF_LANES, best[i], VF_LANES);
    }
    for (; c < channels; c += VF_LANES) {
        int count = channels - c < VF_LANES ? (int)(channels - c) : VF_LANES;
        vf best = lowest;
        EACH_PIXEL(view) best = vf_max(vf_load_first_bf16(PIXEL(view, x + c), count), best);
        vf_store_first_bf16(y + c, best, count);
    }
}

NN_INLINE void average_bf16_window(const nn_pool_view *view, const uint16_t *x, uint16_t *y,
                                   int64_t channels, float scale) {
    const vf factor = vf_set(scale);
    for (int64_t c = 0; c < channels; c += VF_LANES) {
        int count = channels - c < VF_LANES ? (int)(channels - c) : VF_LANES;
        vf sum = vf_zero();
        for (int64_t d = 0; d < view->planes; d++)
            for (int64_t h = 0; h < view->rows; h++) {
                const uint16_t *pixel = x + c + d * view->plane_step + h * view->row_step;
                vf row = vf_zero();
                for (int64_t w = 0; w < view->columns; w++, pixel += view->column_step)
                    row += vf_load_first_bf16(pixel, count);
                sum += row;
            }
        vf_store_first_bf16(y + c, sum * factor, count);
    }
}

/* The first `count` channels of `vectors` vectors. */
NN_INLINE void average_f32_block(const nn_pool_view *view, const float *x, float *y, float scale,
                                 const int vectors, const int count) {
    vf sum[MOST_SUMS], row[MOST_SUMS];
#pragma GCC unroll 12
    for (int i = 0; i < vectors; i++) sum[i] = vf_zero();
    for (int64_t d = 0; d < view->planes; d++)
        for (int64_t h = 0; h < view->rows; h++) {
            const float *pixel = x + d * view->plane_step + h * view->row_step;
#pragma GCC unroll 12
            for (int i = 0; i < vectors; i++) row[i] = vf_zero();
            for (int64_t w = 0; w < view->columns; w++, pixel += view->column_step)
#pragma GCC unroll 12
                for (int i = 0; i < vectors; i++)
                    row[i] += count == VF_LANES * vectors ? vf_load(pixel + i * VF_LANES)
                                                          : vf_load_first(pixel, count);
#pragma GCC unroll 12
            for (int i = 0; i < vectors; i++) sum[i] += row[i];
        }
#pragma GCC unroll 12
    for (int i = 0; i < vectors; i++) {
        const vf mean = sum[i] * vf_set(scale);
        if (count == VF_LANES * vectors)
            vf_store(y + i * VF_LANES, mean);
        else
            vf_store_first(y, mean, count);
    }
}

/* Several vectors at once do not wait for each other's sums, and read whole lines. */
NN_INLINE void average_f32_window(const nn_pool_view *view, const float *x, float *y,
                                  int64_t channels, float scale) {
    enum { WIDE = MOST_SUMS * VF_LANES, NARROW = 4 * VF_LANES };
    int64_t c = 0;
    for (; c + WIDE <= channels; c += WIDE)
        average_f32_block(view, x + c, y + c, scale, MOST_SUMS, WIDE);
    for (; c + NARROW <= channels; c += NARROW)
        average_f32_block(view, x + c, y + c, scale, 4, NARROW);
    for (; c + VF_LANES <= channels; c += VF_LANES)
        average_f32_block(view, x + c, y + c, scale, 1, VF_LANES);
    if (c < channels) average_f32_block(view, x + c, y + c, scale, 1, (int)(channels - c));
}

/* Bytes: blocks of channels whose largest values stay in registers; the compiler makes vectors of
 * loops whose count it knows, unless it unrolls them before. */
#define MAX_BYTES(name, type, lowest)                                                              \
    static inline __attribute__((always_inline)) void name##_block(                                \
        const nn_pool_view *view, const type *x, type *y, const int width) {                       \
        type best[64];                                                                             \
        for (int i = 0; i < width; i++) best[i] = lowest;                                          \
        EACH_PIXEL(view) {                                                                         \
            const type *pixel = PIXEL(view, x);                                                    \
            _Pragma("GCC unroll 1") for (int i = 0; i < width; i++) best[i] =                      \
                pixel[i] > best[i] ? pixel[i] : best[i];                                           \
        }                                                                                          \
        for (int i = 0; i < width; i++) y[i] = best[i];                                            \
    }                                                                                              \
    NN_INLINE void name##_window(const nn_pool_view *view, const type *x, type *y,                 \
                                 int64_t channels) {                                               \
        int64_t c = 0;                                                                             \
        for (; c + 64 <= channels; c += 64) name##_block(view, x + c, y + c, 64);                  \
        for (; c + 32 <= channels; c += 32) name##_block(view, x + c, y + c, 32);                  \
        for (; c + 16 <= channels; c += 16) name##_block(view, x + c, y + c, 16);                  \
        for (; c + 8 <= channels; c += 8) name##_block(view, x + c, y + c, 8);                     \
        for (; c < channels; c++) name##_block(view, x + c, y + c, 1);                             \
    }
MAX_BYTES(max_u8, uint8_t, 0)
MAX_BYTES(max_i8, int8_t, INT8_MIN)

/* The loop over windows, with copies for those of 2x2 and 3x3 pixels, which need no loop inside. */
NN_INLINE bool is_square(const nn_pool_view *view, int64_t size) {
    return view->planes == 1 && view->rows == size && view->columns == size;
}

#define EACH_WINDOW(windows, square, call)                                                         \
    do {                                                                                           \
        nn_pool_view view = (windows)->view;                                                       \
        if ((square) > 0) view.planes = 1, view.rows = view.columns = (square);                    \
        const int64_t channels = (windows)->channels, out_step = (windows)->out_step;              \
        for (int64_t i = (windows)->count; i > 0; i--, x += (windows)->step, y += out_step) call;  \
    } while (0)
#define WINDOWS(name, type, call, ...)                                                             \
    static void name(const nn_pool_windows *windows, const type *x, type *y __VA_ARGS__) {         \
        if (is_square(&windows->view, 2))                                                          \
            EACH_WINDOW(windows, 2, call);                                                         \
        else if (is_square(&windows->view, 3))                                                     \
            EACH_WINDOW(windows, 3, call);                                                         \
        else                                                                                       \
            EACH_WINDOW(windows, 0, call);                                                         \
    }
WINDOWS(max_f32, float, max_f32_window(&view, x, y, channels), )
WINDOWS(max_u8, uint8_t, max_u8_window(&view, x, y, channels), )
WINDOWS(max_i8, int8_t, max_i8_window(&view, x, y, channels), )
WINDOWS(max_bf16, uint16_t, max_bf16_window(&view, x, y, channels), )
#define SCALE , float scale
WINDOWS(average_f32, float, average_f32_window(&view, x, y, channels, scale), SCALE)
WINDOWS(average_bf16, uint16_t, average_bf16_window(&view, x, y, channels, scale), SCALE)

/* ---- standard order ---- */

NN_INLINE vf pool_join(vf best, vf x, bool average) {
    if (average) return best + x;
    return vf_max(x, best);
}

/* How many of `count` lie in a vector. */
NN_INLINE int lanes_of(int64_t count) {
    return count < 0 ? 0 : count < VF_LANES ? (int)count : VF_LANES;
}

/* Joins columns of the window that lie side by side to `best` of `count` outputs two apart: first
 * all rows, then the elements with even and odd numbers, and for a third column, of which the last
 * lane is not known, those that follow the even ones. */
NN_INLINE vf join_columns(const nn_pool_view *view, const float *x, int64_t columns, int count,
                          vf start, vf best, bool average) {
    const int64_t span = 2 * count - 2 + columns;
    const int in_low = lanes_of(span), in_high = lanes_of(span - VF_LANES);
    vf low = start, high = start;
    for (int64_t d = 0; d < view->planes; d++)
        for (int64_t h = 0; h < view->rows; h++) {
            const float *from = x + d * view->plane_step + h * view->row_step;
            low = pool_join(low, vf_load_first(from, in_low), average);
            if (in_high > 0)
                high = pool_join(high, vf_load_first(from + VF_LANES, in_high), average);
        }
    const vf even = vf_even(low, high);
    best = pool_join(best, even, average);
    if (columns > 1) best = pool_join(best, vf_odd(low, high), average);
    return columns > 2 ? pool_join(best, vf_next(even), average) : best;
}

/* Outputs of a row two apart, less than a vector of them where three columns go together. */
NN_INLINE vf join_pairs(const nn_pool_view *view, const float *x, int count, vf start,
                        bool average) {
    const bool are_adjacent = view->column_step == 1;
    vf best = start;
    for (int64_t w = 0; w < view->columns;) {
        const int64_t left = are_adjacent ? view->columns - w : 1;
        const int64_t most = count < VF_LANES ? 3 : 2, columns = left < most ? left : most;
        best = join_columns(view, x + w * view->column_step, columns, count, start, best, average);
        w += columns;
    }
    return best;
}

NN_INLINE void row_f32(const nn_pool_view *view, const float *x, int64_t stride, float *y,
                       int64_t count, bool average, float scale) {
    const vf start = average ? vf_zero() : vf_set(-INFINITY);
    for (int64_t i = 0; i < count; i += VF_LANES) {
        if (i > 0 && count - i < VF_LANES) i = count - VF_LANES; /* some again */
        const int n = lanes_of(count - i);
        const float *from = x + i * stride;
        vf best = start;
        if (stride == 1) {
            EACH_PIXEL(view) best = pool_join(best, vf_load_first(PIXEL(view, from), n), average);
        } else {
            best = join_pairs(view, from, n, start, average);
        }
        if (average) best *= vf_set(scale);
        vf_store_first(y + i, best, n);
    }
}

/* Any stride; the compiler makes vectors of small ones. */
#define MAX_ROW(name, type, lowest)                                                                \
    static void name(const nn_pool_view *view, const type *x, int64_t stride, type *restrict y,    \
                     int64_t count) {                                                              \
        for (int64_t i = 0; i < count; i++) y[i] = lowest;                                         \
        EACH_PIXEL(view) {                                                                         \
            const type *restrict from = PIXEL(view, x);                                            \
            if (stride == 1) {                                                                     \
                for (int64_t i = 0; i < count; i++) y[i] = from[i] > y[i] ? from[i] : y[i];        \
            } else if (stride == 2) {                                                              \
                for (int64_t i = 0; i < count; i++)                                                \
                    y[i] = from[2 * i] > y[i] ? from[2 * i] : y[i];                                \
            } else {                                                                               \
                for (int64_t i = 0; i < count; i++)                                                \
                    y[i] = from[i * stride] > y[i] ? from[i * stride] : y[i];                      \
            }                                                                                      \
        }                                                                                          \
    }
MAX_ROW(max_row_u8, uint8_t, 0)
MAX_ROW(max_row_i8, int8_t, INT8_MIN)
MAX_ROW(max_far_row, float, -INFINITY)

static void max_row_f32(const nn_pool_view *view, const float *x, int64_t stride, float *y,
                        int64_t count) {
    if (stride == 1)
        row_f32(view, x, 1, y, count, false, 1);
    else if (stride == 2)
        row_f32(view, x, 2, y, count, false, 1);
    else
        max_far_row(view, x, stride, y, count);
}

static void average_row_f32(const nn_pool_view *view, const float *x, int64_t stride, float *y,
                            int64_t count, float scale) {
    if (stride == 1) {
        row_f32(view, x, 1, y, count, true, scale);
    } else if (stride == 2) {
        row_f32(view, x, 2, y, count, true, scale);
    } else {
        for (int64_t i = 0; i < count; i++) y[i] = 0;
        EACH_PIXEL(view) {
            const float *pixel = PIXEL(view, x);
            for (int64_t i = 0; i < count; i++) y[i] += pixel[i * stride];
        }
        for (int64_t i = 0; i < count; i++) y[i] *= scale;
    }
}

static float max_plane_f32(const float *x, int64_t count) {
    vf best = vf_set(-INFINITY), other = best;
    int64_t i = 0;
    for (; i + 2 * VF_LANES <= count; i += 2 * VF_LANES) {
        best = vf_max(vf_load(x + i), best);
        other = vf_max(vf_load(x + i + VF_LANES), other);
    }
    best = vf_max(best, other);
    for (; i < count; i += VF_LANES) {
        int n = count - i < VF_LANES ? (int)(count - i) : VF_LANES;
        best = vf_max(vf_load_first_or(x + i, n, vf_set(-INFINITY)), best);
    }
    for (int distance = VF_LANES / 2; distance > 0; distance /= 2)
        best = vf_max(best, vf_swap(best, distance));
    return best[0];
}

#define POOLING(row_functions, narrow_set)                                                         \
    {                                                                                              \
        .lanes = VF_LANES, .narrow = narrow_set, .max_f32 = max_f32, .max_u8 = max_u8,             \
        .max_i8 = max_i8, .average_f32 = average_f32, .max_bf16 = max_bf16,                        \
        .average_bf16 = average_bf16, .max_row_f32 = max_row_f32, .max_row_u8 = max_row_u8,        \
        .max_row_i8 = max_row_i8, .average_row_f32 = average_row_f32,                              \
        .max_plane_f32 = max_plane_f32, .rows = row_functions,                                     \
    }
