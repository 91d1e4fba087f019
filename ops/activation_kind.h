/* The activations that kernels fuse; plain C and C++, for code of devices reads it too. */
#ifndef NN_ACTIVATION_KIND_H
#define NN_ACTIVATION_KIND_H

typedef enum nn_activation_kind {
    NN_ACT_NONE = 0,
    NN_ACT_RELU,       /* max(x, 0) */
    NN_ACT_CLIP,       /* min(max(x, alpha), beta) */
    NN_ACT_LEAKY_RELU, /* x < 0 ? alpha x : x */
    NN_ACT_SIGMOID,    /* 1 / (1 + exp(-x)) */
    NN_ACT_TANH,
    NN_ACT_HARD_SIGMOID, /* min(max(alpha x + beta, 0), 1) */
    NN_ACT_HARD_SWISH,   /* x min(max(alpha x + beta, 0), 1); ONNX: alpha 1/6, beta 1/2 */
    NN_ACT_SILU,         /* x sigmoid(x) */
    NN_ACT_GELU,         /* x (1 + erf(x / sqrt 2)) / 2 */
    NN_ACT_GELU_TANH,
    NN_ACT_LINEAR, /* alpha x + beta */
    NN_ACT_KINDS,
} nn_activation_kind;

typedef struct nn_activation {
    nn_activation_kind kind;
    float alpha, beta;
} nn_activation;

#endif
