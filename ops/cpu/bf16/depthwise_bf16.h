/* Tiles of depthwise convolution with bf16 in memory and float sums: as depthwise_f32.h, a few
 * output pixels at a time, with the loop over channels inside.
 *
 * 32 channels are two vectors, those with even and those with odd numbers: what lies in the high
 * half of 32 bits is a float once the low half is cleared. Weights and bias are packed in that
 * order: of each 32 channels first the even ones. */
#ifndef NN_DEPTHWISE_BF16_H
#define NN_DEPTHWISE_BF16_H

#include "ops/epilogue.h"

enum {
    NN_DEPTHWISE_BF16_PIXELS = 7,    /* output pixels of a tile, at most */
    NN_DEPTHWISE_BF16_CHANNELS = 32, /* that packed weights are padded to */
};

typedef struct nn_depthwise_bf16_tile {
    /* Pixels of the input, or zeros: for each kernel row the columns under the tile; where
     * nn_depthwise_bf16_is_any, for each tap of it those of all output pixels. */
    const uint16_t *const *pixels;
    const float *const *rows; /* weights of each kernel row, taps w_step apart */
    int64_t row_count, w_step, taps, stride, dilation;
    const float *bias;
    const uint16_t *residual; /* NULL: none; may be y */
    uint16_t *y;
    int64_t y_pitch; /* of y and residual */
    int count;       /* pixels that are wanted */
    int64_t channels;
    const nn_epilogue *epilogue;
} nn_depthwise_bf16_tile;

/* Kernel widths and strides without code of their own: every tap reads its own pixels. */
static inline bool nn_depthwise_bf16_is_any(int64_t taps, int64_t stride, int64_t dilation) {
    bool known =
        stride == 1 ? taps == 3 || taps == 5 || taps == 7 : stride == 2 && (taps == 3 || taps == 5);
    return dilation != 1 || !known;
}

void nn_depthwise_bf16_run(const nn_depthwise_bf16_tile *tile);

#endif
