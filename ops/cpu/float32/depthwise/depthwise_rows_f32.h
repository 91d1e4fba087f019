/* Rows of a depthwise convolution of channels-last floats: what one convolution is to its tiles
 * (depthwise_f32.h), a row or two of the output at a time, for kernels that decide which rows and
 * where they lie. */
#ifndef NN_DEPTHWISE_ROWS_F32_H
#define NN_DEPTHWISE_ROWS_F32_H

#include "ops/cpu/float32/depthwise/depthwise_f32.h"
#include "ops/family/convolution.h"

typedef struct nn_depthwise_plan {
    nn_conv_geometry geometry; /* one output for each channel, out_channels of them */
    const nn_depthwise_f32 *set;
    nn_epilogue epilogue;
    bool tile_finishes; /* the epilogue is a residual and a clip */
    int rows_at_once;   /* output rows that a call may name: their tiles share the input */
    bool transforms;    /* two rows by F(2, 3): packed weights have six more taps */
    float low, high;
    int64_t padded;                                           /* channels, to whole vectors */
    int64_t channel_block, channel_blocks;                    /* channels that are done at once */
    size_t worker_bytes, zeros_at, rows_at, table_at, raw_at; /* workspace of one worker */
} nn_depthwise_plan;

/* `blocks`: in how many parts the channels should be done at least. */
void nn_depthwise_plan_make(const nn_conv_geometry *geometry, const nn_depthwise_f32 *set,
                            const nn_epilogue *epilogue, int64_t blocks, nn_depthwise_plan *out);

/* Packed weights [tap][padded] and bias [padded]; `bias` may be NULL. */
static inline int64_t nn_depthwise_packed_floats(const nn_depthwise_plan *plan) {
    return (plan->geometry.taps + (plan->transforms ? NN_DEPTHWISE_TRANSFORMED_TAPS : 0)) *
           plan->padded;
}
void nn_depthwise_pack(const nn_depthwise_plan *plan, const float *w, float *packed);
void nn_depthwise_pack_bias(const nn_depthwise_plan *plan, const float *bias, float *packed);

/* Zeros a worker's workspace, once before it runs rows. */
void nn_depthwise_start(const nn_depthwise_plan *plan, void *worker);

typedef struct nn_depthwise_row_call {
    const float
        *x;       /* an image, of which `held` rows (of all planes: all) lie in a ring: row i at */
    int64_t held; /* place i % held */
    const float *w, *bias;
    const float *residual; /* of the first output row; NULL: none; may be y */
    float *y;
    int64_t y_row;         /* floats from an output row, and one of the residual, to the next */
    int64_t depth, height; /* of the first output row */
    int rows;              /* 1 .. rows_at_once, one below the other */
} nn_depthwise_row_call;

/* Channels of block `block` of the output rows. */
void nn_depthwise_run_rows(const nn_depthwise_plan *plan, const nn_depthwise_row_call *row,
                           int64_t block, void *worker);

#endif
