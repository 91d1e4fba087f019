/* The tiles of depthwise_bf16.h. Registers: 7 pixels by 2 vectors of sums, 2 vectors of each tap of
 * two kernel rows, 2 of input and 2 of it interleaved. A 3x3 tile does 84 products of pairs, the
 * last row being a pair with nothing, for 27 loads and 36 interleavings of input. */
#include "ops/cpu/bf16/depthwise_bf16.h"

#include "base/integers.h"
#include "ops/cpu/bf16/bf16.h"
#include "ops/cpu/float32/activation_vector.h"

enum { PIXELS = NN_DEPTHWISE_BF16_PIXELS, CHANNELS = NN_DEPTHWISE_BF16_CHANNELS, MOST_TAPS = 7 };

/* The sums of all pixels at 32 channels, lower and upper ones in turn, to y. From memory: calls for
 * activations would push the registers there anyway. */
static __attribute__((noinline)) void finish_pixels(const nn_depthwise_bf16_tile *t, vf *sums,
                                                    int64_t c, __mmask32 mask) {
    const nn_epilogue *epilogue = t->epilogue;
    float low_bound, high_bound;
    const bool clips = nn_epilogue_as_clip(epilogue, &low_bound, &high_bound);
    const vf low = vf_set(low_bound), high = vf_set(high_bound);
    const int vectors = 2 * t->count;
    if (!clips) nn_bf16_activate(epilogue->before, nn_bf16_before_is_last(epilogue), sums, vectors);
    for (int i = 0; t->residual != NULL && i < t->count; i++) {
        const nn_bf16_pair residual = nn_load_pair(t->residual + i * t->y_pitch + c, mask);
        sums[2 * i] += residual.lower;
        sums[2 * i + 1] += residual.upper;
    }
    if (!clips) nn_bf16_activate(epilogue->after, true, sums, vectors);
    for (int i = 0; i < t->count; i++) {
        nn_bf16_pair x = {sums[2 * i], sums[2 * i + 1]};
        if (clips) {
            x.lower = vf_min(high, vf_max(low, x.lower));
            x.upper = vf_min(high, vf_max(low, x.upper));
        }
        nn_store_pair(t->y + i * t->y_pitch + c, x, mask);
    }
}

NN_INLINE void start_sums(const nn_depthwise_bf16_tile *t, int64_t c, vf lower[PIXELS],
                          vf upper[PIXELS]) {
#pragma GCC unroll 7
    for (int i = 0; i < PIXELS; i++) {
        lower[i] = vf_load(t->bias + c);
        upper[i] = vf_load(t->bias + c + VF_LANES);
    }
}

/* What most tiles end with, in registers: a clip and nothing else. */
typedef struct plain_end {
    bool is_plain;
    float low, high;
} plain_end;

NN_INLINE plain_end end_of(const nn_depthwise_bf16_tile *t) {
    plain_end out;
    out.is_plain = nn_epilogue_as_clip(t->epilogue, &out.low, &out.high) && t->residual == NULL;
    return out;
}

NN_INLINE void end_sums(const nn_depthwise_bf16_tile *t, const plain_end *end, int64_t c,
                        const vf lower[PIXELS], const vf upper[PIXELS], __mmask32 mask) {
    if (end->is_plain) {
        const vf low = vf_set(end->low), high = vf_set(end->high);
        uint16_t *y = t->y + c;
#pragma GCC unroll 7
        for (int i = 0; i < PIXELS; i++, y += t->y_pitch) {
            const nn_bf16_pair x = {vf_min(high, vf_max(low, lower[i])),
                                    vf_min(high, vf_max(low, upper[i]))};
            if (i < t->count) nn_store_pair(y, x, mask);
        }
        return;
    }
    vf sums[2 * PIXELS];
#pragma GCC unroll 7
    for (int i = 0; i < PIXELS; i++) {
        sums[2 * i] = lower[i];
        sums[2 * i + 1] = upper[i];
    }
    finish_pixels(t, sums, c, mask);
}

NN_INLINE vf add_products(vf sum, __m512i x, __m512i w) {
    return _mm512_dpbf16_ps(sum, (__m512bh)x, (__m512bh)w);
}

/* Adds input row `row`, and with `two` the next one, whose kernel row is the next one, too. Weights
 * that have no row are cleared, since infinities among them would not vanish beside zeros. */
