/* The way from the int32 sums of a convolution or matrix product to its result: the sum as it is, a
 * float, or requantised. Scalar definition; kernels compute the same bits.
 *
 *     quantised, no activation or one that commutes with scaling (ReLU, Clip, LeakyRelu):
 *         y = saturate(round(act(sum m + b)) + zero)       m = x_scale w_scale / y_scale
 *     quantised, other activations:
 *         y = saturate(round(act(sum m + b) / y_scale) + zero)      m = x_scale w_scale
 *     float:
 *         y = act(sum m + b)                                        m = x_scale w_scale
 */
#ifndef NN_REQUANTIZE_H
#define NN_REQUANTIZE_H

#include "ops/family/quantization.h"

typedef struct nn_requant {
    nn_type type; /* of the result: INT32 (the sum), FLOAT, UINT8, INT8 */
    /* Activation in the domain of sum m + b: output units, or real values when `divides`. */
    nn_activation activation;
    bool divides;
    float y_scale;
    int32_t zero, lowest, highest;
} nn_requant;

/* Does the activation commute with scaling, as above? */
bool nn_requant_commutes(nn_activation_kind kind);
/* y_scale NULL: a float result. */
nn_requant nn_requant_make(nn_activation activation, nn_type type, const nn_tensor *y_scale,
                           const nn_tensor *y_zero);

/* m for one channel, and b for a float bias in real values. */
static inline float nn_requant_multiplier(const nn_requant *requant, float x_scale, float w_scale) {
    float scale = x_scale * w_scale;
    bool in_units = requant->type != NNOPT_FLOAT && !requant->divides;
    return in_units ? scale / requant->y_scale : scale;
}
static inline float nn_requant_offset(const nn_requant *requant, float bias) {
    bool in_units = requant->type != NNOPT_FLOAT && !requant->divides;
    return in_units ? bias / requant->y_scale : bias;
}

/* Result before rounding. */
static inline float nn_requant_value(const nn_requant *requant, int32_t sum, float multiplier,
                                     float offset) {
    float value = (float)sum * multiplier + offset;
    if (requant->activation.kind != NN_ACT_NONE) value = nn_activate(requant->activation, value);
    return requant->divides ? value / requant->y_scale : value;
}

static inline void nn_requant_store(const nn_requant *requant, void *y, int64_t index, int32_t sum,
                                    float multiplier, float offset) {
    if (requant->type == NNOPT_INT32) {
        ((int32_t *)y)[index] = sum;
        return;
    }
    float value = nn_requant_value(requant, sum, multiplier, offset);
    if (requant->type == NNOPT_FLOAT)
        ((float *)y)[index] = value;
    else /* uint8 and int8 */
        ((uint8_t *)y)[index] =
            (uint8_t)nn_quant_round(value, requant->zero, requant->lowest, requant->highest);
}

#endif
