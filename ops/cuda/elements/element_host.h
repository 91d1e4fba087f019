/* Elements of constants on the host, for packing: floats of 16 and 32 bits. */
#ifndef NN_CUDA_ELEMENT_HOST_H
#define NN_CUDA_ELEMENT_HOST_H

#include "base/tensor.h"

static inline float nn_element_of(const nn_tensor *tensor, int64_t i) {
    switch (tensor->type) {
    case NNOPT_FLOAT16:
        return nn_half_to_float(((const uint16_t *)tensor->data)[i]);
    case NNOPT_BFLOAT16:
        return nn_bfloat16_to_float(((const uint16_t *)tensor->data)[i]);
    default:
        return ((const float *)tensor->data)[i];
    }
}

static inline void nn_element_put(void *out, nn_type type, int64_t i, float value) {
    switch (type) {
    case NNOPT_FLOAT16:
        ((uint16_t *)out)[i] = nn_float_to_half(value);
        break;
    case NNOPT_BFLOAT16:
        ((uint16_t *)out)[i] = nn_float_to_bfloat16(value);
        break;
    default:
        ((float *)out)[i] = value;
    }
}

static inline size_t nn_element_bytes(int64_t count, nn_type type) {
    return (size_t)count * (size_t)nn_type_bits(type) / 8;
}

#endif
