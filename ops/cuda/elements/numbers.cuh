/* Elements whose type is known when the kernel runs, and conversions as Cast has them. */
#ifndef NN_CUDA_NUMBERS_CUH
#define NN_CUDA_NUMBERS_CUH

#include "ops/cuda/elements/functions.cuh"

#include <nnopt.h>

template <typename T> struct nn_is_whole {
    static constexpr bool value = true;
    static constexpr bool has_sign = static_cast<T>(-1) < static_cast<T>(1);
};
template <> struct nn_is_whole<bool> { static constexpr bool value = true, has_sign = false; };
template <> struct nn_is_whole<float> { static constexpr bool value = false, has_sign = true; };
template <> struct nn_is_whole<double> { static constexpr bool value = false, has_sign = true; };
template <> struct nn_is_whole<__half> { static constexpr bool value = false, has_sign = true; };
template <> struct nn_is_whole<__nv_bfloat16> {
    static constexpr bool value = false, has_sign = true;
};

__host__ __device__ __forceinline__ bool nn_is_integer(nnopt_type type) {
    return type != NNOPT_FLOAT && type != NNOPT_FLOAT16 && type != NNOPT_BFLOAT16 &&
           type != NNOPT_DOUBLE;
}

/* Element i of integers or bool; of uint64 the bits. */
__device__ __forceinline__ int64_t nn_integer_at(nnopt_type type, const void *data, int64_t i) {
    switch (type) {
    case NNOPT_INT8:
        return static_cast<const int8_t *>(data)[i];
    case NNOPT_INT16:
        return static_cast<const int16_t *>(data)[i];
    case NNOPT_INT32:
        return static_cast<const int32_t *>(data)[i];
    case NNOPT_UINT8:
    case NNOPT_BOOL:
        return static_cast<const uint8_t *>(data)[i];
    case NNOPT_UINT16:
        return static_cast<const uint16_t *>(data)[i];
    case NNOPT_UINT32:
        return static_cast<const uint32_t *>(data)[i];
    default:
        return static_cast<const int64_t *>(data)[i];
    }
}

/* Of floating types but double. */
__device__ __forceinline__ float nn_float_at(nnopt_type type, const void *data, int64_t i) {
    if (type == NNOPT_FLOAT16) return nn_load(static_cast<const __half *>(data) + i);
    if (type == NNOPT_BFLOAT16) return nn_load(static_cast<const __nv_bfloat16 *>(data) + i);
    return static_cast<const float *>(data)[i];
}

__device__ __forceinline__ double nn_number_at(nnopt_type type, const void *data, int64_t i) {
    if (type == NNOPT_DOUBLE) return static_cast<const double *>(data)[i];
    if (type == NNOPT_UINT64) return static_cast<double>(static_cast<const uint64_t *>(data)[i]);
    if (nn_is_integer(type)) return static_cast<double>(nn_integer_at(type, data, i));
    return static_cast<double>(nn_float_at(type, data, i));
}

/* Towards the odd neighbour where inexact: rounding that to a half type gives what rounding the
 * double once gives. */
__device__ __forceinline__ float nn_to_odd_float(double x) {
    const float nearest = static_cast<float>(x);
    const uint32_t bits = __float_as_uint(nearest);
    if (static_cast<double>(nearest) == x || x != x || isinf(nearest) || (bits & 1) != 0)
        return nearest;
    if (nearest == 0.0f) return __uint_as_float(x < 0 ? 0x80000001u : 1u);
    const bool away =
        nearest > 0 ? x > static_cast<double>(nearest) : x < static_cast<double>(nearest);
    return __uint_as_float(away ? bits + 1 : bits - 1);
}

/* Towards zero; what does not fit is clamped, NaN is 0. */
template <typename T> __device__ __forceinline__ T nn_clamp_to_integer(double x) {
    constexpr bool has_sign = nn_is_whole<T>::has_sign;
    constexpr int bits = 8 * static_cast<int>(sizeof(T)) - (has_sign ? 1 : 0);
    constexpr T highest = static_cast<T>(has_sign ? ~(~0ull << (8 * sizeof(T) - 1)) : ~0ull);
    constexpr T lowest = has_sign ? static_cast<T>(-highest - 1) : T(0);
    constexpr double limit = 2.0 * static_cast<double>(1ull << (bits - 1));
    if (x != x) return T(0);
    if (x >= limit) return highest;
    if (x <= static_cast<double>(lowest)) return lowest;
    return static_cast<T>(x);
}

/* Cast: to bool what is not 0; integers to integers lose high bits; everything else rounds once. */
template <typename OUT, typename IN> struct nn_cast_as {
    static __device__ __forceinline__ OUT convert(IN x) {
        if constexpr (nn_is_whole<IN>::value) {
            return static_cast<OUT>(x); /* to whole numbers, float and double */
        } else if constexpr (nn_is_whole<OUT>::value) {
            return nn_clamp_to_integer<OUT>(static_cast<double>(nn_compute(x)));
        } else {
            return static_cast<OUT>(nn_compute(x));
        }
    }
};
template <typename IN> struct nn_cast_as<bool, IN> {
    static __device__ __forceinline__ bool convert(IN x) {
        if constexpr (nn_is_whole<IN>::value)
            return x != static_cast<IN>(0);
        else
            return nn_compute(x) != 0;
    }
};
template <typename HALF, typename IN> struct nn_cast_as_half {
    static __device__ __forceinline__ HALF convert(IN x) {
        if constexpr (nn_is_whole<IN>::value)
            return nn_from_float<HALF>(nn_to_odd_float(static_cast<double>(x)));
        else if constexpr (sizeof(IN) == sizeof(double))
            return nn_from_float<HALF>(nn_to_odd_float(x));
        else
            return nn_from_float<HALF>(nn_to_float(x));
    }
};
template <typename IN> struct nn_cast_as<__half, IN> : nn_cast_as_half<__half, IN> {};
template <typename IN> struct nn_cast_as<__nv_bfloat16, IN> : nn_cast_as_half<__nv_bfloat16, IN> {};

template <typename OUT, typename IN> __device__ __forceinline__ OUT nn_cast(IN x) {
    return nn_cast_as<OUT, IN>::convert(x);
}

#endif
