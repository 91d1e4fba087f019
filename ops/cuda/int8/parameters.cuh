/* Scales and zero points that are read on the device. */
#ifndef NN_CUDA_PARAMETERS_CUH
#define NN_CUDA_PARAMETERS_CUH

#include "ops/cuda/int8/numbers_launch.h"
#include "ops/cuda/runtime/elements.cuh"

/* Element `i`, or the only one. */
__device__ __forceinline__ int64_t nn_parameter_at(const nn_cuda_parameter &p, int64_t i) {
    return p.count == 1 ? 0 : i;
}
__device__ __forceinline__ float nn_parameter_float(const nn_cuda_parameter &p, int64_t i) {
    return nn_load_as(p.type, p.data, nn_parameter_at(p, i));
}
/* 0 where it is absent. */
__device__ __forceinline__ int nn_parameter_byte(const nn_cuda_parameter &p, int64_t i) {
    if (p.data == nullptr) return 0;
    const int64_t at = nn_parameter_at(p, i);
    return p.type == NNOPT_INT8 ? static_cast<int>(static_cast<const int8_t *>(p.data)[at])
                                : static_cast<int>(static_cast<const uint8_t *>(p.data)[at]);
}

#endif
