#ifndef NN_CUDA_FINISH_CUH
#define NN_CUDA_FINISH_CUH

#include "ops/cuda/int8/finish_launch.h"
#include "ops/cuda/runtime/activation.cuh"

/* nn_quant_round: the clamp comes before the rounding; NaN becomes the lowest. */
__device__ __forceinline__ int nn_round_byte(float units, const nn_cuda_rounding &rounding) {
    const float at_least = units > rounding.low ? units : rounding.low;
    const float clamped = at_least < rounding.high ? at_least : rounding.high;
    return __float2int_rn(clamped) + rounding.zero;
}

/* One rounding each, as on the CPU: nvcc would join a product and a sum. */
__device__ __forceinline__ float nn_scaled_sum(const nn_cuda_finish &f, int sum, int column) {
    const float value = __fmul_rn(static_cast<float>(sum), f.multiplier[column]);
    return f.offset != nullptr ? __fadd_rn(value, f.offset[column]) : value;
}

/* Before rounding. */
__device__ __forceinline__ float nn_finished_value(const nn_cuda_finish &f, int sum, int column) {
    float value = nn_scaled_sum(f, sum, column);
    if (f.activation.kind != NN_ACT_NONE) value = nn_activate(f.activation, value);
    return f.divides ? __fdiv_rn(value, f.y_scale) : value;
}

__device__ __forceinline__ int nn_byte_as(nnopt_type type, uint8_t byte) {
    return type == NNOPT_INT8 ? static_cast<int>(static_cast<int8_t>(byte)) : byte;
}

/* The sum with the addend, both as stored bytes. */
__device__ __forceinline__ uint8_t nn_add_bytes(const nn_cuda_finish &f, uint8_t result,
                                                uint8_t addend) {
    const float left = static_cast<float>(nn_byte_as(f.type, f.addend_first ? addend : result));
    const float right = static_cast<float>(nn_byte_as(f.type, f.addend_first ? result : addend));
    const float value = __fmaf_rn(left, f.a_scale, __fmaf_rn(right, f.b_scale, f.sum_offset));
    const float lowest = f.type == NNOPT_INT8 ? -128.0f : 0.0f;
    const nn_cuda_rounding rounding = {0, lowest, lowest + 255.0f};
    return static_cast<uint8_t>(nn_round_byte(value, rounding));
}

/* The element `at` of y and of the addend. */
__device__ __forceinline__ void nn_finish(const nn_cuda_finish &f, void *y, int64_t at, int sum,
                                          int column) {
    sum += f.start[column];
    if (f.type == NNOPT_INT32) {
        static_cast<int32_t *>(y)[at] = sum;
        return;
    }
    const float value = nn_finished_value(f, sum, column);
    if (f.type == NNOPT_FLOAT) {
        static_cast<float *>(y)[at] = value;
        return;
    }
    uint8_t byte = static_cast<uint8_t>(nn_round_byte(value, f.rounding));
    if (f.addend != nullptr) byte = nn_add_bytes(f, byte, f.addend[at]);
    static_cast<uint8_t *>(y)[at] = byte;
}

#endif
