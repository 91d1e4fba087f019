#include "ops/cuda/rows/reduce_launch.h"

#include "ops/cuda/elements/types.cuh"
#include "ops/cuda/rows/lanes.cuh"

namespace {

enum { WARPS = 4, BLOCK = 256 };

__device__ __forceinline__ int64_t offset_of(const nn_cuda_axes &axes, int64_t place) {
    if (axes.rank == 0) return 0;
    int64_t offset = 0;
    for (int axis = axes.rank - 1; axis > 0; axis--) {
        const int64_t rest = place / axes.dims[axis];
        offset += (place - rest * axes.dims[axis]) * axes.steps[axis];
        place = rest;
    }
    return offset + place * axes.steps[0];
}

/* ---- reductions: start, step, join, finish; `sum` is what has come together ---- */

template <typename W> __device__ __forceinline__ W lowest() {
    if constexpr (static_cast<W>(0.5) != W(0))
        return static_cast<W>(-INFINITY);
    else
        return static_cast<W>(-1) < W(0) ? static_cast<W>(1ull << 63) : W(0);
}
template <typename W> __device__ __forceinline__ W highest() {
    if constexpr (static_cast<W>(0.5) != W(0))
        return static_cast<W>(INFINITY);
    else
        return static_cast<W>(-1) < W(0) ? static_cast<W>(~(1ull << 63)) : static_cast<W>(~0ull);
}

/* Integers wrap: they are added and multiplied as unsigned numbers. */
template <typename W> __device__ __forceinline__ W plus(W a, W b) {
    return a + b;
}
template <> __device__ __forceinline__ int64_t plus(int64_t a, int64_t b) {
    return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}
template <typename W> __device__ __forceinline__ W times(W a, W b) {
    return a * b;
}
template <> __device__ __forceinline__ int64_t times(int64_t a, int64_t b) {
    return static_cast<int64_t>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
}

template <typename W> struct simple {
    typedef W state;
    int reduction;
    __device__ __forceinline__ W start() const {
        switch (reduction) {
        case NN_CUDA_REDUCE_MAX:
            return lowest<W>();
        case NN_CUDA_REDUCE_MIN:
            return highest<W>();
        default:
            return reduction == NN_CUDA_REDUCE_PROD ? W(1) : W(0);
        }
    }
    __device__ __forceinline__ W operator()(W sum, W x) const { /* join */
        switch (reduction) {
        case NN_CUDA_REDUCE_MAX: /* NaN stays */
            return x > sum || x != x ? x : sum;
        case NN_CUDA_REDUCE_MIN:
            return x < sum || x != x ? x : sum;
        case NN_CUDA_REDUCE_PROD:
            return times(sum, x);
        default:
            return plus(sum, x);
        }
    }
    __device__ __forceinline__ void step(W *sum, W x) const {
        if constexpr (static_cast<W>(-1) < W(0))
            if (reduction == NN_CUDA_REDUCE_L1 && x < W(0)) x = times(x, static_cast<W>(-1));
        if (reduction == NN_CUDA_REDUCE_L2 || reduction == NN_CUDA_REDUCE_SUM_SQUARE)
            x = times(x, x);
        *sum = (*this)(*sum, x);
    }
    __device__ __forceinline__ W finish(W sum, int64_t reduced) const {
        if constexpr (static_cast<W>(0.5) != W(0)) {
            if (reduction == NN_CUDA_REDUCE_MEAN) return sum / static_cast<W>(reduced);
            if (reduction == NN_CUDA_REDUCE_L2) return sqrt(sum);
            if (reduction == NN_CUDA_REDUCE_LOG_SUM) return log(sum);
        } else if (reduction == NN_CUDA_REDUCE_MEAN && reduced > 0) {
            return sum / static_cast<W>(reduced);
        }
        return sum;
    }
};

template <typename W> struct exponentials {
    struct state {
        W maximum, sum;
    };
    __device__ __forceinline__ state start() const { return {static_cast<W>(-INFINITY), W(0)}; }
    __device__ __forceinline__ state operator()(state a, state b) const {
        const W maximum = b.maximum > a.maximum ? b.maximum : a.maximum;
        if (a.maximum < maximum) a.sum *= exp(a.maximum - maximum);
        if (b.maximum < maximum) b.sum *= exp(b.maximum - maximum);
        return {maximum, a.sum + b.sum};
    }
    /* Infinities: the largest of all, or nothing. */
    __device__ __forceinline__ void step(state *t, W x) const {
        if (x == static_cast<W>(-INFINITY)) return;
        *t = (*this)(*t, state{x, x != x ? x : W(1)});
    }
    __device__ __forceinline__ W finish(state t, int64_t) const {
        return t.sum == W(0) ? static_cast<W>(-INFINITY) : t.maximum + W(log(t.sum));
    }
};

/* ---- kernels ---- */

template <typename T, typename OP> struct target {
    OP op;
    T *y;
    typename OP::state *parts;
    int splits;
    int64_t reduced;
    __device__ __forceinline__ void put(int64_t output, int split, typename OP::state sum) const {
        if (parts != nullptr)
            parts[output * splits + split] = sum;
        else
            y[output] = nn_wide<T>::store(op.finish(sum, reduced));
    }
};

/* LANES threads for each output. */
template <typename T, typename OP, int LANES, int THREADS>
__global__ void __launch_bounds__(THREADS)
    rows(const T *x, nn_cuda_axes kept, nn_cuda_axes reduced, target<T, OP> to) {
    const int lane = threadIdx.x % LANES;
    constexpr int side = THREADS / LANES;
    const int64_t part = (reduced.count + to.splits - 1) / to.splits;
    const int64_t begin = blockIdx.y * part;
    const int64_t end = begin + part < reduced.count ? begin + part : reduced.count;
    for (int64_t first = static_cast<int64_t>(blockIdx.x) * side; first < kept.count;
         first += static_cast<int64_t>(gridDim.x) * side) {
        const int64_t output = first + threadIdx.x / LANES;
        typename OP::state sum = to.op.start();
        if (output < kept.count) {
            const T *from = x + offset_of(kept, output);
#pragma unroll 4
            for (int64_t i = begin + lane; i < end; i += LANES)
                to.op.step(&sum, nn_wide<T>::load(from[offset_of(reduced, i)]));
        }
        sum = LANES > NN_WARP ? nn_join_block(sum, to.op.start(), to.op) : nn_join_warp(sum, to.op);
        if (lane == 0 && output < kept.count) to.put(output, blockIdx.y, sum);
    }
}

/* 32 neighbouring outputs for each block. */
template <typename T, typename OP>
__global__ void columns(const T *x, nn_cuda_axes kept, nn_cuda_axes reduced, target<T, OP> to) {
    const int64_t part = (reduced.count + to.splits - 1) / to.splits;
    const int64_t begin = blockIdx.y * part;
    const int64_t end = begin + part < reduced.count ? begin + part : reduced.count;
    for (int64_t first = static_cast<int64_t>(blockIdx.x) * NN_WARP; first < kept.count;
         first += static_cast<int64_t>(gridDim.x) * NN_WARP) {
        const int64_t output = first + threadIdx.x;
        typename OP::state sum = to.op.start();
        if (output < kept.count) {
            const T *from = x + offset_of(kept, output);
#pragma unroll 4
            for (int64_t i = begin + threadIdx.y; i < end; i += NN_COLUMN_ROWS)
                to.op.step(&sum, nn_wide<T>::load(from[offset_of(reduced, i)]));
        }
        sum = nn_join_columns(sum, to.op);
        if (threadIdx.y == 0 && output < kept.count) to.put(output, blockIdx.y, sum);
    }
}

template <typename T, typename OP>
__global__ void join_parts(int64_t outputs, const typename OP::state *parts, int splits,
                           target<T, OP> to) {
    for (int64_t i = nn_first(); i < outputs; i += nn_stride()) {
        typename OP::state sum = to.op.start();
        for (int k = 0; k < splits; k++) sum = to.op(sum, parts[i * splits + k]);
        to.put(i, 0, sum);
    }
}

template <typename T, typename OP>
cudaError_t launch_as(const nn_cuda_reduce &a, OP op, cudaStream_t stream) {
    typedef typename OP::state state;
    static_assert(sizeof(state) <= NN_CUDA_REDUCE_PART, "fits");
    const T *x = static_cast<const T *>(a.x);
    state *parts = a.splits > 1 ? static_cast<state *>(a.parts) : nullptr;
    target<T, OP> to = {op, static_cast<T *>(a.y), parts, a.splits, a.reduced.count};
    const unsigned splits = static_cast<unsigned>(a.splits);
    cudaError_t error;
    if (!a.by_rows)
        error = nn_launch(columns<T, OP>,
                          dim3(nn_blocks_for((a.kept.count + NN_WARP - 1) / NN_WARP), splits),
                          dim3(NN_WARP, NN_COLUMN_ROWS), 0, stream, x, a.kept, a.reduced, to);
    else if (a.reduced.count / a.splits <= 1024)
        error = nn_launch(rows<T, OP, NN_WARP, WARPS * NN_WARP>,
                          dim3(nn_blocks_for((a.kept.count + WARPS - 1) / WARPS), splits),
                          WARPS * NN_WARP, 0, stream, x, a.kept, a.reduced, to);
    else
        error = nn_launch(rows<T, OP, BLOCK, BLOCK>, dim3(nn_blocks_for(a.kept.count), splits),
                          BLOCK, 0, stream, x, a.kept, a.reduced, to);
    if (error != cudaSuccess || parts == nullptr) return error;
    to.parts = nullptr;
    return nn_launch(join_parts<T, OP>, nn_grid_for(a.kept.count, 128), 128, 0, stream,
                     a.kept.count, parts, a.splits, to);
}

template <typename T> cudaError_t launch(const nn_cuda_reduce &a, cudaStream_t stream) {
    typedef typename nn_wide<T>::type wide;
    if constexpr (static_cast<wide>(0.5) != wide(0))
        if (a.reduction == NN_CUDA_REDUCE_LOG_SUM_EXP)
            return launch_as<T>(a, exponentials<wide>{}, stream);
    return launch_as<T>(a, simple<wide>{a.reduction}, stream);
}

} // namespace

cudaError_t nn_cuda_launch_reduce(const nn_cuda_reduce *arguments, cudaStream_t stream) {
    if (arguments->kept.count == 0) return cudaSuccess;
    switch (arguments->type) {
#define LAUNCH(type) return launch<type>(*arguments, stream);
        NN_EACH_FLOAT_CASE(LAUNCH)
        NN_EACH_INTEGER_CASE(LAUNCH)
        NN_TYPE_CASE(BOOL, uint8_t, LAUNCH)
#undef LAUNCH
    default:
        return cudaErrorInvalidValue;
    }
}
