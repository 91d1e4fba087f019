#include "ops/cuda/elements/binary_launch.h"
#include "ops/cuda/elements/loops.cuh"
#include "ops/cuda/elements/numbers.cuh"
#include "ops/cuda/elements/types.cuh"
#include "ops/cuda/runtime/activation.cuh"

namespace {

constexpr int THREADS = 256;
constexpr int ANY_FUNCTION = -1; /* known when it runs */

/* ---- floating types ---- */

/* The remainder with the sign of the divisor, a zero too. */
template <typename C> __device__ __forceinline__ C floor_mod(C a, C b) {
    const C rest = fmod(a, b);
    if (rest == 0) return copysign(C(0), b);
    return (rest < 0) != (b < 0) ? rest + b : rest;
}

template <typename C> __device__ __forceinline__ C power(C a, C b) {
    if (b == 2) return a * a;
    return pow(a, b);
}

template <typename C> __device__ __forceinline__ C combine(int function, C a, C b, C p) {
    switch (function) {
    case NN_CUDA_BINARY_add:
    case NN_CUDA_BINARY_sum:
        return a + b;
    case NN_CUDA_BINARY_sub:
        return a - b;
    case NN_CUDA_BINARY_mul:
        return a * b;
    case NN_CUDA_BINARY_div:
        return a / b;
    case NN_CUDA_BINARY_max: /* NaN in either gives NaN */
        return a > b || a != a ? a : b;
    case NN_CUDA_BINARY_min:
        return a < b || a != a ? a : b;
    case NN_CUDA_BINARY_mod:
        return p != 0 ? fmod(a, b) : floor_mod(a, b);
    case NN_CUDA_BINARY_pow:
        return power(a, b);
    case NN_CUDA_BINARY_prelu:
        return a < 0 ? a * b : a;
    case NN_CUDA_BINARY_swiglu:
        return a / (1 + exp(-p * a)) * b;
    case NN_CUDA_BINARY_mean:
        return (a + b) * p;
    default:
        return a;
    }
}

struct epilogue {
    nn_activation_argument before, after;
    const void *residual;
};

__device__ __forceinline__ float finish(const epilogue &e, float x, float residual) {
    x = nn_activate(e.before, x);
    return nn_activate(e.after, x + residual);
}
__device__ __forceinline__ double finish(const epilogue &, double x, double) {
    return x;
}

/* Packs of V elements. */
template <int FUNCTION, int V, bool EPILOGUE, typename T>
__global__ void binary(int function, nn_cuda_loops loops, T *y, const T *a, const T *b,
                       typename nn_computed<T>::type p, epilogue e) {
    typedef typename nn_computed<T>::type number;
    if (FUNCTION != ANY_FUNCTION) function = FUNCTION;
    const int last = loops.rank - 1;
    const int64_t a_step = loops.steps[1][last], b_step = loops.steps[2][last];
    const T *residual = static_cast<const T *>(e.residual);
    const int64_t packs = (loops.count + V - 1) / V;
    for (int64_t i = nn_first(); i < packs; i += nn_stride()) {
        const int64_t at = i * V;
        int64_t places[3];
        nn_locate(loops, at, places);
        if (V == 1 || at + V <= loops.count) {
            const nn_pack<T, V> as = nn_load_pack<V>(a + places[1], a_step);
            const nn_pack<T, V> bs = nn_load_pack<V>(b + places[2], b_step);
            nn_pack<T, V> out, rs;
            if (EPILOGUE && residual != nullptr) rs = nn_load_pack<V>(residual + at, 1);
#pragma unroll
            for (int k = 0; k < V; k++) {
                number value =
                    combine<number>(function, nn_compute(as.items[k]), nn_compute(bs.items[k]), p);
                if (EPILOGUE)
                    value =
                        finish(e, value, residual != nullptr ? nn_compute(rs.items[k]) : number(0));
                out.items[k] = nn_result<T>(value);
            }
            nn_store_pack(y + at, out);
        } else { /* the end of loops of one axis */
            for (int k = 0; at + k < loops.count; k++) {
                number value = combine<number>(function, nn_compute(a[places[1] + k * a_step]),
                                               nn_compute(b[places[2] + k * b_step]), p);
                if (EPILOGUE)
                    value = finish(e, value,
                                   residual != nullptr ? nn_compute(residual[at + k]) : number(0));
                y[at + k] = nn_result<T>(value);
            }
        }
    }
}

template <int FUNCTION, int V, bool EPILOGUE, typename T>
cudaError_t launch_packs(const nn_cuda_binary &a, cudaStream_t stream) {
    return nn_launch(binary<FUNCTION, V, EPILOGUE, T>,
                     nn_grid_for((a.loops.count + V - 1) / V, THREADS), THREADS, 0, stream,
                     a.function, a.loops, static_cast<T *>(a.y), static_cast<const T *>(a.a),
                     static_cast<const T *>(a.b), a.p, epilogue{a.before, a.after, a.residual});
}

template <int FUNCTION, bool EPILOGUE, typename T>
cudaError_t launch_function(const nn_cuda_binary &a, cudaStream_t stream) {
    constexpr int width = nn_pack_width<T>::value, bytes = sizeof(T);
    const nn_operand operands[] = {{a.y, bytes}, {a.a, bytes}, {a.b, bytes}};
    const bool aligned = reinterpret_cast<uintptr_t>(a.residual) % NN_CUDA_VECTOR_BYTES == 0;
    if (aligned && nn_takes_packs(a.loops, operands, 3, width))
        return launch_packs<FUNCTION, width, EPILOGUE, T>(a, stream);
    return launch_packs<FUNCTION, 1, EPILOGUE, T>(a, stream);
}

template <typename T> cudaError_t launch_float(const nn_cuda_binary &a, cudaStream_t stream) {
    if (a.has_epilogue) return launch_function<NN_CUDA_BINARY_add, true, T>(a, stream);
    switch (a.function) {
    case NN_CUDA_BINARY_add:
    case NN_CUDA_BINARY_sum:
        return launch_function<NN_CUDA_BINARY_add, false, T>(a, stream);
    case NN_CUDA_BINARY_sub:
        return launch_function<NN_CUDA_BINARY_sub, false, T>(a, stream);
    case NN_CUDA_BINARY_mul:
        return launch_function<NN_CUDA_BINARY_mul, false, T>(a, stream);
    case NN_CUDA_BINARY_div:
        return launch_function<NN_CUDA_BINARY_div, false, T>(a, stream);
    case NN_CUDA_BINARY_swiglu:
        return launch_function<NN_CUDA_BINARY_swiglu, false, T>(a, stream);
    default:
        return launch_function<ANY_FUNCTION, false, T>(a, stream);
    }
}

/* ---- integers and bool ---- */

/* Towards zero; the most negative number by -1 wraps. */
template <typename T> __device__ __forceinline__ T divide(T a, T b) {
    if constexpr (nn_is_whole<T>::has_sign)
        if (b == T(-1)) return static_cast<T>(0 - static_cast<uint64_t>(a));
    return static_cast<T>(a / b);
}

/* Division by -1 leaves nothing, and would overflow for the most negative number. */
template <typename T> __device__ __forceinline__ T remainder_of(T a, T b, bool truncates) {
    if constexpr (nn_is_whole<T>::has_sign) {
        if (b == T(-1)) return T(0);
        const T rest = static_cast<T>(a % b);
        const bool differ = (rest < T(0)) != (b < T(0));
        return !truncates && rest != T(0) && differ ? static_cast<T>(rest + b) : rest;
    } else {
        return static_cast<T>(a % b);
    }
}

/* Amounts that are negative, as wide as the type or wider leave nothing but copies of the sign. */
template <typename T> __device__ __forceinline__ T shift(T a, T b, bool to_right) {
    constexpr unsigned bits = 8 * sizeof(T);
    const bool inside = static_cast<uint64_t>(b) < bits;
    const unsigned amount = inside ? static_cast<unsigned>(b) : 0;
    if (!to_right) return inside ? static_cast<T>(static_cast<uint64_t>(a) << amount) : T(0);
    if constexpr (nn_is_whole<T>::has_sign)
        return static_cast<T>(a >> (inside ? amount : bits - 1));
    return inside ? static_cast<T>(a >> amount) : T(0);
}

template <typename T>
__device__ __forceinline__ T combine_integers(int function, T a, T b, bool option,
                                              nn_cuda_fault fault) {
    const uint64_t x = static_cast<uint64_t>(a), y = static_cast<uint64_t>(b);
    switch (function) {
    case NN_CUDA_BINARY_add:
        return static_cast<T>(x + y);
    case NN_CUDA_BINARY_sub:
        return static_cast<T>(x - y);
    case NN_CUDA_BINARY_mul:
        return static_cast<T>(x * y);
    case NN_CUDA_BINARY_div:
    case NN_CUDA_BINARY_mod:
        if (b == T(0)) {
            if (fault.flag != nullptr) *fault.flag = fault.code;
            return T(0);
        }
        return function == NN_CUDA_BINARY_div ? divide(a, b) : remainder_of(a, b, option);
    case NN_CUDA_BINARY_max:
        return a > b ? a : b;
    case NN_CUDA_BINARY_min:
        return a < b ? a : b;
    case NN_CUDA_BINARY_prelu:
        if constexpr (nn_is_whole<T>::has_sign)
            if (a < T(0)) return static_cast<T>(x * y);
        return a;
    case NN_CUDA_BINARY_bit_shift:
        return shift(a, b, option);
    case NN_CUDA_BINARY_bitwise_and:
        return static_cast<T>(x & y);
    case NN_CUDA_BINARY_bitwise_or:
        return static_cast<T>(x | y);
    case NN_CUDA_BINARY_bitwise_xor:
        return static_cast<T>(x ^ y);
    case NN_CUDA_BINARY_and:
        return static_cast<T>(a != T(0) && b != T(0));
    case NN_CUDA_BINARY_or:
        return static_cast<T>(a != T(0) || b != T(0));
    case NN_CUDA_BINARY_xor:
        return static_cast<T>((a != T(0)) != (b != T(0)));
    default:
        return a;
    }
}

template <typename T>
__global__ void integer_binary(int function, nn_cuda_loops loops, T *y, const T *a, const T *b,
                               bool option, nn_cuda_fault fault) {
    for (int64_t i = nn_first(); i < loops.count; i += nn_stride()) {
        int64_t places[3];
        nn_locate(loops, i, places);
        y[i] = combine_integers<T>(function, a[places[1]], b[places[2]], option, fault);
    }
}

/* ---- comparisons ---- */

template <typename T> __device__ __forceinline__ bool compare(int function, T a, T b) {
    switch (function) {
    case NN_CUDA_BINARY_equal:
        return a == b;
    case NN_CUDA_BINARY_greater:
        return a > b;
    case NN_CUDA_BINARY_greater_or_equal:
        return a >= b;
    case NN_CUDA_BINARY_less:
        return a < b;
    default:
        return a <= b;
    }
}

/* Halves are compared as floats, integers as they are. */
template <typename T> struct compared {
    typedef T type;
    static __device__ __forceinline__ T of(T x) { return x; }
};
template <> struct compared<__half> {
    typedef float type;
    static __device__ __forceinline__ float of(__half x) { return nn_to_float(x); }
};
template <> struct compared<__nv_bfloat16> {
    typedef float type;
    static __device__ __forceinline__ float of(__nv_bfloat16 x) { return nn_to_float(x); }
};

template <typename T>
__global__ void comparison(int function, nn_cuda_loops loops, bool *y, const T *a, const T *b) {
    for (int64_t i = nn_first(); i < loops.count; i += nn_stride()) {
        int64_t places[3];
        nn_locate(loops, i, places);
        y[i] = compare<typename compared<T>::type>(function, compared<T>::of(a[places[1]]),
                                                   compared<T>::of(b[places[2]]));
    }
}

/* ---- powers of integers, and of exponents of another type ---- */

__device__ __forceinline__ int64_t integer_power(int64_t base, int64_t exponent) {
    if (exponent < 0) {
        if (base == 1) return 1;
        if (base == -1) return exponent % 2 == 0 ? 1 : -1;
        return 0;
    }
    uint64_t result = 1, square = static_cast<uint64_t>(base);
    for (; exponent > 0; exponent >>= 1, square *= square)
        if (exponent & 1) result *= square;
    return static_cast<int64_t>(result);
}

template <typename T> struct power_of {
    static __device__ __forceinline__ T compute(T base, nnopt_type type, const void *b, int64_t i) {
        if (nn_is_integer(type))
            return static_cast<T>(
                integer_power(static_cast<int64_t>(base), nn_integer_at(type, b, i)));
        return nn_clamp_to_integer<T>(pow(static_cast<double>(base), nn_number_at(type, b, i)));
    }
};
template <typename T> struct real_power_of {
    static __device__ __forceinline__ T compute(T base, nnopt_type type, const void *b, int64_t i) {
        typedef typename nn_computed<T>::type number;
        return nn_result<T>(
            power<number>(nn_compute(base), static_cast<number>(nn_number_at(type, b, i))));
    }
};
template <> struct power_of<float> : real_power_of<float> {};
template <> struct power_of<double> : real_power_of<double> {};
template <> struct power_of<__half> : real_power_of<__half> {};
template <> struct power_of<__nv_bfloat16> : real_power_of<__nv_bfloat16> {};

template <typename T>
__global__ void mixed_power(nn_cuda_loops loops, T *y, const T *a, nnopt_type type, const void *b) {
    for (int64_t i = nn_first(); i < loops.count; i += nn_stride()) {
        int64_t places[3];
        nn_locate(loops, i, places);
        y[i] = power_of<T>::compute(a[places[1]], type, b, places[2]);
    }
}

/* ---- by type ---- */

bool is_comparison(int function) {
    return function >= NN_CUDA_BINARY_equal && function <= NN_CUDA_BINARY_less_or_equal;
}

template <typename T> struct other_kernels {
    static cudaError_t launch(const nn_cuda_binary &a, cudaStream_t stream) {
        return nn_launch(integer_binary<T>, nn_grid_for(a.loops.count, THREADS), THREADS, 0, stream,
                         a.function, a.loops, static_cast<T *>(a.y), static_cast<const T *>(a.a),
                         static_cast<const T *>(a.b), a.p != 0, a.fault);
    }
};
template <typename T> struct float_kernels {
    static cudaError_t launch(const nn_cuda_binary &a, cudaStream_t stream) {
        return launch_float<T>(a, stream);
    }
};
template <> struct other_kernels<float> : float_kernels<float> {};
template <> struct other_kernels<__half> : float_kernels<__half> {};
template <> struct other_kernels<__nv_bfloat16> : float_kernels<__nv_bfloat16> {};
template <> struct other_kernels<double> {
    static cudaError_t launch(const nn_cuda_binary &a, cudaStream_t stream) {
        return launch_packs<ANY_FUNCTION, 1, false, double>(a, stream);
    }
};

template <typename T> cudaError_t launch(const nn_cuda_binary &a, cudaStream_t stream) {
    const unsigned grid = nn_grid_for(a.loops.count, THREADS);
    const T *x = static_cast<const T *>(a.a);
    if (is_comparison(a.function))
        return nn_launch(comparison<T>, grid, THREADS, 0, stream, a.function, a.loops,
                         static_cast<bool *>(a.y), x, static_cast<const T *>(a.b));
    const bool own = nn_is_integer(a.type) || a.exponent_type != a.type;
    if (a.function == NN_CUDA_BINARY_pow && own)
        return nn_launch(mixed_power<T>, grid, THREADS, 0, stream, a.loops, static_cast<T *>(a.y),
                         x, a.exponent_type, a.b);
    return other_kernels<T>::launch(a, stream);
}

} // namespace

cudaError_t nn_cuda_launch_binary(const nn_cuda_binary *arguments, cudaStream_t stream) {
    const nn_cuda_binary &a = *arguments;
    switch (a.type) {
#define LAUNCH(type) return launch<type>(a, stream);
        NN_EACH_INTEGER_CASE(LAUNCH)
        NN_EACH_FLOAT_CASE(LAUNCH)
        NN_TYPE_CASE(BOOL, uint8_t, LAUNCH)
#undef LAUNCH
    default:
        return cudaErrorInvalidValue;
    }
}
