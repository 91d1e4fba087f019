/* One step of an LSTM with 8-bit weights for a few samples: the integer sums of a block of hidden
 * units for all gates, then their functions in floats (recurrent_cell_f32.h), all in registers.
 *
 * Hidden units come in blocks of `lanes`. A matrix [k][gate][unit] is packed as
 * [block][k / depth][gate][lane][depth], in cells of 4 bytes, so that a step reads it once from
 * beginning to end; numbers per column lie as [block][gate][lane]. Behind the last hidden unit and
 * the last k all of them are zero. Paired weights are [block][k / 2][gate / 2][lane][2][gate % 2],
 * of the first gate of a pair plus 128. */
#ifndef NN_LSTM_STEP_U8S8_H
#define NN_LSTM_STEP_U8S8_H

#include "ops/cpu/float32/recurrent/recurrent_cell_f32.h"
#include "ops/cpu/int8/int8_loops.h"

enum { NN_LSTM_CELL = 4 }; /* bytes of one column in a step of `depth` k's */

typedef struct nn_lstm_matrix {
    int64_t steps; /* k / depth, rounded up */
    const uint8_t *w;
    const float *scale; /* of each column; NULL: one_scale */
    float one_scale;
    /* Where weights are bytes: their sum for each column less their zero point, and the zero point,
     * of weights as they are packed; NULL: 0. */
    const int32_t *sums, *zeros;
} nn_lstm_matrix;

/* Rows that a matrix multiplies: unsigned bytes, or int16 less their zero point. */
typedef struct nn_lstm_rows {
    const uint8_t *x;
    int64_t pitch;        /* bytes: the steps of the matrix in cells */
    const uint32_t *sums; /* of each row, where the matrix has zero points */
    nn_bytes_quant quant;
} nn_lstm_rows;

typedef struct nn_lstm_step {
    nn_recurrent_cell cell;
    nn_lstm_matrix r;
    nn_lstm_rows states;        /* quantised before the step */
    int64_t samples, pitch;     /* pitch: floats from the state of a sample to the next */
    const float *const *inputs; /* what they give to the gates of each sample; NULL: its sequence is
                                   over, and its state stays */
    int64_t ahead;              /* of a single sample: floats from its inputs to the next step's, 0
                                   where there is none */
    float *h, *c;
    float *const *y; /* where the hidden state of each sample is stored too; NULL: nowhere */
} nn_lstm_step;

typedef struct nn_lstm_u8s8 {
    const char *name; /* keys packed weights */
    int lanes;
    int depth;   /* k's in a cell: 4 weights of one byte, or 2 of two less their zero points, */
    bool paired; /* or 2 of one byte, for two gates */
    /* A row of floats, and zeros up to a whole cell. */
    void (*quantize)(const nn_int8_loops *loops, const float *x, int64_t count,
                     nn_bytes_quant quant, uint8_t *row);
    /* The sum of the `count` numbers of a row. */
    uint32_t (*sum)(const uint8_t *row, int64_t count);
    /* y[row] = x W + bias of the blocks [first, last); y is [row][block][gate][lane], `columns` of
     * them. */
    void (*multiply)(const nn_lstm_matrix *w, const nn_lstm_rows *x, int64_t rows,
                     const float *bias, int64_t first, int64_t last, float *y, int64_t columns);
    /* Blocks [first, last), in rising or falling order: a part of the matrix is still in the first
     * cache when the next step goes the other way. */
    void (*step)(const nn_lstm_step *step, int64_t first, int64_t last, bool falling);
} nn_lstm_u8s8;

extern const nn_lstm_u8s8 nn_lstm_u8s8_portable, nn_lstm_u8s8_avx2, nn_lstm_u8s8_vnni;

#endif
