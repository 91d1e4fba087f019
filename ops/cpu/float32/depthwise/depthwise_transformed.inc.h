/* Two output rows of a 3x3 kernel with stride 1 by F(2, 3) down the columns, for
 * depthwise_f32_<isa>.c where additions have units beside those of products. With input rows d and
 * kernel rows g of three taps, the sums are m0 + m1 + m2 and m1 - m2 + m3 of
 *
 *     m0 = (d0 - d2) g0            m1 = (d1 + d2) (g0 + g1 + g2) / 2
 *     m3 = (d3 - d1) g2            m2 = (d2 - d1) (g0 - g1 + g2) / 2
 *
 * A sum or difference of pixels serves three taps, so that 14 outputs take 84 FMAs for 126, and 64
 * additions. d0 and d3 may lie outside.
 *
 * Registers: 14 sums, first those of m1 and m2, then those of the outputs; six taps, four pixels.
 */

enum { TRANSFORMED_TAPS = NN_DEPTHWISE_TRANSFORMED_TAPS / 2 };

/* What changes from tile to tile: where the first pixel lies in the rows, and in y. */
typedef struct transformed_tile {
    const float *outer[2], *inner[2]; /* d0 and d3, d1 and d2 */
    int64_t outer_pitch[2];
    float *y;
} transformed_tile;

NN_INLINE void slide_transformed_channels(const nn_depthwise_tile *t, const transformed_tile here,
                                          const float *const outer_w[2], const int pixels,
                                          const uint32_t columns) {
    const int under = pixels - 1 + TRANSFORMED_TAPS;
    const int64_t pitch = t->pitch, w_step = t->w_step, y_pitch = t->y_pitch, y_row = t->y_row;
    const int64_t channels = t->channels;
    const float *inner_w = t->transformed, *bias = t->bias;
    const vf low = vf_set(t->low), high = vf_set(t->high);
    for (int64_t c = 0; c < channels; c += VF_LANES) {
        vf sum[2][PIXELS], w[2][TRANSFORMED_TAPS];
#pragma GCC unroll 7
        for (int i = 0; i < pixels; i++) {
            sum[0][i] = vf_load(bias + c);
            sum[1][i] = vf_zero();
        }
#pragma GCC unroll 2
        for (int o = 0; o < 2; o++)
#pragma GCC unroll 3
            for (int k = 0; k < TRANSFORMED_TAPS; k++)
                w[o][k] = vf_load(inner_w + (o * TRANSFORMED_TAPS + k) * w_step + c);
#pragma GCC unroll 9
        for (int q = 0; q < under; q++) {
            if ((columns >> q & 1) == 0) continue;
            const vf x1 = vf_loaded_once(vf_load(here.inner[0] + q * pitch + c));
            const vf x2 = vf_loaded_once(vf_load(here.inner[1] + q * pitch + c));
            const vf both = x1 + x2, difference = x2 - x1;
#pragma GCC unroll 3
            for (int k = 0; k < TRANSFORMED_TAPS; k++) {
                if (q < k || q - k >= pixels) continue;
                sum[0][q - k] = vf_fma(both, w[0][k], sum[0][q - k]);
                sum[1][q - k] = vf_fma(difference, w[1][k], sum[1][q - k]);
            }
        }
#pragma GCC unroll 7
        for (int i = 0; i < pixels; i++) {
            const vf m1 = sum[0][i], m2 = sum[1][i];
            sum[0][i] = m1 + m2;
            sum[1][i] = m1 - m2;
        }
#pragma GCC unroll 2
        for (int o = 0; o < 2; o++) {
            const float *from = here.outer[o], *other = here.inner[1 - o];
            /* gcc would keep the pixels from above, for which there are no registers. */
            __asm__("" : "+r"(other), "+r"(from));
#pragma GCC unroll 3
            for (int k = 0; k < TRANSFORMED_TAPS; k++)
                w[0][k] = vf_load(outer_w[o] + k * w_step + c);
#pragma GCC unroll 9
            for (int q = 0; q < under; q++) {
                if ((columns >> q & 1) == 0) continue;
                const vf x =
                    vf_load(from + q * here.outer_pitch[o] + c) - vf_load(other + q * pitch + c);
#pragma GCC unroll 3
                for (int k = 0; k < TRANSFORMED_TAPS; k++)
                    if (q >= k && q - k < pixels) sum[o][q - k] = vf_fma(x, w[0][k], sum[o][q - k]);
            }
#pragma GCC unroll 7
            for (int i = 0; i < pixels; i++)
                vf_store(here.y + o * y_row + i * y_pitch + c,
                         vf_min(high, vf_max(low, sum[o][i])));
        }
    }
}

NN_INLINE void slide_transformed(const nn_depthwise_tile *t, const int pixels,
                                 const uint32_t columns) {
    const bool has_first = t->rows[0].w[1] == NULL;
    const nn_depthwise_row *inner = t->rows + has_first;
    const bool has_last = t->row_count > has_first + 2;
    const int64_t at = t->column * t->pitch;
    const float *const outer_w[2] = {inner[0].w[1], inner[1].w[0]};
    transformed_tile here = {
        .outer = {has_first ? t->rows[0].x + at : t->zeros, has_last ? inner[2].x + at : t->zeros},
        .inner = {inner[0].x + at, inner[1].x + at},
        .outer_pitch = {has_first ? t->pitch : 0, has_last ? t->pitch : 0},
        .y = t->y,
    };
    for (int64_t left = t->more; left >= 0; left--) {
        slide_transformed_channels(t, here, outer_w, pixels, columns);
        for (int o = 0; o < 2; o++) {
            here.outer[o] += PIXELS * here.outer_pitch[o];
            here.inner[o] += PIXELS * t->pitch;
        }
        here.y += PIXELS * t->y_pitch;
    }
}

/* Functions of their own: all in one would be more than gcc finds registers for. */
#define TRANSFORMED(name, pixels, first, end)                                                      \
    static __attribute__((noinline)) void slide_transformed_##name(const nn_depthwise_tile *t) {   \
        slide_transformed(t, pixels, columns_between(first, end));                                 \
    }
TRANSFORMED(inside, 7, 0, 9)
TRANSFORMED(left, 7, 1, 9)
TRANSFORMED(right, 7, 0, 8)
TRANSFORMED(both, 7, 1, 8)
TRANSFORMED(6, 6, 1, 7)
TRANSFORMED(5, 5, 1, 6)
TRANSFORMED(4, 4, 1, 5)
TRANSFORMED(3, 3, 1, 4)

/* False: this tile is left to others. */
static bool run_transformed(const nn_depthwise_tile *t, uint32_t columns) {
    static void (*const rows[PIXELS])(const nn_depthwise_tile *) = {
        [3] = slide_transformed_3,
        [4] = slide_transformed_4,
        [5] = slide_transformed_5,
        [6] = slide_transformed_6,
    };
    if (t->transformed == NULL || t->residual != NULL || t->channels % VF_LANES != 0) return false;
    if (t->pixels < PIXELS) {
        if (columns != columns_between(1, 1 + t->pixels) || rows[t->pixels] == NULL) return false;
        rows[t->pixels](t);
        return true;
    }
    if (columns == columns_between(0, 9))
        slide_transformed_inside(t);
    else if (columns == columns_between(1, 9))
        slide_transformed_left(t);
    else if (columns == columns_between(0, 8))
        slide_transformed_right(t);
    else if (columns == columns_between(1, 8))
        slide_transformed_both(t);
    else
        return false;
    return true;
}
