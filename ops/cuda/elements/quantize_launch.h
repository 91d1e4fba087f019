#ifndef NN_CUDA_QUANTIZE_LAUNCH_H
#define NN_CUDA_QUANTIZE_LAUNCH_H

#include "ops/cuda/elements/loops_launch.h"

#include <nnopt.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum nn_cuda_grain {
    NN_CUDA_PER_TENSOR,
    NN_CUDA_PER_AXIS,
    NN_CUDA_BLOCKED,
} nn_cuda_grain;

/* Where the scale and zero point of an element are: those of the data seen as [outer][size][inner],
 * one for all, one for each index of the axis, or one for each block of it (nn_quant_map). */
typedef struct nn_cuda_scales {
    nn_cuda_grain grain;
    nn_cuda_extent size, inner, block;
    int64_t blocks;
    nnopt_type type; /* of scales: a floating type but double */
    const void *scales;
    const void *zeros; /* of the type of the integers; NULL: 0 */
} nn_cuda_scales;

/* y = saturate(round(x / scale) + zero), to integers of 8 or 16 bits; `precision` FLOAT16 or
 * BFLOAT16 rounds both operands and the quotient to it. */
typedef struct nn_cuda_quantize {
    nnopt_type from, to, precision;
    nn_cuda_scales map;
    const void *x;
    void *y;
    int64_t count;
} nn_cuda_quantize;
cudaError_t nn_cuda_launch_quantize(const nn_cuda_quantize *arguments, cudaStream_t stream);

/* y = (x - zero) scale, from integers of 8, 16 or 32 bits. */
typedef struct nn_cuda_dequantize {
    nnopt_type from, to;
    nn_cuda_scales map;
    const void *x;
    void *y;
    int64_t count;
} nn_cuda_dequantize;
cudaError_t nn_cuda_launch_dequantize(const nn_cuda_dequantize *arguments, cudaStream_t stream);

/* Float to uint8 with the scale and zero point of the range of x and 0. `ends` are 8 bytes of
 * workspace. */
typedef struct nn_cuda_dynamic_quantize {
    const float *x;
    uint8_t *y;
    float *scale;
    uint8_t *zero;
    uint32_t *ends;
    int64_t count;
} nn_cuda_dynamic_quantize;
cudaError_t nn_cuda_launch_dynamic_quantize(const nn_cuda_dynamic_quantize *arguments,
                                            cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
