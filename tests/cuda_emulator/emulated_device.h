/* The part of CUDA C++ that our kernels may use, for an ordinary compiler; launch.cuh includes it
 * in the place of what nvcc brings. */
#ifndef NN_EMULATED_DEVICE_H
#define NN_EMULATED_DEVICE_H

#include "tests/cuda_emulator/emulated_tensor_core.h"
#include "tests/cuda_emulator/emulator.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <tuple>
#include <type_traits>

/* One block runs at a time in the process, so what a block shares may be static. */
#undef __shared__
#define __shared__ static
#undef __forceinline__
#define __forceinline__ inline
#undef __noinline__
#define __noinline__ __attribute__((noinline))
#undef __launch_bounds__
#define __launch_bounds__(...)

#define threadIdx nn_emulated.thread
#define blockIdx  nn_emulated.block
#define blockDim  nn_emulated.block_size
#define gridDim   nn_emulated.grid_size
enum { warpSize = 32 };

using std::max;
using std::min;

/* ---- launches ---- */

template <typename... P> struct nn_emulated_closure {
    void (*kernel)(P...);
    std::tuple<P...> arguments;
    static void run(const void *closure) {
        const auto *own = static_cast<const nn_emulated_closure *>(closure);
        std::apply(own->kernel, own->arguments);
    }
};

template <typename... P>
cudaError_t nn_launch_converted(void (*kernel)(P...), dim3 grid, dim3 block, size_t shared_bytes,
                                cudaStream_t stream, P... arguments) {
    static_assert((std::is_trivially_copyable_v<P> && ...), "kernels take plain arguments");
    if (shared_bytes > 48 * 1024) {
        cudaError_t error = cudaFuncSetAttribute(reinterpret_cast<const void *>(kernel),
                                                 cudaFuncAttributeMaxDynamicSharedMemorySize,
                                                 static_cast<int>(shared_bytes));
        if (error != cudaSuccess) return error;
    }
    nn_emulated_closure<P...> closure = {kernel, std::tuple<P...>(arguments...)};
    nn_cuda_note_launch(reinterpret_cast<const void *>(kernel),
                        static_cast<int>(block.x * block.y * block.z), shared_bytes);
    return nn_emulator_launch(reinterpret_cast<const void *>(kernel), grid, block, shared_bytes,
                              stream, nn_emulated_closure<P...>::run, &closure, sizeof closure,
                              (sizeof(P) + ... + 0));
}

template <typename T> T *nn_dynamic_shared() {
    return static_cast<T *>(nn_emulated.dynamic_shared);
}

/* ---- barriers and warps ---- */

#define NN_LINE int line = __builtin_LINE()

inline void __syncthreads(NN_LINE) {
    nn_emulator_block_barrier(line);
}
inline void __syncwarp(unsigned mask = 0xffffffffu, NN_LINE) {
    nn_emulator_warp_barrier(mask, line);
}
inline void __threadfence() {}
inline void __threadfence_block() {}

inline unsigned nn_emulated_linear() {
    return threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
}
inline int nn_emulated_lane() {
    return static_cast<int>(nn_emulated_linear() % 32);
}

template <typename T> T nn_emulated_shuffle(unsigned mask, T value, int source, int line) {
    static_assert(sizeof(T) <= 8 && std::is_trivially_copyable_v<T>,
                  "a shuffle moves 8 bytes at most");
    unsigned long long bits = 0;
    std::memcpy(&bits, &value, sizeof value);
    bits = nn_emulator_shuffle(mask, bits, source, line);
    std::memcpy(&value, &bits, sizeof value);
    return value;
}

/* Lanes of a segment of `width` see each other. */
template <typename T> T __shfl_sync(unsigned mask, T value, int source, int width = 32, NN_LINE) {
    const int lane = nn_emulated_lane();
    return nn_emulated_shuffle(mask, value, (lane & ~(width - 1)) + (source & (width - 1)), line);
}
template <typename T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32, NN_LINE) {
    const int lane = nn_emulated_lane(), first = lane & ~(width - 1);
    const int source = lane - static_cast<int>(delta);
    return nn_emulated_shuffle(mask, value, source < first ? lane : source, line);
}
template <typename T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32, NN_LINE) {
    const int lane = nn_emulated_lane(), last = lane | (width - 1);
    const int source = lane + static_cast<int>(delta);
    return nn_emulated_shuffle(mask, value, source > last ? lane : source, line);
}
template <typename T>
T __shfl_xor_sync(unsigned mask, T value, int lanes, int width = 32, NN_LINE) {
    const int lane = nn_emulated_lane(), last = lane | (width - 1), source = lane ^ lanes;
    return nn_emulated_shuffle(mask, value, source > last ? lane : source, line);
}

inline unsigned __ballot_sync(unsigned mask, int predicate, NN_LINE) {
    return nn_emulator_ballot(mask, predicate != 0, line);
}
inline int __any_sync(unsigned mask, int predicate, NN_LINE) {
    return nn_emulator_ballot(mask, predicate != 0, line) != 0;
}
inline int __all_sync(unsigned mask, int predicate, NN_LINE) {
    return nn_emulator_ballot(mask, predicate == 0, line) == 0;
}

