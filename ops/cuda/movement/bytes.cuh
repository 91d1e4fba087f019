/* Elements by their size, for kernels that move them without understanding them. */
#ifndef NN_CUDA_BYTES_CUH
#define NN_CUDA_BYTES_CUH

#include "ops/cuda/movement/generate_launch.h"
#include "ops/cuda/runtime/launch.cuh"

/* A complex number of two doubles is aligned to 8 bytes only where it stands in a larger block. */
struct alignas(16) nn_16_bytes {
    uint64_t halves[2];
};

template <typename T> __device__ __forceinline__ T nn_element_of(const nn_cuda_element &value) {
    return static_cast<T>(value.bits[0]);
}
template <>
__device__ __forceinline__ nn_16_bytes nn_element_of<nn_16_bytes>(const nn_cuda_element &value) {
    nn_16_bytes out;
    out.halves[0] = value.bits[0];
    out.halves[1] = value.bits[1];
    return out;
}

/* Returns call<T>(arguments...) for the type of `bytes` bytes; `failed` for any other size. */
#define NN_BY_SIZE(bytes, failed, call, ...)                                                       \
    switch (bytes) {                                                                               \
    case 1:                                                                                        \
        return call<uint8_t>(__VA_ARGS__);                                                         \
    case 2:                                                                                        \
        return call<uint16_t>(__VA_ARGS__);                                                        \
    case 4:                                                                                        \
        return call<uint32_t>(__VA_ARGS__);                                                        \
    case 8:                                                                                        \
        return call<uint64_t>(__VA_ARGS__);                                                        \
    case 16:                                                                                       \
        return call<nn_16_bytes>(__VA_ARGS__);                                                     \
    default:                                                                                       \
        return failed;                                                                             \
    }

#endif
