/* Convolution of 8-bit data with 8-bit weights, exact: sums are taken modulo 2^32, as int32 adds.
 */
#ifndef NN_INTEGER_CONVOLUTION_H
#define NN_INTEGER_CONVOLUTION_H

#include "ops/family/convolution.h"
#include "ops/family/requantize.h"

/* Sums of one node in standard layout. */
typedef struct nn_integer_conv {
    nn_conv_geometry geometry;
    const nn_tensor *x, *w;
    const nn_tensor *x_zero, *w_zero; /* NULL: 0; w_zero has one element or one for each channel */
    const int32_t *bias;              /* NULL: none */
} nn_integer_conv;

/* bias + sum (x - x_zero) (w - w_zero) of one output. `out_pixel` counts over depth, height, width.
 */
int32_t nn_integer_conv_sum(const nn_integer_conv *conv, int64_t image, int64_t out_channel,
                            int64_t out_pixel);

#endif
