/* Rows of scale_bf16.h, bound by reading and writing maps. */
#include "ops/cpu/bf16/scale_bf16.h"

#include "ops/cpu/bf16/bf16.h"

enum { CHANNELS = 32 };

NN_BF16_INLINE void join(const bool adds, const uint16_t *x, const uint16_t *by, uint16_t *y,
                         __mmask32 mask) {
    const nn_bf16_pair a = nn_load_pair(x, mask), b = nn_load_pair(by, mask);
    const nn_bf16_pair sum = {a.lower + b.lower, a.upper + b.upper};
    const nn_bf16_pair product = {a.lower * b.lower, a.upper * b.upper};
    nn_store_pair(y, adds ? sum : product, mask);
}

NN_BF16_INLINE void join_pixels(const bool adds, const nn_bf16_scaling *scaling, const uint16_t *x,
                                const uint16_t *by, uint16_t *y, int64_t pixels) {
    const int64_t channels = scaling->channels, whole = channels / CHANNELS * CHANNELS;
    const __mmask32 rest = nn_first32((int)(channels - whole));
    for (int64_t p = 0; p < pixels; p++) {
        for (int64_t c = 0; c < whole; c += CHANNELS)
            join(adds, x + c, by + c, y + c, ~(__mmask32)0);
        if (rest != 0) join(adds, x + whole, by + whole, y + whole, rest);
        x += channels;
        y += channels;
        by += scaling->by_step;
    }
}

void nn_bf16_scale_pixels(const nn_bf16_scaling *scaling, const uint16_t *x, const uint16_t *by,
                          uint16_t *y, int64_t pixels) {
    if (scaling->adds)
        join_pixels(true, scaling, x, by, y, pixels);
    else
        join_pixels(false, scaling, x, by, y, pixels);
}
