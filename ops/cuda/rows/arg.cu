#include "ops/cuda/rows/arg_launch.h"

#include "ops/cuda/elements/types.cuh"
#include "ops/cuda/rows/lanes.cuh"

namespace {

enum { WARPS = 4, BLOCK = 256 };

template <typename W> struct candidate {
    W value;
    int64_t place; /* negative: none yet */
};

/* The better of two, whatever their order. */
template <typename W> struct better {
    bool largest, last;
    __device__ __forceinline__ candidate<W> operator()(candidate<W> a, candidate<W> b) const {
        if (a.place < 0 || b.place < 0) return a.place < 0 ? b : a;
        const bool odd_a = a.value != a.value, odd_b = b.value != b.value;
        if (odd_a != odd_b) return odd_a ? a : b;
        if (odd_a || a.value == b.value) return (a.place < b.place) != last ? a : b;
        return (a.value > b.value) == largest ? a : b;
    }
};

template <typename T, bool ONE_HOT> struct output {
    T *one_hot;
    int64_t *places;
    int64_t size, inner;
    __device__ __forceinline__ void put(int64_t row, int64_t place, int first, int step) const {
        if constexpr (ONE_HOT) {
            T *y = one_hot + row / inner * size * inner + row % inner;
            for (int64_t i = first; i < size; i += step)
                y[i * inner] = nn_wide<T>::store(i == place ? 1 : 0);
        } else if (first == 0) {
            places[row] = place;
        }
    }
};

/* LANES threads for each row of neighbours. */
template <typename T, bool ONE_HOT, int LANES, int THREADS>
__global__ void __launch_bounds__(THREADS)
    rows(const T *x, int64_t count, better<typename nn_wide<T>::type> best, output<T, ONE_HOT> to) {
    typedef candidate<typename nn_wide<T>::type> found;
    constexpr int side = THREADS / LANES;
    const int lane = threadIdx.x % LANES;
    for (int64_t first = static_cast<int64_t>(blockIdx.x) * side; first < count;
         first += static_cast<int64_t>(gridDim.x) * side) {
        const int64_t row = first + threadIdx.x / LANES;
        found mine = {0, -1};
        for (int64_t i = lane; row < count && i < to.size; i += LANES)
            mine = best(mine, found{nn_wide<T>::load(x[row * to.size + i]), i});
        mine = LANES > NN_WARP ? nn_join_block(mine, found{0, -1}, best) : nn_join_warp(mine, best);
        if (row < count) to.put(row, mine.place, lane, LANES);
    }
}

template <typename T, bool ONE_HOT>
__global__ void columns(const T *x, int64_t outer, better<typename nn_wide<T>::type> best,
                        output<T, ONE_HOT> to) {
    typedef candidate<typename nn_wide<T>::type> found;
    const int64_t groups = (to.inner + NN_WARP - 1) / NN_WARP;
    for (int64_t group = blockIdx.x; group < outer * groups; group += gridDim.x) {
        const int64_t column = group % groups * NN_WARP + threadIdx.x;
        const bool is_there = column < to.inner;
        const T *from = x + group / groups * to.size * to.inner + column;
        found mine = {0, -1};
        for (int64_t i = threadIdx.y; is_there && i < to.size; i += NN_COLUMN_ROWS)
            mine = best(mine, found{nn_wide<T>::load(from[i * to.inner]), i});
        mine = nn_join_columns(mine, best);
        if (is_there)
            to.put(group / groups * to.inner + column, mine.place, threadIdx.y, NN_COLUMN_ROWS);
    }
}

template <typename T, bool ONE_HOT>
cudaError_t launch_as(const nn_cuda_arg &a, cudaStream_t stream) {
    const T *x = static_cast<const T *>(a.x);
    const better<typename nn_wide<T>::type> best = {a.largest != 0, a.last != 0};
    const output<T, ONE_HOT> to = {static_cast<T *>(a.y), static_cast<int64_t *>(a.y), a.size,
                                   a.inner};
    if (a.inner > 1)
        return nn_launch(columns<T, ONE_HOT>,
                         nn_blocks_for(a.outer * ((a.inner + NN_WARP - 1) / NN_WARP)),
                         dim3(NN_WARP, NN_COLUMN_ROWS), 0, stream, x, a.outer, best, to);
    if (a.size <= 1024)
        return nn_launch(rows<T, ONE_HOT, NN_WARP, WARPS * NN_WARP>,
                         nn_blocks_for((a.outer + WARPS - 1) / WARPS), WARPS * NN_WARP, 0, stream,
                         x, a.outer, best, to);
    return nn_launch(rows<T, ONE_HOT, BLOCK, BLOCK>, nn_blocks_for(a.outer), BLOCK, 0, stream, x,
                     a.outer, best, to);
}

} // namespace

cudaError_t nn_cuda_launch_arg(const nn_cuda_arg *arguments, cudaStream_t stream) {
    const nn_cuda_arg &a = *arguments;
    if (a.one_hot) switch (a.type) {
#define LAUNCH(type) return launch_as<type, true>(a, stream);
            NN_EACH_FLOAT_CASE(LAUNCH)
#undef LAUNCH
        default:
            return cudaErrorInvalidValue;
        }
    switch (a.type) {
#define LAUNCH(type) return launch_as<type, false>(a, stream);
        NN_EACH_FLOAT_CASE(LAUNCH)
        NN_EACH_INTEGER_CASE(LAUNCH)
#undef LAUNCH
    default:
        return cudaErrorInvalidValue;
    }
}
