#include "ops/cuda/rows/softmax_launch.h"

#include "ops/cuda/elements/types.cuh"
#include "ops/cuda/rows/lanes.cuh"

namespace {

/* The maximum so far and the sum of exp(x - maximum). */
template <typename R> struct total { R maximum, sum; };

template <typename R> __device__ __forceinline__ total<R> nothing() {
    return {static_cast<R>(-INFINITY), R(0)};
}

/* Minus infinity adds nothing, so that rows may begin with what a mask took out. */
template <typename R> __device__ __forceinline__ void add(total<R> *t, R x) {
    if (x == static_cast<R>(-INFINITY)) return;
    const R maximum = x > t->maximum ? x : t->maximum;
    if (maximum > t->maximum) t->sum *= exp(t->maximum - maximum);
    t->sum += exp(x - maximum);
    t->maximum = maximum;
}

template <typename R> struct join_totals {
    __device__ __forceinline__ total<R> operator()(total<R> a, total<R> b) const {
        const R maximum = b.maximum > a.maximum ? b.maximum : a.maximum;
        if (a.maximum < maximum) a.sum *= exp(a.maximum - maximum);
        if (b.maximum < maximum) b.sum *= exp(b.maximum - maximum);
        return {maximum, a.sum + b.sum};
    }
};

/* What an element becomes: rows without a finite element become NaN. */
template <typename R> struct finish {
    R maximum, factor; /* 1 / sum, or its logarithm */
    bool logarithm;
    __device__ __forceinline__ finish(total<R> t, bool is_logarithm)
        : maximum(t.maximum), factor(is_logarithm ? R(log(t.sum)) : R(1) / t.sum),
          logarithm(is_logarithm) {}
    __device__ __forceinline__ R operator()(R x) const {
        return logarithm ? x - maximum - factor : R(exp(x - maximum)) * factor;
    }
};

enum { WARPS = 4, BLOCK = 256 };

/* A warp for each row of at most 32 ITEMS elements, which stay in registers. */
template <typename T, int ITEMS>
__global__ void __launch_bounds__(WARPS *NN_WARP)
    warp_rows(const T *x, T *y, int64_t rows, int size, bool logarithm) {
    typedef typename nn_computed<T>::type real;
    const int lane = threadIdx.x % NN_WARP, warp = threadIdx.x / NN_WARP;
    const int64_t step = static_cast<int64_t>(gridDim.x) * WARPS;
    for (int64_t row = static_cast<int64_t>(blockIdx.x) * WARPS + warp; row < rows; row += step) {
        const T *in = x + row * size;
        T *out = y + row * size;
        real held[ITEMS];
        total<real> mine = nothing<real>();
#pragma unroll
        for (int i = 0; i < ITEMS; i++) {
            const int place = i * NN_WARP + lane;
            held[i] = place < size ? nn_compute(in[place]) : static_cast<real>(-INFINITY);
        }
#pragma unroll
        for (int i = 0; i < ITEMS; i++) add(&mine, held[i]);
        const finish<real> finished(nn_join_warp(mine, join_totals<real>()), logarithm);
#pragma unroll
        for (int i = 0; i < ITEMS; i++) {
            const int place = i * NN_WARP + lane;
            if (place < size) out[place] = nn_result<T>(finished(held[i]));
        }
    }
}

/* A block for each row, which is read twice: the second time from a cache. */
template <typename T>
__global__ void __launch_bounds__(BLOCK)
    block_rows(const T *x, T *y, int64_t rows, int64_t size, bool logarithm) {
    typedef typename nn_computed<T>::type real;
    for (int64_t row = blockIdx.x; row < rows; row += gridDim.x) {
        const T *in = x + row * size;
        T *out = y + row * size;
        total<real> mine = nothing<real>();
        for (int64_t i = threadIdx.x; i < size; i += BLOCK) add(&mine, nn_compute(in[i]));
        const finish<real> finished(nn_join_block(mine, nothing<real>(), join_totals<real>()),
                                    logarithm);
        for (int64_t i = threadIdx.x; i < size; i += BLOCK)
            out[i] = nn_result<T>(finished(nn_compute(in[i])));
    }
}

/* 32 neighbouring columns for each block, whose warps share their length. */
template <typename T>
__global__ void columns(const T *x, T *y, int64_t outer, int64_t size, int64_t inner,
                        bool logarithm) {
    typedef typename nn_computed<T>::type real;
    const int64_t groups = (inner + NN_WARP - 1) / NN_WARP;
    for (int64_t group = blockIdx.x; group < outer * groups; group += gridDim.x) {
        const int64_t column = group % groups * NN_WARP + threadIdx.x;
        const bool is_there = column < inner;
        const int64_t base = group / groups * size * inner + column;
        total<real> mine = nothing<real>();
        for (int64_t i = threadIdx.y; is_there && i < size; i += NN_COLUMN_ROWS)
            add(&mine, nn_compute(x[base + i * inner]));
        const finish<real> finished(nn_join_columns(mine, join_totals<real>()), logarithm);
        for (int64_t i = threadIdx.y; is_there && i < size; i += NN_COLUMN_ROWS)
            y[base + i * inner] = nn_result<T>(finished(nn_compute(x[base + i * inner])));
    }
}

template <typename T, int ITEMS>
cudaError_t launch_warps(const nn_cuda_softmax &a, cudaStream_t stream) {
    return nn_launch(warp_rows<T, ITEMS>, nn_blocks_for((a.outer + WARPS - 1) / WARPS),
                     WARPS * NN_WARP, 0, stream, static_cast<const T *>(a.x), static_cast<T *>(a.y),
                     a.outer, a.size, a.logarithm != 0);
}

template <typename T> cudaError_t launch(const nn_cuda_softmax &a, cudaStream_t stream) {
    const T *x = static_cast<const T *>(a.x);
    T *y = static_cast<T *>(a.y);
    if (a.inner > 1) {
        const int64_t groups = (a.inner + NN_WARP - 1) / NN_WARP;
        return nn_launch(columns<T>, nn_blocks_for(a.outer * groups), dim3(NN_WARP, NN_COLUMN_ROWS),
                         0, stream, x, y, a.outer, a.size, a.inner, a.logarithm != 0);
    }
    if (a.size <= 2 * NN_WARP) return launch_warps<T, 2>(a, stream);
    if (a.size <= 8 * NN_WARP) return launch_warps<T, 8>(a, stream);
    if (a.size <= 32 * NN_WARP) return launch_warps<T, 32>(a, stream);
    return nn_launch(block_rows<T>, nn_blocks_for(a.outer), BLOCK, 0, stream, x, y, a.outer, a.size,
                     a.logarithm != 0);
}

} // namespace

cudaError_t nn_cuda_launch_softmax(const nn_cuda_softmax *arguments, cudaStream_t stream) {
    switch (arguments->type) {
#define LAUNCH(type) return launch<type>(*arguments, stream);
        NN_EACH_FLOAT_CASE(LAUNCH)
#undef LAUNCH
    default:
        return cudaErrorInvalidValue;
    }
}
