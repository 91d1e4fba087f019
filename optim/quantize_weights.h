/* Weights to int8: symmetric, one scale per output channel. */
#ifndef NN_QUANTIZE_WEIGHTS_H
#define NN_QUANTIZE_WEIGHTS_H

#include "engine/graph/patch.h"

/* A constant in its 8-bit form: q = round(w / scale[c]) with c the index along `axis`. */
typedef struct nn_quantized_weights {
    nn_blob *values; /* int8, the shape of the weights; owned */
    nn_blob *scales; /* float32 [channels]; owned */
    nn_blob *zeros;  /* int8 [channels], all zero; owned */
    int axis;
    int64_t channels;
    double noise_db; /* signal to quantisation noise of the whole tensor, in decibels */
} nn_quantized_weights;

/* `per_channel` false: one scale for all, as a vector of equal entries. The scale of each channel
 * is the one of least squared error among 0.80 .. 1.00 of the largest magnitude. */
nn_status nn_quantize_weights(const nn_tensor *weights, int axis, bool per_channel,
                              nn_quantized_weights *out);
void nn_quantized_weights_clear(nn_quantized_weights *weights);

/* int32 bias in steps of activation_scale * scales[c]; float32 bias in, saturating. */
nn_status nn_quantize_bias(const nn_tensor *bias, float activation_scale, const nn_tensor *scales,
                           nn_blob **values, nn_blob **bias_scales);

/* The axis of the output channels of a node's weights: Conv 0, ConvTranspose 1, Gemm by transB,
 * MatMul the last. -1: the node has no constant float32 weights of rank >= 2 at input 1, or its
 * weights have no channel axis (grouped ConvTranspose). */
int nn_weight_channel_axis(const nn_node *node);

#endif
