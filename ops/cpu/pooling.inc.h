/* Body of pooling_<isa>.c. Blocks of four vectors of channels stay in registers over the whole
 * window; bound by reading the input once. */
#include "ops/cpu/vector.h"

#include "ops/cpu/pooling.h"

#include <math.h>

enum { BLOCK = 4 };

#define EACH_PIXEL(view, x, pixel)                                                                 \
    for (int64_t d = 0; d < (view)->planes; d++)                                                   \
        for (int64_t h = 0; h < (view)->rows; h++)                                                 \
            for (const __typeof__(*(x)) *                                                          \
                     pixel = (x) + d * (view)->plane_step + h * (view)->row_step,                  \
                    *end = pixel + (view)->columns * (view)->column_step;                          \
                 pixel < end; pixel += (view)->column_step)

static void max_f32(const nn_pool_view *view, const float *x, float *y, int64_t channels) {
    const vf lowest = vf_set(-INFINITY);
    int64_t c = 0;
    for (; c + BLOCK * VF_LANES <= channels; c += BLOCK * VF_LANES) {
        vf best[BLOCK] = {lowest, lowest, lowest, lowest};
        EACH_PIXEL(view, x + c, pixel) {
#pragma GCC unroll 4
            for (int i = 0; i < BLOCK; i++)
                best[i] = vf_max(vf_load(pixel + i * VF_LANES), best[i]);
        }
#pragma GCC unroll 4
        for (int i = 0; i < BLOCK; i++) vf_store(y + c + i * VF_LANES, best[i]);
    }
    for (; c < channels; c += VF_LANES) {
        int count = channels - c < VF_LANES ? (int)(channels - c) : VF_LANES;
        vf best = lowest;
        EACH_PIXEL(view, x + c, pixel) best = vf_max(vf_load_first(pixel, count), best);
        vf_store_first(y + c, best, count);
    }
}

static void average_f32(const nn_pool_view *view, const float *x, float *y, int64_t channels,
                        float scale) {
    const vf factor = vf_set(scale);
    for (int64_t c = 0; c < channels; c += VF_LANES) {
        int count = channels - c < VF_LANES ? (int)(channels - c) : VF_LANES;
        vf sum = vf_zero();
        for (int64_t d = 0; d < view->planes; d++)
            for (int64_t h = 0; h < view->rows; h++) {
                const float *pixel = x + c + d * view->plane_step + h * view->row_step;
                vf row = vf_zero();
                for (int64_t w = 0; w < view->columns; w++, pixel += view->column_step)
                    row += count == VF_LANES ? vf_load(pixel) : vf_load_first(pixel, count);
                sum += row;
            }
        vf_store_first(y + c, sum * factor, count);
    }
}

/* Bytes: blocks of channels whose largest values stay in registers; the compiler makes vectors of
 * loops whose count it knows. */
#define MAX_BYTES(name, type, lowest)                                                              \
    static inline __attribute__((always_inline)) void name##_block(                                \
        const nn_pool_view *view, const type *x, type *y, const int width) {                       \
        type best[64];                                                                             \
        for (int i = 0; i < width; i++) best[i] = lowest;                                          \
        EACH_PIXEL(view, x, pixel) {                                                               \
            for (int i = 0; i < width; i++) best[i] = pixel[i] > best[i] ? pixel[i] : best[i];     \
        }                                                                                          \
        for (int i = 0; i < width; i++) y[i] = best[i];                                            \
    }                                                                                              \
    static void name(const nn_pool_view *view, const type *x, type *y, int64_t channels) {         \
        int64_t c = 0;                                                                             \
        for (; c + 64 <= channels; c += 64) name##_block(view, x + c, y + c, 64);                  \
        for (; c + 16 <= channels; c += 16) name##_block(view, x + c, y + c, 16);                  \
        for (; c + 8 <= channels; c += 8) name##_block(view, x + c, y + c, 8);                     \
        for (; c < channels; c++) name##_block(view, x + c, y + c, 1);                             \
    }
MAX_BYTES(max_u8, uint8_t, 0)
MAX_BYTES(max_i8, int8_t, INT8_MIN)
