/* Depthwise convolution of 8-bit maps in channels-last layout: one filter for each channel.
 *
 * The multiplier sums four adjacent bytes (vpdpbusd), so up to four vertical taps are brought
 * together: the bytes of four input rows at one column are interleaved, [channel][row], and
 * multiplied with weights in that order. Each such vector serves all the output columns whose
 * windows cover it.
 *
 * Work goes by output row and block of channels. Blocks are wide, and one narrow one where that
 * suffices for the rest. */
#ifndef NN_DEPTHWISE_U8S8_H
#define NN_DEPTHWISE_U8S8_H

#include "ops/cpu/int8/conv_u8s8.h"

enum {
    NN_DEPTHWISE_KERNEL_ROWS = 16, /* at most */
    NN_DEPTHWISE_CHANNELS = 64     /* of a block, at most */
};

/* One output row of one block. */
typedef struct nn_depthwise_row {
    /* Input rows of the kernel's rows, at column 0 of the block, and the bytes from column to
     * column: 0 where the row is padding, which is one pixel of x_zero ^ flip. */
    const uint8_t *rows[NN_DEPTHWISE_KERNEL_ROWS];
    int64_t row_steps[NN_DEPTHWISE_KERNEL_ROWS];
    int64_t kernel_rows, kernel_columns, stride, dilation, pad_begin;
    int64_t in_columns, out_columns;
    uint8_t flip, x_zero;    /* x ^ flip is unsigned; the zero point of that */
    const int8_t *w;         /* [column][four rows][vector], see weight_bytes */
    const int32_t *start;    /* per channel, in the order of lanes; aligned */
    const float *multiplier; /* alike */
    int16_t zero, low, high; /* as in nn_u8s8_tile */
    int is_plain;            /* these three change nothing that saturation would not */
    int is_signed;           /* y */
    int channels;            /* that exist */
    int32_t *sums;           /* not NULL: sums go here, [column][channel of the block] */
    uint8_t *y;              /* else results */
    int64_t y_step, y_row;   /* bytes from column to column, from row to row */
} nn_depthwise_row;

typedef struct nn_depthwise_unit {
    const char *name;
    int wide, narrow; /* channels of the two kinds of blocks; both the same where there is one */
    /* The last block begins early enough to be whole, where there are channels enough. */
    bool overlaps;
    /* A vector of weights. 1: [lane][four rows] of int8; 2: [lane][two rows] of int16 with rows 0
     * and 2, then the same with rows 1 and 3. */
    int weight_bytes;
    void (*run_wide)(const nn_depthwise_row *row);
    void (*run_narrow)(const nn_depthwise_row *row);
    /* This output row and the one below it, bytes, of a 3x3 kernel of stride 1, which needs four
     * input rows; NULL: there is no such function. */
    void (*run_wide_pair)(const nn_depthwise_row *row);
    void (*run_narrow_pair)(const nn_depthwise_row *row);
    nn_int8_finish finish;
} nn_depthwise_unit;

bool nn_depthwise_u8s8_accepts(const nn_node_view *node, const nn_int8_inputs *inputs,
                               const nn_u8s8_shape *shape);
nn_status nn_depthwise_u8s8_prepare(const nn_node_view *node, const nn_target *target,
                                    nn_prepare *prepare, const nn_depthwise_unit *unit,
                                    const nn_int8_inputs *inputs, const nn_u8s8_shape *shape);
nn_status nn_depthwise_u8s8_run(const nn_call *call);

extern const nn_depthwise_unit nn_depthwise_u8s8_vnni, nn_depthwise_u8s8_avx2;

#endif
