#include "ops/epilogue.h"

#include "base/cpu.h"
#include "ops/cpu/float32/activation_f32.h"

#include <math.h>

/* Comparisons are written so that NaN stays NaN. */
static inline float clip(float x, float low, float high) {
    float at_least = x < low ? low : x;
    return at_least > high ? high : at_least;
}

static inline float sigmoid(float x) {
    return 1.0f / (1.0f + expf(-x));
}

float nn_activate(nn_activation activation, float x) {
    const float alpha = activation.alpha, beta = activation.beta;
    switch (activation.kind) {
    case NN_ACT_RELU:
        return x < 0 ? 0 : x;
    case NN_ACT_CLIP:
        return clip(x, alpha, beta);
    case NN_ACT_LEAKY_RELU:
        return x < 0 ? alpha * x : x;
    case NN_ACT_SIGMOID:
        return sigmoid(x);
    case NN_ACT_TANH:
        return tanhf(x);
    case NN_ACT_HARD_SIGMOID:
        return clip(alpha * x + beta, 0, 1);
    case NN_ACT_HARD_SWISH:
        return x * clip(alpha * x + beta, 0, 1);
    case NN_ACT_SILU:
        return x * sigmoid(x);
    case NN_ACT_GELU:
        return 0.5f * x * (1.0f + erff(x * 0.70710678f));
    case NN_ACT_GELU_TANH:
        return 0.5f * x * (1.0f + tanhf(0.79788456f * (x + 0.044715f * x * x * x)));
    case NN_ACT_LINEAR:
        return alpha * x + beta;
    case NN_ACT_NONE:
    case NN_ACT_KINDS:
        break;
    }
    return x;
}

void nn_activate_array(nn_activation activation, float *x, int64_t count) {
    const nn_cpu *cpu = nn_cpu_get();
    if (cpu->reference_only)
        for (int64_t i = 0; i < count; i++) x[i] = nn_activate(activation, x[i]);
#if defined(__x86_64__)
    else if (cpu->isa >= NN_ISA_AVX512)
        nn_activate_f32_avx512(activation, x, count);
    else if (cpu->isa >= NN_ISA_AVX2)
        nn_activate_f32_avx2(activation, x, count);
#endif
    else
        nn_activate_f32_portable(activation, x, count);
}

void nn_epilogue_apply(const nn_epilogue *epilogue, const float *residual, float *x,
                       int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        float value = nn_activate(epilogue->before, x[i]);
        if (epilogue->has_residual) value += residual[i];
        x[i] = nn_activate(epilogue->after, value);
    }
}

bool nn_epilogue_as_clip(const nn_epilogue *epilogue, float *low, float *high) {
    *low = -INFINITY;
    *high = INFINITY;
    nn_activation activation = epilogue->after;
    if (epilogue->before.kind != NN_ACT_NONE) {
        if (epilogue->has_residual || activation.kind != NN_ACT_NONE) return false;
        activation = epilogue->before;
    }
    if (activation.kind == NN_ACT_RELU) *low = 0;
    if (activation.kind == NN_ACT_CLIP) {
        *low = activation.alpha;
        *high = activation.beta;
    }
    return activation.kind == NN_ACT_NONE || activation.kind == NN_ACT_RELU ||
           activation.kind == NN_ACT_CLIP;
}
