#ifndef NN_RECURRENT_CELL_F32_H
#define NN_RECURRENT_CELL_F32_H

#include "ops/family/recurrent.h"

/* What the layer does with the sums of its gates. */
typedef struct nn_recurrent_cell {
    const nn_gate_function *functions; /* f, g, h */
    const float *peepholes; /* LSTM: [3][hidden] of input, output, forget gate; NULL: none */
    float clip;             /* sums lie between -clip and clip; INFINITY: anywhere */
    bool coupled;           /* LSTM: the forget gate is 1 - the input gate */
    int64_t hidden;         /* units */
} nn_recurrent_cell;

#endif
