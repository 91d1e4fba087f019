#include "ops/cuda/rows/normalize_launch.h"

#include "ops/cuda/elements/numbers.cuh"
#include "ops/cuda/elements/types.cuh"
#include "ops/cuda/rows/lanes.cuh"

namespace {

enum { WARPS = 4, BLOCK = 256, LARGE_BLOCK = 1024 };

template <typename R> struct add {
    __device__ __forceinline__ R operator()(R a, R b) const { return a + b; }
};

/* Parameters have types of their own. */
template <typename R>
__device__ __forceinline__ R real_at(nnopt_type type, const void *data, int64_t i) {
    if constexpr (sizeof(R) == sizeof(double))
        return nn_number_at(type, data, i);
    else
        return nn_float_at(type, data, i);
}
template <typename R>
__device__ __forceinline__ void put_real(nnopt_type type, void *data, int64_t i, R x) {
    if (type == NNOPT_DOUBLE)
        static_cast<double *>(data)[i] = static_cast<double>(x);
    else if (type == NNOPT_FLOAT16)
        nn_store(static_cast<__half *>(data) + i, static_cast<float>(x));
    else if (type == NNOPT_BFLOAT16)
        nn_store(static_cast<__nv_bfloat16 *>(data) + i, static_cast<float>(x));
    else
        static_cast<float *>(data)[i] = static_cast<float>(x);
}

/* What a row is normalised with. */
template <typename R> struct moments { R mean, factor; };

template <typename R>
__device__ __forceinline__ moments<R> moments_of(const nn_cuda_normalize &a, int64_t row, R mean,
                                                 R squares, bool writes) {
    const R variance = squares / static_cast<R>(a.size);
    const moments<R> out = {mean, R(1) / R(sqrt(variance + static_cast<R>(a.epsilon)))};
    if (writes && a.mean != nullptr) put_real(a.statistics_type, a.mean, row, out.mean);
    if (writes && a.inverse_deviation != nullptr)
        put_real(a.statistics_type, a.inverse_deviation, row, out.factor);
    return out;
}

template <typename R>
__device__ __forceinline__ R normalized(const nn_cuda_normalize &a, const moments<R> &m, R x,
                                        int64_t parameter) {
    const R scaled = (x - m.mean) * m.factor * real_at<R>(a.scale_type, a.scale, parameter);
    return a.bias == nullptr ? scaled : scaled + real_at<R>(a.bias_type, a.bias, parameter);
}

/* The parameter of place i of a row whose own start at `first`. */
__device__ __forceinline__ int64_t parameter_of(const nn_cuda_normalize &a, int64_t first,
                                                int64_t i) {
    if (a.run == 1 && a.period == a.size) return first + i;
    return first + i / a.run % a.period;
}

/* A warp for each dense row of at most 32 ITEMS elements, which stay in registers: the sum of
 * squares is that of deviations. */
template <typename X, typename Y, int ITEMS>
__global__ void __launch_bounds__(WARPS *NN_WARP) warp_rows(nn_cuda_normalize a) {
    typedef typename nn_computed<X>::type real;
    const int lane = threadIdx.x % NN_WARP, size = static_cast<int>(a.size);
    const int64_t step = static_cast<int64_t>(gridDim.x) * WARPS;
    for (int64_t row = static_cast<int64_t>(blockIdx.x) * WARPS + threadIdx.x / NN_WARP;
         row < a.rows; row += step) {
        const X *x = static_cast<const X *>(a.x) + row * size;
        Y *y = static_cast<Y *>(a.y) + row * size;
        real held[ITEMS], sum = 0, squares = 0;
#pragma unroll
        for (int i = 0; i < ITEMS; i++) {
            const int place = i * NN_WARP + lane;
            held[i] = place < size ? nn_compute(x[place]) : real(0);
        }
#pragma unroll
        for (int i = 0; i < ITEMS; i++) sum += held[i];
        const real mean =
            a.is_rms ? real(0) : nn_join_warp(sum, add<real>()) / static_cast<real>(size);
#pragma unroll
        for (int i = 0; i < ITEMS; i++) {
            const real rest = i * NN_WARP + lane < size ? held[i] - mean : real(0);
            squares += rest * rest;
        }
        squares = nn_join_warp(squares, add<real>());
        const moments<real> m = moments_of(a, row, mean, squares, lane == 0);
        const int64_t first = row % a.row_periods * a.period;
#pragma unroll
        for (int i = 0; i < ITEMS; i++) {
            const int place = i * NN_WARP + lane;
            if (place < size)
                y[place] = nn_result<Y>(normalized(a, m, held[i], parameter_of(a, first, place)));
        }
    }
}

/* A block for each row, which is read three times: from a cache but for the first. */
template <typename X, typename Y, int THREADS>
__global__ void __launch_bounds__(THREADS) block_rows(nn_cuda_normalize a) {
    typedef typename nn_computed<X>::type real;
    for (int64_t row = blockIdx.x; row < a.rows; row += gridDim.x) {
        const int64_t base = row / a.rows_per_block * (a.size / a.width) * a.stride +
                             row % a.rows_per_block * a.width;
        const bool dense = a.width == a.size;
        const X *x = static_cast<const X *>(a.x) + base;
        Y *y = static_cast<Y *>(a.y) + base;
        real mean = 0, sum = 0;
        for (int64_t i = threadIdx.x; !a.is_rms && i < a.size; i += THREADS)
            sum += nn_compute(x[dense ? i : i / a.width * a.stride + i % a.width]);
        if (!a.is_rms) mean = nn_join_block(sum, real(0), add<real>()) / static_cast<real>(a.size);
        sum = 0;
        for (int64_t i = threadIdx.x; i < a.size; i += THREADS) {
            const real rest =
                nn_compute(x[dense ? i : i / a.width * a.stride + i % a.width]) - mean;
            sum += rest * rest;
        }
        sum = nn_join_block(sum, real(0), add<real>());
        const moments<real> m = moments_of(a, row, mean, sum, threadIdx.x == 0);
        const int64_t first = row % a.row_periods * a.period;
        for (int64_t i = threadIdx.x; i < a.size; i += THREADS) {
            const int64_t place = dense ? i : i / a.width * a.stride + i % a.width;
            y[place] =
                nn_result<Y>(normalized(a, m, nn_compute(x[place]), parameter_of(a, first, i)));
        }
    }
}

/* Rows side by side (width 1): 32 of them for each block, whose warps share their length. */
template <typename X, typename Y> __global__ void columns(nn_cuda_normalize a) {
    typedef typename nn_computed<X>::type real;
    const int64_t groups = (a.rows_per_block + NN_WARP - 1) / NN_WARP;
    const int64_t blocks = a.rows / a.rows_per_block;
    for (int64_t group = blockIdx.x; group < blocks * groups; group += gridDim.x) {
        const int64_t beside = group % groups * NN_WARP + threadIdx.x;
        const bool is_there = beside < a.rows_per_block;
        const int64_t base = group / groups * a.size * a.stride + beside;
        const int64_t row = group / groups * a.rows_per_block + beside;
        const X *x = static_cast<const X *>(a.x) + base;
        Y *y = static_cast<Y *>(a.y) + base;
        real mean = 0, sum = 0;
        for (int64_t i = threadIdx.y; is_there && i < a.size; i += NN_COLUMN_ROWS)
            sum += nn_compute(x[i * a.stride]);
        if (!a.is_rms) mean = nn_join_columns(sum, add<real>()) / static_cast<real>(a.size);
        sum = 0;
        for (int64_t i = threadIdx.y; is_there && i < a.size; i += NN_COLUMN_ROWS) {
            const real rest = nn_compute(x[i * a.stride]) - mean;
            sum += rest * rest;
        }
        sum = nn_join_columns(sum, add<real>());
        if (!is_there) continue;
        const moments<real> m = moments_of(a, row, mean, sum, threadIdx.y == 0);
        const int64_t first = row % a.row_periods * a.period;
        for (int64_t i = threadIdx.y; i < a.size; i += NN_COLUMN_ROWS)
            y[i * a.stride] = nn_result<Y>(
                normalized(a, m, nn_compute(x[i * a.stride]), parameter_of(a, first, i)));
    }
}

template <typename X, typename Y>
cudaError_t launch(const nn_cuda_normalize &a, cudaStream_t stream) {
    const unsigned warps = nn_blocks_for((a.rows + WARPS - 1) / WARPS);
    if (a.width == 1 && a.rows_per_block > 1) {
        const int64_t groups = (a.rows_per_block + NN_WARP - 1) / NN_WARP;
        return nn_launch(columns<X, Y>, nn_blocks_for(a.rows / a.rows_per_block * groups),
                         dim3(NN_WARP, NN_COLUMN_ROWS), 0, stream, a);
    }
    if (a.width == a.size && a.size <= 8 * NN_WARP)
        return nn_launch(warp_rows<X, Y, 8>, warps, WARPS * NN_WARP, 0, stream, a);
    if (a.width == a.size && a.size <= 32 * NN_WARP)
        return nn_launch(warp_rows<X, Y, 32>, warps, WARPS * NN_WARP, 0, stream, a);
    if (a.size < 32 * LARGE_BLOCK)
        return nn_launch(block_rows<X, Y, BLOCK>, nn_blocks_for(a.rows), BLOCK, 0, stream, a);
    return nn_launch(block_rows<X, Y, LARGE_BLOCK>, nn_blocks_for(a.rows), LARGE_BLOCK, 0, stream,
                     a);
}

/* y is like x, or float beside a half type. */
template <typename X> cudaError_t launch_to(const nn_cuda_normalize &a, cudaStream_t stream) {
    if (a.y_type == a.x_type) return launch<X, X>(a, stream);
    if constexpr (sizeof(X) == 2)
        if (a.y_type == NNOPT_FLOAT) return launch<X, float>(a, stream);
    if constexpr (sizeof(X) == 4) {
        if (a.y_type == NNOPT_FLOAT16) return launch<X, __half>(a, stream);
        if (a.y_type == NNOPT_BFLOAT16) return launch<X, __nv_bfloat16>(a, stream);
    }
    return cudaErrorInvalidValue;
}

/* ---- BatchNormalization ---- */

/* Channels last where inner is 1. */
template <typename T> __global__ void batch_normalize(nn_cuda_batch_normalize a, int64_t count) {
    typedef typename nn_computed<T>::type real;
    const T *x = static_cast<const T *>(a.x);
    T *y = static_cast<T *>(a.y);
    for (int64_t i = nn_first(); i < count; i += nn_stride()) {
        const int64_t channel = i / a.inner % a.channels;
        const real variance = real_at<real>(a.parameter_types[3], a.parameters[3], channel);
        const real factor = real(1) / real(sqrt(variance + static_cast<real>(a.epsilon))) *
                            real_at<real>(a.parameter_types[0], a.parameters[0], channel);
        const real shift = real_at<real>(a.parameter_types[1], a.parameters[1], channel) -
                           real_at<real>(a.parameter_types[2], a.parameters[2], channel) * factor;
        y[i] = nn_result<T>(nn_compute(x[i]) * factor + shift);
    }
}

template <typename T>
cudaError_t launch_batch(const nn_cuda_batch_normalize &a, cudaStream_t stream) {
    const int64_t count = a.outer * a.channels * a.inner;
    return nn_launch(batch_normalize<T>, nn_grid_for(count, BLOCK), BLOCK, 0, stream, a, count);
}

} // namespace

cudaError_t nn_cuda_launch_normalize(const nn_cuda_normalize *arguments, cudaStream_t stream) {
    switch (arguments->x_type) {
#define LAUNCH(type) return launch_to<type>(*arguments, stream);
        NN_EACH_FLOAT_CASE(LAUNCH)
#undef LAUNCH
    default:
        return cudaErrorInvalidValue;
    }
}

cudaError_t nn_cuda_launch_batch_normalize(const nn_cuda_batch_normalize *arguments,
                                           cudaStream_t stream) {
    switch (arguments->type) {
#define LAUNCH(type) return launch_batch<type>(*arguments, stream);
        NN_EACH_FLOAT_CASE(LAUNCH)
#undef LAUNCH
    default:
        return cudaErrorInvalidValue;
    }
}
