/* nn_activate of ops/epilogue.h on a device, and what stands behind a product. */
#ifndef NN_CUDA_ACTIVATION_CUH
#define NN_CUDA_ACTIVATION_CUH

#include "ops/cuda/runtime/elements.cuh"

/* Comparisons are written so that NaN stays NaN. */
__device__ __forceinline__ float nn_clip(float x, float low, float high) {
    const float at_least = x < low ? low : x;
    return at_least > high ? high : at_least;
}

__device__ __forceinline__ float nn_sigmoid(float x) {
    return 1.0f / (1.0f + expf(-x));
}

__device__ __forceinline__ float nn_activate(nn_activation_argument a, float x) {
    switch (a.kind) {
    case NN_ACT_RELU:
        return x < 0.0f ? 0.0f : x;
    case NN_ACT_CLIP:
        return nn_clip(x, a.alpha, a.beta);
    case NN_ACT_LEAKY_RELU:
        return x < 0.0f ? a.alpha * x : x;
    case NN_ACT_SIGMOID:
        return nn_sigmoid(x);
    case NN_ACT_TANH:
        return tanhf(x);
    case NN_ACT_HARD_SIGMOID:
        return nn_clip(a.alpha * x + a.beta, 0.0f, 1.0f);
    case NN_ACT_HARD_SWISH:
        return x * nn_clip(a.alpha * x + a.beta, 0.0f, 1.0f);
    case NN_ACT_SILU:
        return x * nn_sigmoid(x);
    case NN_ACT_GELU:
        return 0.5f * x * (1.0f + erff(x * 0.70710678f));
    case NN_ACT_GELU_TANH:
        return 0.5f * x * (1.0f + tanhf(0.79788456f * (x + 0.044715f * x * x * x)));
    case NN_ACT_LINEAR:
        return a.alpha * x + a.beta;
    default:
        return x;
    }
}

#endif
