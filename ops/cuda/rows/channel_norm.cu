#include "ops/cuda/rows/channel_norm_launch.h"

#include "ops/cuda/elements/types.cuh"
#include "ops/cuda/rows/lanes.cuh"

namespace {

enum { BLOCK = 256 };

/* ---- LRN: neighbours come from a cache ---- */

template <typename T> __global__ void lrn(nn_cuda_lrn a, int64_t count) {
    typedef typename nn_computed<T>::type real;
    const T *x = static_cast<const T *>(a.x);
    T *y = static_cast<T *>(a.y);
    const real alpha = static_cast<real>(a.alpha), bias = static_cast<real>(a.bias);
    for (int64_t i = nn_first(); i < count; i += nn_stride()) {
        const int64_t channel = i / a.inner % a.channels, base = i - channel * a.inner;
        const int64_t first = channel > a.before ? channel - a.before : 0;
        const int64_t end = a.channels - channel > a.after ? channel + a.after + 1 : a.channels;
        real squares = 0;
        for (int64_t other = first; other < end; other++) {
            const real value = nn_compute(x[base + other * a.inner]);
            squares += value * value;
        }
        const real sum = bias + alpha * squares;
        const real divisor = a.beta == 0.75 ? real(sqrt(sum)) * real(sqrt(real(sqrt(sum))))
                                            : real(pow(sum, static_cast<real>(a.beta)));
        y[i] = nn_result<T>(nn_compute(x[i]) / divisor);
    }
}

template <typename T> cudaError_t launch_lrn(const nn_cuda_lrn &a, cudaStream_t stream) {
    const int64_t count = a.outer * a.channels * a.inner;
    return nn_launch(lrn<T>, nn_grid_for(count, BLOCK), BLOCK, 0, stream, a, count);
}

/* ---- LpNormalization ---- */

template <typename R> struct add {
    __device__ __forceinline__ R operator()(R a, R b) const { return a + b; }
};

template <typename R> __device__ __forceinline__ R magnitude(R x, int squares) {
    return squares ? x * x : R(fabs(x));
}
template <typename R> __device__ __forceinline__ R factor_of(R sum, int squares) {
    if (sum == R(0)) return R(0);
    return R(1) / (squares ? R(sqrt(sum)) : sum);
}

/* A block for each row of neighbours. */
template <typename T> __global__ void __launch_bounds__(BLOCK) lp_rows(nn_cuda_lp_normalize a) {
    typedef typename nn_computed<T>::type real;
    for (int64_t row = blockIdx.x; row < a.outer; row += gridDim.x) {
        const T *x = static_cast<const T *>(a.x) + row * a.size;
        T *y = static_cast<T *>(a.y) + row * a.size;
        real sum = 0;
        for (int64_t i = threadIdx.x; i < a.size; i += blockDim.x)
            sum += magnitude(nn_compute(x[i]), a.squares);
        const real factor = factor_of(nn_join_block(sum, real(0), add<real>()), a.squares);
        for (int64_t i = threadIdx.x; i < a.size; i += blockDim.x)
            y[i] = nn_result<T>(nn_compute(x[i]) * factor);
    }
}

/* 32 neighbouring columns for each block, whose warps share their length. */
template <typename T> __global__ void lp_columns(nn_cuda_lp_normalize a) {
    typedef typename nn_computed<T>::type real;
    const int64_t groups = (a.inner + NN_WARP - 1) / NN_WARP;
    for (int64_t group = blockIdx.x; group < a.outer * groups; group += gridDim.x) {
        const int64_t column = group % groups * NN_WARP + threadIdx.x;
        const int64_t base = group / groups * a.size * a.inner + column;
        const T *x = static_cast<const T *>(a.x) + base;
        T *y = static_cast<T *>(a.y) + base;
        const int64_t size = column < a.inner ? a.size : 0;
        real sum = 0;
        for (int64_t i = threadIdx.y; i < size; i += NN_COLUMN_ROWS)
            sum += magnitude(nn_compute(x[i * a.inner]), a.squares);
        const real factor = factor_of(nn_join_columns(sum, add<real>()), a.squares);
        for (int64_t i = threadIdx.y; i < size; i += NN_COLUMN_ROWS)
            y[i * a.inner] = nn_result<T>(nn_compute(x[i * a.inner]) * factor);
    }
}

template <typename T> cudaError_t launch_lp(const nn_cuda_lp_normalize &a, cudaStream_t stream) {
    const int threads = a.size < BLOCK ? static_cast<int>(NN_WARP) : static_cast<int>(BLOCK);
    if (a.inner == 1) return nn_launch(lp_rows<T>, nn_blocks_for(a.outer), threads, 0, stream, a);
    const int64_t groups = (a.inner + NN_WARP - 1) / NN_WARP;
    return nn_launch(lp_columns<T>, nn_blocks_for(a.outer * groups), dim3(NN_WARP, NN_COLUMN_ROWS),
                     0, stream, a);
}

} // namespace

cudaError_t nn_cuda_launch_lrn(const nn_cuda_lrn *arguments, cudaStream_t stream) {
    switch (arguments->type) {
#define LAUNCH(type) return launch_lrn<type>(*arguments, stream);
        NN_EACH_FLOAT_CASE(LAUNCH)
#undef LAUNCH
    default:
        return cudaErrorInvalidValue;
    }
}

cudaError_t nn_cuda_launch_lp_normalize(const nn_cuda_lp_normalize *arguments,
                                        cudaStream_t stream) {
    switch (arguments->type) {
#define LAUNCH(type) return launch_lp<type>(*arguments, stream);
        NN_EACH_FLOAT_CASE(LAUNCH)
#undef LAUNCH
    default:
        return cudaErrorInvalidValue;
    }
}