NN_INLINE void add_rows(const nn_depthwise_bf16_tile *t, int64_t row, const bool two, int64_t c,
                        __mmask32 mask, const int taps, const int stride, vf lower[PIXELS],
                        vf upper[PIXELS]) {
    const int under = (PIXELS - 1) * stride + taps;
    const uint16_t *const *pixels = t->pixels + row * under;
    __m512i w_lower[MOST_TAPS], w_upper[MOST_TAPS];
#pragma GCC unroll 7
    for (int k = 0; k < taps; k++) {
        const uint32_t *w = t->rows[row] + k * t->w_step + c;
        w_lower[k] = _mm512_loadu_si512(w);
        w_upper[k] = _mm512_loadu_si512(w + VF_LANES);
        if (two) continue;
        w_lower[k] = _mm512_and_si512(w_lower[k], _mm512_set1_epi32(0xffff));
        w_upper[k] = _mm512_and_si512(w_upper[k], _mm512_set1_epi32(0xffff));
    }
#pragma GCC unroll 19
    for (int q = 0; q < under; q++) {
        const __m512i x = _mm512_maskz_loadu_epi16(mask, pixels[q] + c);
        const __m512i next =
            two ? _mm512_maskz_loadu_epi16(mask, pixels[under + q] + c) : _mm512_setzero_si512();
        const __m512i x_lower = _mm512_unpacklo_epi16(x, next);
        const __m512i x_upper = _mm512_unpackhi_epi16(x, next);
#pragma GCC unroll 7
        for (int k = 0; k < taps; k++) {
            const int i = (q - k) / stride;
            if (q < k || (q - k) % stride != 0 || i >= PIXELS) continue;
            lower[i] = add_products(lower[i], x_lower, w_lower[k]);
            upper[i] = add_products(upper[i], x_upper, w_upper[k]);
        }
    }
}

/* 32 channels from c on. */
NN_INLINE void slide_channels(const nn_depthwise_bf16_tile *t, const plain_end *end, int64_t c,
                              const __mmask32 mask, const int taps, const int stride) {
    vf lower[PIXELS], upper[PIXELS];
    start_sums(t, c, lower, upper);
    for (int64_t row = 0; row < t->row_count;) {
        /* Rows that lie outside of the input may be missing between two. */
        const bool two =
            row + 1 < t->row_count && t->rows[row + 1] == t->rows[row] + taps * t->w_step;
        if (two)
            add_rows(t, row, true, c, mask, taps, stride, lower, upper);
        else
            add_rows(t, row, false, c, mask, taps, stride, lower, upper);
        row += two ? 2 : 1;
    }
    end_sums(t, end, c, lower, upper, mask);
}

/* Kernel width and stride are constants of each copy. */
NN_INLINE void slide(const nn_depthwise_bf16_tile *t, const int taps, const int stride) {
    const plain_end end = end_of(t);
    int64_t c = 0;
    for (; c + CHANNELS <= t->channels; c += CHANNELS)
        slide_channels(t, &end, c, ~(__mmask32)0, taps, stride);
    if (c < t->channels)
        slide_channels(t, &end, c, nn_first32((int)(t->channels - c)), taps, stride);
}

NN_INLINE vf own_weights(const uint32_t *w) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_loadu_si512(w), 16));
}

static void slide_any(const nn_depthwise_bf16_tile *t) {
    const plain_end end = end_of(t);
    for (int64_t c = 0; c < t->channels; c += CHANNELS) {
        const __mmask32 mask = nn_first32((int)nn_min(t->channels - c, CHANNELS));
        const uint16_t *const *pixels = t->pixels;
        vf lower[PIXELS], upper[PIXELS];
        start_sums(t, c, lower, upper);
        for (int64_t row = 0; row < t->row_count; row++)
            for (int64_t k = 0; k < t->taps; k++, pixels += PIXELS) {
                const uint32_t *w = t->rows[row] + k * t->w_step + c;
                const vf w_lower = own_weights(w), w_upper = own_weights(w + VF_LANES);
#pragma GCC unroll 7
                for (int i = 0; i < PIXELS; i++) {
                    const nn_bf16_pair x = nn_load_pair(pixels[i] + c, mask);
                    lower[i] = vf_fma(x.lower, w_lower, lower[i]);
                    upper[i] = vf_fma(x.upper, w_upper, upper[i]);
                }
            }
        end_sums(t, &end, c, lower, upper, mask);
    }
}

#define SLIDE(taps, stride)                                                                        \
    static void slide_##taps##_##stride(const nn_depthwise_bf16_tile *t) {                         \
        slide(t, taps, stride);                                                                    \
    }
SLIDE(3, 1)
SLIDE(3, 2)
SLIDE(5, 1)
SLIDE(5, 2)
SLIDE(7, 1)

void nn_depthwise_bf16_run(const nn_depthwise_bf16_tile *t) {
    if (nn_depthwise_bf16_is_any(t->taps, t->stride, t->dilation))
        slide_any(t);
    else if (t->taps == 3)
        t->stride == 1 ? slide_3_1(t) : slide_3_2(t);
    else if (t->taps == 5)
        t->stride == 1 ? slide_5_1(t) : slide_5_2(t);
    else
        slide_7_1(t);
}
