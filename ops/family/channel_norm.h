/* Attributes of LRN and LpNormalization, for their kernels. */
#ifndef NN_FAMILY_CHANNEL_NORM_H
#define NN_FAMILY_CHANNEL_NORM_H

#include <stdbool.h>
#include <stdint.h>

/* y = x / (bias + alpha / size * sum of squares over neighbouring channels) ^ beta */
typedef struct nn_lrn_attrs {
    float alpha, beta, bias;
    int64_t size;
} nn_lrn_attrs;

typedef struct nn_lp_normalization_attrs {
    int64_t axis;
    bool squares; /* p is 2, else 1 */
} nn_lp_normalization_attrs;

#endif
