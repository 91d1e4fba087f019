#include "ops/cuda/rows/top_k_launch.h"

#include "ops/cuda/elements/types.cuh"
#include "ops/cuda/rows/lanes.cuh"

namespace {

enum { BLOCK = 256, LARGE_BLOCK = 1024, SORTED = 2048 /* elements that are sorted at once */ };

/* An element by its key, whose order is that of the elements: larger is better. */
struct candidate {
    uint64_t key;
    int64_t place; /* negative: none */
};

template <typename T> __device__ __forceinline__ uint64_t key_of(T x) {
    typedef typename nn_wide<T>::type wide;
    const wide value = nn_wide<T>::load(x);
    if constexpr (static_cast<wide>(0.5) != wide(0)) {
        if (value != value) return ~0ull;
        const double real = static_cast<double>(value) + 0.0; /* -0 + 0 is 0 */
        const uint64_t bits = static_cast<uint64_t>(__double_as_longlong(real));
        return bits >> 63 != 0 ? ~bits : bits | 1ull << 63;
    } else if constexpr (static_cast<wide>(-1) < wide(0)) {
        return static_cast<uint64_t>(value) ^ 1ull << 63;
    } else {
        return value;
    }
}

__device__ __forceinline__ bool is_better(const candidate &a, const candidate &b) {
    if (a.place < 0 || b.place < 0) return b.place < 0 && a.place >= 0;
    return a.key > b.key || (a.key == b.key && a.place < b.place);
}

struct better {
    __device__ __forceinline__ candidate operator()(const candidate &a, const candidate &b) const {
        return is_better(b, a) ? b : a;
    }
};

template <typename T>
__device__ __forceinline__ candidate candidate_at(const nn_cuda_top_k &a, const T *x, int64_t i) {
    const uint64_t key = key_of<T>(x[i * a.inner]);
    return {a.largest ? key : ~key, i};
}

template <typename T>
__device__ __forceinline__ void put(const nn_cuda_top_k &a, const T *x, int64_t row, int64_t rank,
                                    int64_t place) {
    const int64_t to = (row / a.inner * a.k + rank) * a.inner + row % a.inner;
    if (a.values != nullptr) static_cast<T *>(a.values)[to] = x[place * a.inner];
    if (a.places != nullptr) a.places[to] = place;
}

/* A block for each row: sorts its `size` elements, filled up to `room`, a power of two. */
template <typename T>
__global__ void __launch_bounds__(BLOCK) sort_rows(nn_cuda_top_k a, int64_t rows, int room) {
    candidate *held = nn_dynamic_shared<candidate>();
    for (int64_t row = blockIdx.x; row < rows; row += gridDim.x) {
        const T *x = static_cast<const T *>(a.x) + row / a.inner * a.size * a.inner + row % a.inner;
        __syncthreads(); /* the row before was written */
        for (int i = threadIdx.x; i < room; i += BLOCK)
            held[i] = i < a.size ? candidate_at(a, x, i) : candidate{0, -1};
        for (int length = 2; length <= room; length *= 2)
            for (int apart = length / 2; apart > 0; apart /= 2) {
                __syncthreads();
                for (int i = threadIdx.x; i < room / 2; i += BLOCK) {
                    const int low = 2 * i - (i & (apart - 1)), high = low + apart;
                    const bool descends = (low & length) == 0;
                    const candidate first = held[low], second = held[high];
                    if (is_better(descends ? second : first, descends ? first : second)) {
                        held[low] = second;
                        held[high] = first;
                    }
                }
            }
        __syncthreads();
        for (int i = threadIdx.x; i < a.k; i += BLOCK) put(a, x, row, i, held[i].place);
    }
}

/* A block for each row: finds the best that is worse than the one found before, k times. */
template <typename T>
__global__ void __launch_bounds__(LARGE_BLOCK) select_rows(nn_cuda_top_k a, int64_t rows) {
    for (int64_t row = blockIdx.x; row < rows; row += gridDim.x) {
        const T *x = static_cast<const T *>(a.x) + row / a.inner * a.size * a.inner + row % a.inner;
        candidate last = {0, -1};
        for (int64_t rank = 0; rank < a.k; rank++) {
            candidate mine = {0, -1};
            for (int64_t i = threadIdx.x; i < a.size; i += LARGE_BLOCK) {
                const candidate c = candidate_at(a, x, i);
                if ((rank == 0 || is_better(last, c)) && is_better(c, mine)) mine = c;
            }
            last = nn_join_block(mine, candidate{0, -1}, better());
            if (threadIdx.x == 0) put(a, x, row, rank, last.place);
        }
    }
}

template <typename T> cudaError_t launch(const nn_cuda_top_k &a, cudaStream_t stream) {
    const int64_t rows = a.outer * a.inner;
    if (a.size > SORTED)
        return nn_launch(select_rows<T>, nn_blocks_for(rows), LARGE_BLOCK, 0, stream, a, rows);
    int room = 2;
    while (room < a.size) room *= 2;
    return nn_launch(sort_rows<T>, nn_blocks_for(rows), BLOCK,
                     static_cast<size_t>(room) * sizeof(candidate), stream, a, rows, room);
}

/* ---- CumSum, CumProd ---- */

/* Integers wrap: they are computed as unsigned numbers. */
template <typename T> struct scanned { typedef typename nn_wide<T>::type type; };
template <> struct scanned<int32_t> { typedef uint64_t type; };
template <> struct scanned<uint32_t> { typedef uint64_t type; };
template <> struct scanned<int64_t> { typedef uint64_t type; };

template <typename T> __device__ __forceinline__ typename scanned<T>::type scan_load(T x) {
    return static_cast<typename scanned<T>::type>(nn_wide<T>::load(x));
}
template <typename T> __device__ __forceinline__ T scan_store(typename scanned<T>::type x) {
    return nn_wide<T>::store(static_cast<typename nn_wide<T>::type>(x));
}

/* A warp for each row of neighbours, 32 elements at a time. */
template <typename T> __global__ void scan_rows(nn_cuda_cumulative a) {
    typedef typename scanned<T>::type real;
    const int lane = threadIdx.x;
    const int64_t row = static_cast<int64_t>(blockIdx.x) * blockDim.y + threadIdx.y;
    const int64_t rows = static_cast<int64_t>(gridDim.x) * blockDim.y;
    for (int64_t r = row; r < a.outer; r += rows) {
        const T *x = static_cast<const T *>(a.x) + r * a.size;
        T *y = static_cast<T *>(a.y) + r * a.size;
        real carry = a.multiplies ? real(1) : real(0);
        for (int64_t begin = 0; begin < a.size; begin += NN_WARP) {
            const int64_t i = begin + lane, place = a.reverse ? a.size - 1 - i : i;
            real sum = i < a.size ? scan_load<T>(x[place]) : a.multiplies ? real(1) : real(0);
#pragma unroll
            for (int apart = 1; apart < NN_WARP; apart *= 2) {
                const real before = __shfl_up_sync(0xffffffffu, sum, apart);
                if (lane >= apart) sum = a.multiplies ? before * sum : before + sum;
            }
            real before = __shfl_up_sync(0xffffffffu, sum, 1);
            before = lane == 0 ? carry : a.multiplies ? carry * before : carry + before;
            const real after = a.multiplies ? carry * sum : carry + sum;
            if (i < a.size) y[place] = scan_store<T>(a.exclusive ? before : after);
            carry = __shfl_sync(0xffffffffu, after, NN_WARP - 1);
        }
    }
}

/* A thread for each column. */
template <typename T> __global__ void scan_columns(nn_cuda_cumulative a) {
    typedef typename scanned<T>::type real;
    for (int64_t column = nn_first(); column < a.outer * a.inner; column += nn_stride()) {
        const int64_t base = column / a.inner * a.size * a.inner + column % a.inner;
        const T *x = static_cast<const T *>(a.x) + base;
        T *y = static_cast<T *>(a.y) + base;
        real carry = a.multiplies ? real(1) : real(0);
        for (int64_t i = 0; i < a.size; i++) {
            const int64_t place = (a.reverse ? a.size - 1 - i : i) * a.inner;
            const real own = scan_load<T>(x[place]);
            const real after = a.multiplies ? carry * own : carry + own;
            y[place] = scan_store<T>(a.exclusive ? carry : after);
            carry = after;
        }
    }
}

template <typename T> cudaError_t launch_scan(const nn_cuda_cumulative &a, cudaStream_t stream) {
    enum { ROWS = 4 };
    if (a.inner == 1)
        return nn_launch(scan_rows<T>, nn_blocks_for((a.outer + ROWS - 1) / ROWS),
                         dim3(NN_WARP, ROWS), 0, stream, a);
    return nn_launch(scan_columns<T>, nn_grid_for(a.outer * a.inner, 128), 128, 0, stream, a);
}

} // namespace

cudaError_t nn_cuda_launch_top_k(const nn_cuda_top_k *arguments, cudaStream_t stream) {
    switch (arguments->type) {
#define LAUNCH(type) return launch<type>(*arguments, stream);
        NN_EACH_FLOAT_CASE(LAUNCH)
        NN_EACH_INTEGER_CASE(LAUNCH)
#undef LAUNCH
    default:
        return cudaErrorInvalidValue;
    }
}

cudaError_t nn_cuda_launch_cumulative(const nn_cuda_cumulative *arguments, cudaStream_t stream) {
    switch (arguments->type) {
#define LAUNCH(type) return launch_scan<type>(*arguments, stream);
        NN_EACH_FLOAT_CASE(LAUNCH)
        NN_TYPE_CASE(INT32, int32_t, LAUNCH)
        NN_TYPE_CASE(INT64, int64_t, LAUNCH)
        NN_TYPE_CASE(UINT32, uint32_t, LAUNCH)
        NN_TYPE_CASE(UINT64, uint64_t, LAUNCH)
#undef LAUNCH
    default:
        return cudaErrorInvalidValue;
    }
}
