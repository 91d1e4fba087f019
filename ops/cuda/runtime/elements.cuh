/* Elements as numbers, 16 bytes at a time, and division by what the host knows. */
#ifndef NN_CUDA_ELEMENTS_CUH
#define NN_CUDA_ELEMENTS_CUH

#include "ops/cuda/runtime/arguments.h"
#include "ops/cuda/runtime/launch.cuh"

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <math.h>
#include <nnopt.h>

/* ---- types ---- */

template <typename T> struct nn_type_of { using type = T; };

/* launch(nn_type_of<T>()) for the C++ type of what kernels take as float; others are refused. */
template <typename F> cudaError_t nn_by_floating(nnopt_type type, F launch) {
    switch (type) {
    case NNOPT_FLOAT:
        return launch(nn_type_of<float>());
    case NNOPT_FLOAT16:
        return launch(nn_type_of<__half>());
    case NNOPT_BFLOAT16:
        return launch(nn_type_of<__nv_bfloat16>());
    default:
        return cudaErrorInvalidValue;
    }
}

/* ---- one element ---- */

template <typename T> __device__ __forceinline__ float nn_to_float(T x) {
    return static_cast<float>(x);
}
template <> __device__ __forceinline__ float nn_to_float<__half>(__half x) {
    return __half2float(x);
}
template <> __device__ __forceinline__ float nn_to_float<__nv_bfloat16>(__nv_bfloat16 x) {
    return __bfloat162float(x);
}

/* Integers: round to nearest even, then saturate; NaN becomes 0. */
template <typename T> struct nn_from_float_as {
    static __device__ __forceinline__ T convert(float x) {
        constexpr bool is_signed = static_cast<T>(-1) < static_cast<T>(0);
        constexpr int bits = static_cast<int>(sizeof(T)) * 8 - (is_signed ? 1 : 0);
        constexpr T highest =
            static_cast<T>(is_signed ? ~(static_cast<unsigned long long>(1) << bits) : ~0ull);
        constexpr T lowest = is_signed ? static_cast<T>(-highest - 1) : static_cast<T>(0);
        constexpr float limit = bits < 64 ? static_cast<float>(1ull << (bits < 64 ? bits : 0))
                                          : 18446744073709551616.0f;
        const float rounded = rintf(x);
        if (rounded >= limit) return highest;
        if (rounded <= (is_signed ? -limit : 0.0f)) return lowest;
        return rounded == rounded ? static_cast<T>(rounded) : static_cast<T>(0);
    }
};
template <> struct nn_from_float_as<float> {
    static __device__ __forceinline__ float convert(float x) { return x; }
};
template <> struct nn_from_float_as<double> {
    static __device__ __forceinline__ double convert(float x) { return x; }
};
template <> struct nn_from_float_as<bool> {
    static __device__ __forceinline__ bool convert(float x) { return x != 0.0f; }
};
template <> struct nn_from_float_as<__half> {
    static __device__ __forceinline__ __half convert(float x) { return __float2half_rn(x); }
};
template <> struct nn_from_float_as<__nv_bfloat16> {
    static __device__ __forceinline__ __nv_bfloat16 convert(float x) {
        return __float2bfloat16_rn(x);
    }
};

template <typename T> __device__ __forceinline__ T nn_from_float(float x) {
    return nn_from_float_as<T>::convert(x);
}
template <typename T> __device__ __forceinline__ float nn_load(const T *p) {
    return nn_to_float<T>(*p);
}
template <typename T> __device__ __forceinline__ void nn_store(T *p, float x) {
    *p = nn_from_float<T>(x);
}

/* ---- a type that is known when the kernel runs: float, half or bf16 ---- */

/* The branch is the same for all threads. */
__device__ __forceinline__ float nn_load_as(nnopt_type type, const void *p, int64_t i) {
    switch (type) {
    case NNOPT_FLOAT16:
        return nn_load(static_cast<const __half *>(p) + i);
    case NNOPT_BFLOAT16:
        return nn_load(static_cast<const __nv_bfloat16 *>(p) + i);
    default:
        return nn_load(static_cast<const float *>(p) + i);
    }
}
__device__ __forceinline__ void nn_store_as(nnopt_type type, void *p, int64_t i, float x) {
    switch (type) {
    case NNOPT_FLOAT16:
        nn_store(static_cast<__half *>(p) + i, x);
        break;
    case NNOPT_BFLOAT16:
        nn_store(static_cast<__nv_bfloat16 *>(p) + i, x);
        break;
    default:
        nn_store(static_cast<float *>(p) + i, x);
    }
}

/* ---- 16 bytes at a time ---- */

/* As many elements as one access moves; `p` of the accesses is aligned to 16 bytes. */
template <typename T> struct alignas(16) nn_vector {
    static constexpr int count = 16 / static_cast<int>(sizeof(T));
    T items[count];
};

template <typename T> __device__ __forceinline__ nn_vector<T> nn_load_vector(const T *p) {
    nn_vector<T> out;
    *reinterpret_cast<uint4 *>(&out) = *reinterpret_cast<const uint4 *>(p);
    return out;
}
template <typename T>
__device__ __forceinline__ void nn_store_vector(T *p, const nn_vector<T> &vector) {
    *reinterpret_cast<uint4 *>(p) = *reinterpret_cast<const uint4 *>(&vector);
}

/* On the host: may all of these be accessed so, `count` elements of `bytes` from each on? */
inline bool nn_is_vectorizable(int64_t count, size_t bytes, const void *a, const void *b = nullptr,
                               const void *c = nullptr) {
    const uintptr_t addresses = reinterpret_cast<uintptr_t>(a) | reinterpret_cast<uintptr_t>(b) |
                                reinterpret_cast<uintptr_t>(c);
    return addresses % 16 == 0 && static_cast<uint64_t>(count) * bytes % 16 == 0;
}

/* ---- division ---- */

/* n / d and, through *remainder, n % d; n below 2^31. */
__device__ __forceinline__ uint32_t nn_divide(uint32_t n, nn_divisor d) {
    return (__umulhi(n, d.multiplier) + n) >> d.shift;
}
__device__ __forceinline__ uint32_t nn_divide(uint32_t n, nn_divisor d, uint32_t *remainder) {
    const uint32_t quotient = nn_divide(n, d);
    *remainder = n - quotient * d.divisor;
    return quotient;
}

/* ---- grid-stride loops ---- */

/* for (int64_t i = nn_first(); i < count; i += nn_stride()) */
__device__ __forceinline__ int64_t nn_first() {
    return static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
}
__device__ __forceinline__ int64_t nn_stride() {
    return static_cast<int64_t>(gridDim.x) * blockDim.x;
}

#endif
