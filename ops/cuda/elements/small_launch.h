#ifndef NN_CUDA_SMALL_LAUNCH_H
#define NN_CUDA_SMALL_LAUNCH_H

#include "ops/cuda/elements/quantize_launch.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Elements of 2 to 8 bits: integers of 2 and 4, floating types of 4, 6 and 8. Those under 8 lie
 * packed, lowest bits first; what is left of the last byte becomes zero. Numbers beyond the ends of
 * a floating type of at most 8 bits become infinity or NaN where they `overflow`, else the largest
 * value. */

/* y[i] = x[i] of another type, of which at least one has small elements. */
typedef struct nn_cuda_small_cast {
    nnopt_type from, to;
    bool overflow;
    int scale; /* NN_SMALL_UP, ... of base/small_float.h */
    const void *x;
    void *y;
    int64_t count;
} nn_cuda_small_cast;
cudaError_t nn_cuda_launch_small_cast(const nn_cuda_small_cast *arguments, cudaStream_t stream);

/* The two of quantize_launch.h where integers or scales are small. */
typedef struct nn_cuda_small_quantize {
    nn_cuda_quantize quantize;
    bool overflow;
} nn_cuda_small_quantize;
cudaError_t nn_cuda_launch_small_quantize(const nn_cuda_small_quantize *arguments,
                                          cudaStream_t stream);
cudaError_t nn_cuda_launch_small_dequantize(const nn_cuda_dequantize *arguments,
                                            cudaStream_t stream);

/* Packed elements of `bits` bits as bytes, one code each, and back: for kernels that move bytes. */
typedef struct nn_cuda_packing {
    int bits;
    const void *from;
    void *to;
    int64_t count;
} nn_cuda_packing;
cudaError_t nn_cuda_launch_unpack(const nn_cuda_packing *arguments, cudaStream_t stream);
cudaError_t nn_cuda_launch_pack(const nn_cuda_packing *arguments, cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
