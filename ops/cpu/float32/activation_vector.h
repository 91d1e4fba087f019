/* Activations of numbers in registers, for kernels that are compiled per instruction set. */
#ifndef NN_ACTIVATION_VECTOR_H
#define NN_ACTIVATION_VECTOR_H

#include "ops/cpu/float32/vector_math.h"
#include "ops/epilogue.h"

/* X(kind) for each kind that computes something: loops in which the kind is a constant. */
#define NN_EACH_ACTIVATION(X)                                                                      \
    X(NN_ACT_RELU)                                                                                 \
    X(NN_ACT_CLIP)                                                                                 \
    X(NN_ACT_LEAKY_RELU)                                                                           \
    X(NN_ACT_SIGMOID)                                                                              \
    X(NN_ACT_TANH)                                                                                 \
    X(NN_ACT_HARD_SIGMOID)                                                                         \
    X(NN_ACT_HARD_SWISH)                                                                           \
    X(NN_ACT_SILU)                                                                                 \
    X(NN_ACT_GELU)                                                                                 \
    X(NN_ACT_GELU_TANH)                                                                            \
    X(NN_ACT_LINEAR)

NN_INLINE vf nn_activate_vector(nn_activation activation, vf x) {
    const vf alpha = vf_set(activation.alpha), beta = vf_set(activation.beta);
    const vf zero = vf_zero(), one = vf_set(1);
    switch (activation.kind) {
    case NN_ACT_RELU:
        return vf_max(zero, x);
    case NN_ACT_CLIP:
        return vf_min(beta, vf_max(alpha, x));
    case NN_ACT_LEAKY_RELU:
        return vf_fma(alpha, vf_min(zero, x), vf_max(zero, x));
    case NN_ACT_SIGMOID:
        return vf_sigmoid(x);
    case NN_ACT_TANH:
        return vf_tanh(x);
    case NN_ACT_HARD_SIGMOID:
        return vf_min(one, vf_max(zero, vf_fma(alpha, x, beta)));
    case NN_ACT_HARD_SWISH:
        return x * vf_min(one, vf_max(zero, vf_fma(alpha, x, beta)));
    case NN_ACT_SILU:
        return vf_silu(x);
    case NN_ACT_GELU:
        return vf_gelu(x);
    case NN_ACT_GELU_TANH:
        return vf_gelu_tanh(x);
    case NN_ACT_LINEAR:
        return vf_fma(alpha, x, beta);
    case NN_ACT_NONE:
    case NN_ACT_KINDS:
        break;
    }
    return x;
}

#endif
