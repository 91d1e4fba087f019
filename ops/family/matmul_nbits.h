/* Weights of a few bits in blocks: column n of [K, N] is `blocks` blocks of `block` numbers, the
 * last one padded, each with a scale and a zero point; numbers lie lowest bits first. */
#ifndef NN_FAMILY_MATMUL_NBITS_H
#define NN_FAMILY_MATMUL_NBITS_H

#include "ops/op.h"

enum nn_nbits_input {
    NN_NBITS_A,
    NN_NBITS_B,      /* uint8 [N, blocks, block bits / 8] */
    NN_NBITS_SCALES, /* [N, blocks] */
    NN_NBITS_ZEROS, /* uint8 [N, bytes of blocks], packed as B, or floating [N, blocks]; absent: the
                       middle of the range */
    NN_NBITS_ORDER, /* which block each row belongs to: not supported */
    NN_NBITS_BIAS,  /* [N] */
};

typedef struct nn_nbits_attrs {
    int64_t k, n, bits, block;
} nn_nbits_attrs;

typedef struct nn_nbits_weights {
    nn_nbits_attrs shape;
    int64_t blocks, block_bytes, zero_bytes; /* of a column */
    const uint8_t *b;
    const nn_tensor *scales, *zeros; /* zeros may be NULL */
} nn_nbits_weights;

nn_nbits_weights nn_nbits_weights_of(const nn_nbits_attrs *attrs, const nn_tensor *b,
                                     const nn_tensor *scales, const nn_tensor *zeros);
/* Writes rows first .. first + count - 1 of one column. */
void nn_nbits_column(const nn_nbits_weights *weights, int64_t column, int64_t first, int64_t count,
                     float *out);

#endif
