/* From the int32 sums of a product to its result, as ops/family/requantize.h defines it, and on to
 * the sum of a QConv (ops/family/qlinear_binary.h); C and C++. */
#ifndef NN_CUDA_FINISH_LAUNCH_H
#define NN_CUDA_FINISH_LAUNCH_H

#include "ops/cuda/runtime/arguments.h"

#include <stdbool.h>

/* Rounded results of 8 bits; bounds are less the zero point. */
typedef struct nn_cuda_rounding {
    int zero;
    float low, high;
} nn_cuda_rounding;

typedef struct nn_cuda_finish {
    nnopt_type type; /* INT32: the sum as it is, FLOAT, UINT8, INT8 */
    /* Nothing but clipping stands between the sum and its rounding; `rounding` does it, too. */
    bool is_simple;
    bool divides; /* by y_scale, behind the activation */
    nn_activation_argument activation;
    float y_scale;
    nn_cuda_rounding rounding;

    const int32_t *start; /* of each column: what the sum begins with */
    const float *multiplier;
    const float *offset; /* NULL: none */

    /* saturate(round(left a_scale + (right b_scale + offset))) of the result, which is the left
     * operand unless addend_first, and an addend that lies as the result does; NULL: no sum. */
    const uint8_t *addend;
    bool addend_first;
    float a_scale, b_scale, sum_offset;
} nn_cuda_finish;

#endif
