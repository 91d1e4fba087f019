/* Scales of quantised data on a device. */
#ifndef NN_CUDA_SCALES_CUH
#define NN_CUDA_SCALES_CUH

#include "ops/cuda/elements/loops.cuh"
#include "ops/cuda/elements/quantize_launch.h"

/* Which scale is that of element i. */
__device__ __forceinline__ int64_t nn_scale_of(const nn_cuda_scales &map, int64_t i) {
    if (map.grain == NN_CUDA_PER_TENSOR) return 0;
    int64_t inner, index;
    const int64_t row = nn_divide(i, map.inner, &inner), outer = nn_divide(row, map.size, &index);
    if (map.grain == NN_CUDA_PER_AXIS) return index;
    int64_t rest;
    return (outer * map.blocks + nn_divide(index, map.block, &rest)) * map.inner.size + inner;
}

/* x as arithmetic of `precision` has it. */
__device__ __forceinline__ float nn_round_to(float x, nnopt_type precision) {
    if (precision == NNOPT_FLOAT16) return nn_to_float(nn_from_float<__half>(x));
    if (precision == NNOPT_BFLOAT16) return nn_to_float(nn_from_float<__nv_bfloat16>(x));
    return x;
}

#endif
