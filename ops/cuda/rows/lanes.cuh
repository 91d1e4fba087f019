/* Joining what the threads of a warp or of a block found: sums, extremes, places. */
#ifndef NN_CUDA_LANES_CUH
#define NN_CUDA_LANES_CUH

#include "ops/cuda/elements/functions.cuh"

#include <string.h>

enum { NN_WARP = 32, NN_LARGEST_BLOCK = 1024 };

/* What integers and bool are computed in; floating types as nn_computed says. */
template <typename T> struct nn_wide {
    typedef int64_t type;
    static __device__ __forceinline__ int64_t load(T x) { return static_cast<int64_t>(x); }
    static __device__ __forceinline__ T store(int64_t x) { return static_cast<T>(x); }
};
template <> struct nn_wide<uint64_t> {
    typedef uint64_t type;
    static __device__ __forceinline__ uint64_t load(uint64_t x) { return x; }
    static __device__ __forceinline__ uint64_t store(uint64_t x) { return x; }
};
template <typename T> struct nn_wide_real {
    typedef typename nn_computed<T>::type type;
    static __device__ __forceinline__ type load(T x) { return nn_compute(x); }
    static __device__ __forceinline__ T store(type x) { return nn_result<T>(x); }
};
template <> struct nn_wide<float> : nn_wide_real<float> {};
template <> struct nn_wide<double> : nn_wide_real<double> {};
template <> struct nn_wide<__half> : nn_wide_real<__half> {};
template <> struct nn_wide<__nv_bfloat16> : nn_wide_real<__nv_bfloat16> {};

/* S of the lane whose number differs in the bits `lanes`; S is a multiple of 4 bytes. */
template <typename S> __device__ __forceinline__ S nn_exchange(const S &mine, int lanes) {
    constexpr int words = static_cast<int>(sizeof(S) / 4);
    static_assert(sizeof(S) % 4 == 0, "whole words");
    unsigned from[words];
    memcpy(from, &mine, sizeof mine);
#pragma unroll
    for (int i = 0; i < words; i++) from[i] = __shfl_xor_sync(0xffffffffu, from[i], lanes);
    S other;
    memcpy(&other, from, sizeof other);
    return other;
}

/* join(a, b) is a S; every lane gets the whole, in the same order of joining. All lanes call it. */
template <typename S, typename JOIN> __device__ __forceinline__ S nn_join_warp(S mine, JOIN join) {
#pragma unroll
    for (int lanes = 1; lanes < NN_WARP; lanes *= 2) {
        const S other = nn_exchange(mine, lanes);
        mine = (threadIdx.x & lanes) != 0 ? join(other, mine) : join(mine, other);
    }
    return mine;
}

/* The same for all threads of a block of whole warps along x; `nothing` joins without a trace. */
template <typename S, typename JOIN>
__device__ __forceinline__ S nn_join_block(S mine, S nothing, JOIN join) {
    __shared__ S parts[NN_LARGEST_BLOCK / NN_WARP];
    const unsigned warp = threadIdx.x / NN_WARP, lane = threadIdx.x % NN_WARP;
    mine = nn_join_warp(mine, join);
    if (blockDim.x == NN_WARP) return mine;
    __syncthreads(); /* parts of a call before were read */
    if (lane == 0) parts[warp] = mine;
    __syncthreads();
    return nn_join_warp(lane < blockDim.x / NN_WARP ? parts[lane] : nothing, join);
}

/* Blocks of 32 x NN_COLUMN_ROWS threads join over y: all threads with the same x get the whole. */
enum { NN_COLUMN_ROWS = 8 };
template <typename S, typename JOIN>
__device__ __forceinline__ S nn_join_columns(S mine, JOIN join) {
    __shared__ S parts[NN_COLUMN_ROWS][NN_WARP];
    __syncthreads();
    parts[threadIdx.y][threadIdx.x] = mine;
    __syncthreads();
    S all = parts[0][threadIdx.x];
    for (int row = 1; row < NN_COLUMN_ROWS; row++) all = join(all, parts[row][threadIdx.x]);
    return all;
}

/* Blocks for `count` pieces of work that blocks stride over. */
inline unsigned nn_blocks_for(int64_t count) {
    const int64_t most = 132 * 32;
    return static_cast<unsigned>(count < most ? count : most);
}

#endif
