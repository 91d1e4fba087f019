/* The tiles of depthwise_bf16.h. Registers: 7 pixels by 2 vectors of sums, 2 vectors of each tap of
 * the kernel row, 2 of input. A 3x3 tile does 126 FMAs for 27 loads of input, each of which two
 * more instructions make floats of; on large maps it is bound by reading the input. */
#include "ops/cpu/bf16/depthwise_bf16.h"

#include "base/integers.h"
#include "ops/cpu/bf16/bf16.h"
#include "ops/cpu/float32/activation_vector.h"

enum { PIXELS = NN_DEPTHWISE_BF16_PIXELS, CHANNELS = NN_DEPTHWISE_BF16_CHANNELS, MOST_TAPS = 7 };

/* The sums of all pixels at 32 channels, even and odd ones in turn, to y. From memory: calls for
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
        sums[2 * i] += residual.even;
        sums[2 * i + 1] += residual.odd;
    }
    if (!clips) nn_bf16_activate(epilogue->after, true, sums, vectors);
    for (int i = 0; i < t->count; i++) {
        nn_bf16_pair x = {sums[2 * i], sums[2 * i + 1]};
        if (clips) {
            x.even = vf_min(high, vf_max(low, x.even));
            x.odd = vf_min(high, vf_max(low, x.odd));
        }
        nn_store_pair(t->y + i * t->y_pitch + c, x, mask);
    }
}

NN_INLINE void start_sums(const nn_depthwise_bf16_tile *t, int64_t c, vf even[PIXELS],
                          vf odd[PIXELS]) {
#pragma GCC unroll 7
    for (int i = 0; i < PIXELS; i++) {
        even[i] = vf_load(t->bias + c);
        odd[i] = vf_load(t->bias + c + VF_LANES);
    }
}

NN_INLINE void end_sums(const nn_depthwise_bf16_tile *t, int64_t c, const vf even[PIXELS],
                        const vf odd[PIXELS], __mmask32 mask) {
    vf sums[2 * PIXELS];
#pragma GCC unroll 7
    for (int i = 0; i < PIXELS; i++) {
        sums[2 * i] = even[i];
        sums[2 * i + 1] = odd[i];
    }
    finish_pixels(t, sums, c, mask);
}

/* Kernel width and stride are constants of each copy. */
NN_INLINE void slide(const nn_depthwise_bf16_tile *t, const int taps, const int stride) {
    const int under = (PIXELS - 1) * stride + taps;
    for (int64_t c = 0; c < t->channels; c += CHANNELS) {
        const __mmask32 mask = nn_first32((int)nn_min(t->channels - c, CHANNELS));
        vf even[PIXELS], odd[PIXELS];
        start_sums(t, c, even, odd);
        for (int64_t row = 0; row < t->row_count; row++) {
            const uint16_t *const *pixels = t->pixels + row * under;
            vf w_even[MOST_TAPS], w_odd[MOST_TAPS];
#pragma GCC unroll 7
            for (int k = 0; k < taps; k++) {
                w_even[k] = vf_load(t->rows[row] + k * t->w_step + c);
                w_odd[k] = vf_load(t->rows[row] + k * t->w_step + c + VF_LANES);
            }
#pragma GCC unroll 19
            for (int q = 0; q < under; q++) {
                const nn_bf16_pair x = nn_load_pair(pixels[q] + c, mask);
#pragma GCC unroll 7
                for (int k = 0; k < taps; k++) {
                    int i = (q - k) / stride;
                    if (q < k || (q - k) % stride != 0 || i >= PIXELS) continue;
                    even[i] = vf_fma(x.even, w_even[k], even[i]);
                    odd[i] = vf_fma(x.odd, w_odd[k], odd[i]);
                }
            }
        }
        end_sums(t, c, even, odd, mask);
    }
}

static void slide_any(const nn_depthwise_bf16_tile *t) {
    for (int64_t c = 0; c < t->channels; c += CHANNELS) {
        const __mmask32 mask = nn_first32((int)nn_min(t->channels - c, CHANNELS));
        const uint16_t *const *pixels = t->pixels;
        vf even[PIXELS], odd[PIXELS];
        start_sums(t, c, even, odd);
        for (int64_t row = 0; row < t->row_count; row++)
            for (int64_t k = 0; k < t->taps; k++, pixels += PIXELS) {
                const float *w = t->rows[row] + k * t->w_step + c;
                const vf w_even = vf_load(w), w_odd = vf_load(w + VF_LANES);
#pragma GCC unroll 7
                for (int i = 0; i < PIXELS; i++) {
                    const nn_bf16_pair x = nn_load_pair(pixels[i] + c, mask);
                    even[i] = vf_fma(x.even, w_even, even[i]);
                    odd[i] = vf_fma(x.odd, w_odd, odd[i]);
                }
            }
        end_sums(t, c, even, odd, mask);
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
