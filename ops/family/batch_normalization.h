/* What BatchNormalization computes, for its kernels. */
#ifndef NN_FAMILY_BATCH_NORMALIZATION_H
#define NN_FAMILY_BATCH_NORMALIZATION_H

#include <stdbool.h>

/* y = (x - mean) / sqrt(variance + epsilon) scale + bias, per channel. In training mode mean and
 * variance are those of the batch, and outputs 1 and 2 mix them into the given ones. */
typedef struct nn_batch_normalization_attrs {
    float epsilon, momentum;
    bool training;
    bool per_element; /* before version 9: parameters for each channel and position */
} nn_batch_normalization_attrs;

#endif
