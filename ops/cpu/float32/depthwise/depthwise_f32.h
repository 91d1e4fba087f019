/* Depthwise convolution of channels-last floats: a few neighbouring output pixels at a time, of one
 * output row or of two, with the loop over channels inside, so that memory is read in order and a
 * loaded pixel serves several taps and rows. */
#ifndef NN_DEPTHWISE_F32_H
#define NN_DEPTHWISE_F32_H

#include "ops/cpu/float32/activation_f32.h"

enum {
    NN_DEPTHWISE_PIXELS = 7,           /* output pixels of a tile in one row, at most */
    NN_DEPTHWISE_ROWS = 2,             /* output rows of a tile, at most */
    NN_DEPTHWISE_TRANSFORMED_TAPS = 6, /* nn_depthwise_tile.transformed */
};

/* A row of the input, and the kernel rows that lie on it. */
typedef struct nn_depthwise_row {
    const float *x; /* column 0 of the input row */
    /* For each output row of the tile, the first tap of its kernel row there, taps being w_step
     * apart; NULL: none, but not for all. */
    const float *w[NN_DEPTHWISE_ROWS];
} nn_depthwise_row;

typedef struct nn_depthwise_tile {
    const nn_depthwise_row *rows;
    int64_t row_count;
    int64_t column;  /* of the input, under the first tap of the first pixel; may be outside */
    int64_t columns; /* of the input */
    int64_t pitch, w_step; /* floats from a pixel, a tap, to the next */
    /* NULL, or of a 3x3 kernel with stride 1 the taps of half the sum of its rows, and of half of
     * that with the middle one subtracted: for two output rows whose two inner input rows exist. */
    const float *transformed;
    int64_t taps, stride, dilation;
    const float *zeros; /* `channels` of them, that may be read in place of pixels outside */
    const float *bias;
    const float *residual; /* NULL: none; may be y */
    float *y;
    int64_t y_pitch, y_row; /* of y and residual, from a pixel, a row, to the next */
    int pixels;             /* that are wanted, 1 .. NN_DEPTHWISE_PIXELS */
    int outputs;            /* rows, 1 .. NN_DEPTHWISE_ROWS */
    int64_t more; /* whole tiles that lie behind this one in its row, and inside as it does */
    int64_t channels;
    float low, high;
    const float **pixel_table; /* room for row_count * taps * NN_DEPTHWISE_PIXELS pointers */
} nn_depthwise_tile;

/* One instruction set. */
typedef struct nn_depthwise_f32 {
    int lanes;
    bool pairs; /* has registers for two output rows, where nn_depthwise_can_pair */
    void (*run)(const nn_depthwise_tile *tile);
    nn_epilogue_function finish; /* what tiles cannot do themselves */
} nn_depthwise_f32;

/* Kernels whose tiles may have two output rows. */
static inline bool nn_depthwise_can_pair(int64_t taps, int64_t stride, int64_t dilation) {
    return (taps == 3 || taps == 5) && stride <= 2 && dilation == 1;
}

extern const nn_depthwise_f32 nn_depthwise_f32_portable, nn_depthwise_f32_avx2,
    nn_depthwise_f32_avx512;

#endif
