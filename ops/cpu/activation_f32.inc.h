/* Body of activation_f32_<isa>.c: ACTIVATE and EPILOGUE are the names to define. */
#include "ops/cpu/vector_math.h"

#include "ops/cpu/activation_f32.h"

NN_INLINE vf clip01(vf x) {
    return vf_min(vf_set(1), vf_max(vf_set(0), x));
}

/* Loops over an array with `value` computed from the vector x, the last part of a vector included.
 */
#define EACH_VECTOR(value)                                                                         \
    do {                                                                                           \
        int64_t i = 0;                                                                             \
        for (; i + VF_LANES <= count; i += VF_LANES) {                                             \
            const vf x = vf_load(data + i);                                                        \
            vf_store(data + i, value);                                                             \
        }                                                                                          \
        if (i < count) {                                                                           \
            const vf x = vf_load_first(data + i, (int)(count - i));                                \
            vf_store_first(data + i, value, (int)(count - i));                                     \
        }                                                                                          \
    } while (0)

void ACTIVATE(nn_activation activation, float *data, int64_t count) {
    const vf alpha = vf_set(activation.alpha), beta = vf_set(activation.beta);
    switch (activation.kind) {
    case NN_ACT_RELU:
        EACH_VECTOR(vf_max(vf_zero(), x));
        break;
    case NN_ACT_CLIP:
        EACH_VECTOR(vf_min(beta, vf_max(alpha, x)));
        break;
    case NN_ACT_LEAKY_RELU:
        EACH_VECTOR(vf_fma(alpha, vf_min(vf_zero(), x), vf_max(vf_zero(), x)));
        break;
    case NN_ACT_SIGMOID:
        EACH_VECTOR(vf_sigmoid(x));
        break;
    case NN_ACT_TANH:
        EACH_VECTOR(vf_tanh(x));
        break;
    case NN_ACT_HARD_SIGMOID:
        EACH_VECTOR(clip01(vf_fma(alpha, x, beta)));
        break;
    case NN_ACT_HARD_SWISH:
        EACH_VECTOR(x * clip01(vf_fma(alpha, x, beta)));
        break;
    case NN_ACT_SILU:
        EACH_VECTOR(x * vf_sigmoid(x));
        break;
    case NN_ACT_GELU:
        EACH_VECTOR(vf_gelu(x));
        break;
    case NN_ACT_GELU_TANH:
        EACH_VECTOR(vf_gelu_tanh(x));
        break;
    case NN_ACT_LINEAR:
        EACH_VECTOR(vf_fma(alpha, x, beta));
        break;
    case NN_ACT_NONE:
    case NN_ACT_KINDS:
        break;
    }
}

void EPILOGUE(const nn_epilogue *epilogue, const float *residual, float *data, int64_t count) {
    ACTIVATE(epilogue->before, data, count);
    if (epilogue->has_residual)
        for (int64_t i = 0; i < count; i++) data[i] += residual[i];
    ACTIVATE(epilogue->after, data, count);
}
