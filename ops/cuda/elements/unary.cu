#include "ops/cuda/elements/unary_launch.h"

#include "ops/cuda/elements/loops.cuh"
#include "ops/cuda/elements/numbers.cuh"
#include "ops/cuda/elements/types.cuh"

namespace {

constexpr int THREADS = 256;
constexpr int ANY_FUNCTION = -1; /* known when it runs */

constexpr bool is_predicate(int function) {
    return function == NN_FUNCTION_is_inf || function == NN_FUNCTION_is_nan;
}

/* ---- floating types ---- */

/* 16 bytes at a time where `packs`, and what is left one by one. */
template <int FUNCTION, typename IN, typename OUT>
__global__ void unary(int function, const IN *x, OUT *y, int64_t count, bool packs,
                      typename nn_computed<IN>::type p, typename nn_computed<IN>::type q) {
    typedef typename nn_computed<IN>::type number;
    constexpr int width = nn_pack_width<IN, OUT>::value;
    if (FUNCTION != ANY_FUNCTION) function = FUNCTION;
    const int64_t whole = packs ? count / width : 0;
    for (int64_t i = nn_first(); i < whole; i += nn_stride()) {
        const nn_pack<IN, width> in = nn_load_pack<width>(x + i * width, 1);
        nn_pack<OUT, width> out;
#pragma unroll
        for (int k = 0; k < width; k++)
            out.items[k] =
                nn_result<OUT>(nn_evaluate<number>(function, nn_compute(in.items[k]), p, q));
        nn_store_pack(y + i * width, out);
    }
    for (int64_t i = whole * width + nn_first(); i < count; i += nn_stride())
        y[i] = nn_result<OUT>(nn_evaluate<number>(function, nn_compute(x[i]), p, q));
}

template <int FUNCTION, typename IN, typename OUT>
cudaError_t launch_as(const nn_cuda_unary &a, cudaStream_t stream) {
    constexpr int width = nn_pack_width<IN, OUT>::value;
    const uintptr_t addresses = reinterpret_cast<uintptr_t>(a.x) / sizeof(IN) |
                                reinterpret_cast<uintptr_t>(a.y) / sizeof(OUT);
    return nn_launch(unary<FUNCTION, IN, OUT>, nn_grid_for((a.count + width - 1) / width, THREADS),
                     THREADS, 0, stream, a.function.kind, static_cast<const IN *>(a.x),
                     static_cast<OUT *>(a.y), a.count, addresses % width == 0, a.function.p,
                     a.function.q);
}

typedef cudaError_t launcher(const nn_cuda_unary &a, cudaStream_t stream);

template <int FUNCTION, typename T>
cudaError_t launch_function(const nn_cuda_unary &a, cudaStream_t stream) {
    if constexpr (is_predicate(FUNCTION))
        return launch_as<FUNCTION, T, bool>(a, stream);
    else
        return launch_as<FUNCTION, T, T>(a, stream);
}

/* A kernel for each function: the branch to it costs nothing, and registers are its own. */
template <typename T> cudaError_t launch_float(const nn_cuda_unary &a, cudaStream_t stream) {
    static launcher *const launchers[] = {
#define NN_FUNCTION_ROW(symbol, ...)                 launch_function<NN_FUNCTION_##symbol, T>,
#define NN_FUNCTION_OPERATOR(symbol, operator_, ...) launch_function<NN_FUNCTION_##symbol, T>,
#include "ops/family/functions.def"
#undef NN_FUNCTION_OPERATOR
#undef NN_FUNCTION_ROW
    };
    return launchers[a.function.kind](a, stream);
}

/* One kernel for all. */
cudaError_t launch_double(const nn_cuda_unary &a, cudaStream_t stream) {
    return is_predicate(a.function.kind) ? launch_as<ANY_FUNCTION, double, bool>(a, stream)
                                         : launch_as<ANY_FUNCTION, double, double>(a, stream);
}

/* ---- integers and bool ---- */

template <typename T> __device__ __forceinline__ bool is_negative(T x) {
    if constexpr (nn_is_whole<T>::has_sign)
        return x < T(0);
    else
        return false;
}

template <typename T>
__device__ __forceinline__ T integer_function(int function, T x, T low, T high) {
    const uint64_t bits = static_cast<uint64_t>(x);
    switch (function) {
    case NN_FUNCTION_abs: /* the most negative integer stays itself */
        return is_negative(x) ? static_cast<T>(0 - bits) : x;
    case NN_FUNCTION_neg:
        return static_cast<T>(0 - bits);
    case NN_FUNCTION_sign:
        return static_cast<T>((x > T(0)) - is_negative(x));
    case NN_FUNCTION_relu:
        return is_negative(x) ? T(0) : x;
    case NN_FUNCTION_bitwise_not:
        return static_cast<T>(~bits);
    case NN_FUNCTION_not:
        return static_cast<T>(x == T(0));
    case NN_FUNCTION_clip:
        return nn_clamp(x, low, high);
    default:
        return x;
    }
}

template <typename T>
__global__ void integer_unary(int function, const T *x, T *y, int64_t count, T low, T high) {
    for (int64_t i = nn_first(); i < count; i += nn_stride())
        y[i] = integer_function<T>(function, x[i], low, high);
}

template <typename T> cudaError_t launch_integer(const nn_cuda_unary &a, cudaStream_t stream) {
    return nn_launch(integer_unary<T>, nn_grid_for(a.count, THREADS), THREADS, 0, stream,
                     a.function.kind, static_cast<const T *>(a.x), static_cast<T *>(a.y), a.count,
                     a.low, a.high);
}

} // namespace

cudaError_t nn_cuda_launch_unary(const nn_cuda_unary *arguments, cudaStream_t stream) {
    const nn_cuda_unary &a = *arguments;
    switch (a.type) {
    case NNOPT_FLOAT:
        return launch_float<float>(a, stream);
    case NNOPT_FLOAT16:
        return launch_float<__half>(a, stream);
    case NNOPT_BFLOAT16:
        return launch_float<__nv_bfloat16>(a, stream);
    case NNOPT_DOUBLE:
        return launch_double(a, stream);
#define LAUNCH(type) return launch_integer<type>(a, stream);
        NN_EACH_INTEGER_CASE(LAUNCH)
        NN_TYPE_CASE(BOOL, uint8_t, LAUNCH)
#undef LAUNCH
    default:
        return cudaErrorInvalidValue;
    }
}
