/* The functions of functions.def on a device. */
#ifndef NN_CUDA_FUNCTIONS_CUH
#define NN_CUDA_FUNCTIONS_CUH

#include "ops/cuda/elements/unary_launch.h"
#include "ops/cuda/runtime/elements.cuh"

/* NaN stays. */
template <typename T> __device__ __forceinline__ T nn_clamp(T x, T low, T high) {
    const T at_least = x < low ? low : x;
    return at_least > high ? high : at_least;
}

/* Where `function` is a constant one case is left of this. */
template <typename T> __device__ __forceinline__ T nn_evaluate(int function, T x, T p, T q) {
    switch (function) {
#define NN_FUNCTION_ROW(symbol, ...)                                                               \
case NN_FUNCTION_##symbol:                                                                         \
    return static_cast<T>(__VA_ARGS__);
#define NN_FUNCTION_OPERATOR(symbol, name, types, parameters, ...)                                 \
    NN_FUNCTION_ROW(symbol, __VA_ARGS__)
#include "ops/family/functions.def"
#undef NN_FUNCTION_OPERATOR
#undef NN_FUNCTION_ROW
    default:
        return x;
    }
}

/* What elements are computed in: float but for double. */
template <typename T> struct nn_computed { typedef float type; };
template <> struct nn_computed<double> { typedef double type; };

template <typename T> __device__ __forceinline__ typename nn_computed<T>::type nn_compute(T x) {
    return nn_to_float<T>(x);
}
template <> __device__ __forceinline__ double nn_compute<double>(double x) {
    return x;
}
/* Rounded once; bool is what is not zero. */
template <typename T, typename C> __device__ __forceinline__ T nn_result(C x) {
    return nn_from_float<T>(x);
}
template <> __device__ __forceinline__ double nn_result<double, double>(double x) {
    return x;
}
template <> __device__ __forceinline__ bool nn_result<bool, double>(double x) {
    return x != 0.0;
}

#endif