/* ---- atomics: one thread runs at a time ---- */

template <typename T> struct nn_identity { using type = T; };
template <typename T> using nn_same = typename nn_identity<T>::type;

template <typename T> T atomicAdd(T *p, nn_same<T> x) {
    const T old = *p;
    *p = old + x;
    return old;
}
template <typename T> T atomicMax(T *p, nn_same<T> x) {
    const T old = *p;
    if (x > old) *p = x;
    return old;
}
template <typename T> T atomicMin(T *p, nn_same<T> x) {
    const T old = *p;
    if (x < old) *p = x;
    return old;
}
template <typename T> T atomicExch(T *p, nn_same<T> x) {
    const T old = *p;
    *p = x;
    return old;
}
template <typename T> T atomicCAS(T *p, nn_same<T> compare, nn_same<T> x) {
    const T old = *p;
    if (std::memcmp(&old, &compare, sizeof old) == 0) *p = x;
    return old;
}
template <typename T> T atomicOr(T *p, nn_same<T> x) {
    const T old = *p;
    *p = old | x;
    return old;
}
template <typename T> T atomicAnd(T *p, nn_same<T> x) {
    const T old = *p;
    *p = old & x;
    return old;
}

/* ---- intrinsics ---- */

template <typename T> T __ldg(const T *p) {
    return *p;
}
template <typename T> T __ldcs(const T *p) {
    return *p;
}
template <typename T> void __stcs(T *p, T x) {
    *p = x;
}

template <typename To, typename From> To nn_emulated_bits(From from) {
    static_assert(sizeof(To) == sizeof(From), "same size");
    To to;
    std::memcpy(&to, &from, sizeof to);
    return to;
}
inline int __float_as_int(float x) {
    return nn_emulated_bits<int>(x);
}
inline unsigned __float_as_uint(float x) {
    return nn_emulated_bits<unsigned>(x);
}
inline float __int_as_float(int x) {
    return nn_emulated_bits<float>(x);
}
inline float __uint_as_float(unsigned x) {
    return nn_emulated_bits<float>(x);
}
inline long long __double_as_longlong(double x) {
    return nn_emulated_bits<long long>(x);
}
inline double __longlong_as_double(long long x) {
    return nn_emulated_bits<double>(x);
}

inline unsigned __umulhi(unsigned a, unsigned b) {
    return static_cast<unsigned>(static_cast<unsigned long long>(a) * b >> 32);
}
inline int __mulhi(int a, int b) {
    return static_cast<int>(static_cast<long long>(a) * b >> 32);
}
inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
    return static_cast<unsigned long long>(static_cast<unsigned __int128>(a) * b >> 64);
}
inline int __popc(unsigned x) {
    return __builtin_popcount(x);
}
inline int __popcll(unsigned long long x) {
    return __builtin_popcountll(x);
}
inline int __clz(int x) {
    return x == 0 ? 32 : __builtin_clz(static_cast<unsigned>(x));
}
inline int __clzll(long long x) {
    return x == 0 ? 64 : __builtin_clzll(static_cast<unsigned long long>(x));
}
inline int __ffs(int x) {
    return __builtin_ffs(x);
}
inline unsigned __brev(unsigned x) {
    unsigned out = 0;
    for (int i = 0; i < 32; i++) out |= (x >> i & 1u) << (31 - i);
    return out;
}

/* Sums of four products of bytes. */
inline int __dp4a(int a, int b, int c) {
    for (int i = 0; i < 4; i++)
        c += static_cast<int8_t>(a >> 8 * i) * static_cast<int8_t>(b >> 8 * i);
    return c;
}
inline unsigned __dp4a(unsigned a, unsigned b, unsigned c) {
    for (int i = 0; i < 4; i++) c += (a >> 8 * i & 255u) * (b >> 8 * i & 255u);
    return c;
}

/* One rounding each. */
inline float __fmul_rn(float a, float b) {
    return a * b;
}
inline float __fadd_rn(float a, float b) {
    return a + b;
}
inline float __fsub_rn(float a, float b) {
    return a - b;
}
inline float __fdiv_rn(float a, float b) {
    return a / b;
}
inline float __fmaf_rn(float a, float b, float c) {
    return fmaf(a, b, c);
}
inline float __fsqrt_rn(float a) {
    return sqrtf(a);
}
inline double __dadd_rn(double a, double b) {
    return a + b;
}
inline double __dmul_rn(double a, double b) {
    return a * b;
}
inline float __frcp_rn(float a) {
    return 1.0f / a;
}
inline float rsqrtf(float x) {
    return 1.0f / sqrtf(x);
}
inline double rsqrt(double x) {
    return 1.0 / sqrt(x);
}

/* To the nearest, ties to even; beyond the ends of the type the nearest end, NaN 0. */
inline int __float2int_rn(float x) {
    if (!(x == x)) return 0;
    if (x >= 2147483648.0f) return INT32_MAX;
    return x <= -2147483648.0f ? INT32_MIN : static_cast<int>(rintf(x));
}
inline float __int2float_rn(int x) {
    return static_cast<float>(x);
}

#endif
