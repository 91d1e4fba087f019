/* Tiles of depthwise convolution with bf16 in memory and float sums: as depthwise_f32.h, a few
 * output pixels at a time, with the loop over channels inside.
 *
 * Two input rows are interleaved, so that an instruction adds the products of both at 16 channels.
 * 32 channels are two vectors then: of each eight the first four and the last four. Weights and
 * bias are packed in that order; beside the weight of a kernel row in the low half of 32 bits lies
 * that of the next one, 0 behind the last. */
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
    const uint32_t *const *rows; /* weights of each kernel row, taps w_step apart */
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
