/* CausalConvWithState: each channel of X [batch, channels, length] is convolved by its own kernel
 * of K taps over what came before: the K - 1 elements of the past, or zeros. */
#ifndef NN_FAMILY_CAUSAL_CONV_H
#define NN_FAMILY_CAUSAL_CONV_H

#include "ops/op.h"

enum { NN_CAUSAL_X, NN_CAUSAL_WEIGHT, NN_CAUSAL_BIAS, NN_CAUSAL_PAST };
enum { NN_CAUSAL_Y, NN_CAUSAL_PRESENT };

typedef struct nn_causal_attrs {
    bool silu;
} nn_causal_attrs;

#endif
