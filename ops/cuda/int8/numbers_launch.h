/* Numbers per column of a product, made on the device where a scale or zero point is known in the
 * run only. */
#ifndef NN_CUDA_NUMBERS_LAUNCH_H
#define NN_CUDA_NUMBERS_LAUNCH_H

#include "ops/cuda/runtime/arguments.h"

#include <cuda_runtime_api.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { NN_CUDA_PADDING_BYTES = 16 };

/* A tensor of scales, zero points or biases; data NULL: absent. */
typedef struct nn_cuda_parameter {
    nnopt_type type;
    int64_t count;
    const void *data;
} nn_cuda_parameter;

/* start = bias - x_zero w_sum,  multiplier = x_scale w_scale [/ y_scale],
 * offset = float bias [/ y_scale], and the byte of x_zero as padding. */
typedef struct nn_cuda_numbers {
    int64_t columns; /* of all groups */
    nn_cuda_parameter x_scale, x_zero, w_scale, bias;
    float scale; /* a factor of x_scale */
    bool divides;
    float y_scale;
    const int32_t *w_sums; /* of each column of w - w_zero */

    uint8_t *padding;
    int32_t *start;
    float *multiplier;
    float *offset; /* NULL: no float bias */
} nn_cuda_numbers;

cudaError_t nn_cuda_launch_numbers(const nn_cuda_numbers *arguments, cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
