/* Body of activation_f32_<isa>.c: ACTIVATE and EPILOGUE are the names to define. */
#include "ops/cpu/activation_f32.h"
#include "ops/cpu/activation_vector.h"

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

/* The kind is a constant of each loop. */
#define CASE(kind)                                                                                 \
    case kind:                                                                                     \
        EACH_VECTOR(nn_activate_vector((nn_activation){kind, alpha, beta}, x));                    \
        break;

void ACTIVATE(nn_activation activation, float *data, int64_t count) {
    const float alpha = activation.alpha, beta = activation.beta;
    switch (activation.kind) {
        CASE(NN_ACT_RELU)
        CASE(NN_ACT_CLIP)
        CASE(NN_ACT_LEAKY_RELU)
        CASE(NN_ACT_SIGMOID)
        CASE(NN_ACT_TANH)
        CASE(NN_ACT_HARD_SIGMOID)
        CASE(NN_ACT_HARD_SWISH)
        CASE(NN_ACT_SILU)
        CASE(NN_ACT_GELU)
        CASE(NN_ACT_GELU_TANH)
        CASE(NN_ACT_LINEAR)
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
