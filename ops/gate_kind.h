/* Functions of the gates of recurrent layers; plain C and C++, for code of devices reads it too. */
#ifndef NN_GATE_KIND_H
#define NN_GATE_KIND_H

typedef enum nn_gate_kind {
    NN_GATE_RELU,
    NN_GATE_TANH,
    NN_GATE_SIGMOID,
    NN_GATE_AFFINE,
    NN_GATE_LEAKY_RELU,
    NN_GATE_THRESHOLDED_RELU,
    NN_GATE_SCALED_TANH,
    NN_GATE_HARD_SIGMOID,
    NN_GATE_ELU,
    NN_GATE_SOFTSIGN,
    NN_GATE_SOFTPLUS,
    NN_GATE_KINDS,
} nn_gate_kind;

#endif
