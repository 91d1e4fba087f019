/* One step of RNN, GRU or LSTM of floats for a few samples: the sums of a block of hidden units for
 * all gates, then the functions of the gates, while the next block is on its way from the cache.
 *
 * Hidden units come in blocks of `lanes`. The matrix that multiplies a state is packed as
 * [block][k][gate][lane], so that a step reads it once from beginning to end; what the inputs give
 * to the gates, [block][gate][lane], and the states have places for whole blocks, too. Behind the
 * last hidden unit the matrix is zero, and states hold any number. */
#ifndef NN_RECURRENT_STEP_F32_H
#define NN_RECURRENT_STEP_F32_H

#include "ops/cpu/float32/recurrent/recurrent_cell_f32.h"

typedef struct nn_recurrent_step {
    nn_recurrent_cell cell;
    int64_t pitch; /* floats from the state of a sample to the next */
    int64_t samples;
    const float *w;             /* packed */
    const float *const *inputs; /* of each sample; NULL: its sequence is over */
    const float *x;             /* states that w multiplies: h, or the reset ones */
    const float *h;             /* hidden states before the step, */
    float *next;                /* and after it, also where the sequence is over; not h */
    float *c;                   /* LSTM: cells. GRU: reset states, h times the reset gate */
    float *z;                   /* GRU: update gates */
    float *const *y;        /* where the hidden state of each sample is stored too; NULL: nowhere */
    const float *last_bias; /* GRU: padded, of the product that the reset gate multiplies */
} nn_recurrent_step;

/* Packed weights of a block; those of the next ones are `step` floats apart. A step whose blocks
 * fall may take rows of k from the last on, too: what it read last, the next step reads first. */
typedef struct nn_block_weights {
    const float *w;
    int64_t step, k;
    bool falling;
} nn_block_weights;

/* Blocks [first, last), in rising or falling order: where the matrix is larger than a cache, a part
 * of it is still there when the next step goes the other way. */
typedef void (*nn_recurrent_function)(const nn_recurrent_step *step, int64_t first, int64_t last,
                                      bool falling);

/* How matrices are packed: floats; bf16 in AMX tiles, [block][32 of k][gate][16][lane][2], where
 * states are rounded when they are multiplied; or fixed point (recurrent_fixed_f32.h), which states
 * are scaled for. */
typedef enum nn_recurrent_packing {
    NN_RECURRENT_FLOATS,
    NN_RECURRENT_BF16,
    NN_RECURRENT_FIXED
} nn_recurrent_packing;

typedef struct nn_recurrent_steps_f32 {
    int lanes;
    nn_recurrent_packing packing;
    nn_recurrent_function rnn, lstm;
    /* The reset gate multiplies the product of the last gate. */
    nn_recurrent_function gru;
    /* It multiplies the state before that: first two gates for all blocks, then the last gate. */
    nn_recurrent_function gru_gates, gru_last;
} nn_recurrent_steps_f32;

extern const nn_recurrent_steps_f32 nn_recurrent_steps_f32_portable, nn_recurrent_steps_f32_avx2,
    nn_recurrent_steps_f32_avx512, nn_recurrent_steps_fixed_f32_vbmi2, nn_recurrent_steps_bf16_amx,
    nn_recurrent_steps_bf16_avx512bf16;

/* Most hidden units of those with bf16, whose states are rounded on the stack. */
enum { NN_RECURRENT_BF16_HIDDEN = 1024 };

#endif
