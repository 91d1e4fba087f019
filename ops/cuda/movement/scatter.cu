#include "ops/cuda/movement/scatter_launch.h"

#include "ops/cuda/elements/numbers.cuh"
#include "ops/cuda/elements/types.cuh"
#include "ops/cuda/movement/bytes.cuh"
#include "ops/cuda/runtime/index.cuh"

namespace {

constexpr int THREADS = 256;

/* NaN wins. Integers wrap; bool: sums are or, products and. */
template <typename C> __device__ __forceinline__ C reduce_numbers(int reduction, C a, C b) {
    switch (reduction) {
    case NN_CUDA_SCATTER_ADD:
        return a + b;
    case NN_CUDA_SCATTER_MUL:
        return a * b;
    case NN_CUDA_SCATTER_MAX:
        return a > b || a != a ? a : b;
    default:
        return a < b || a != a ? a : b;
    }
}

template <typename T> __device__ __forceinline__ T reduce(int reduction, T a, T b) {
    if (reduction == NN_CUDA_SCATTER_NONE) return b;
    if constexpr (!nn_is_whole<T>::value)
        return nn_result<T>(reduce_numbers(reduction, nn_compute(a), nn_compute(b)));
    else if (reduction == NN_CUDA_SCATTER_ADD || reduction == NN_CUDA_SCATTER_MUL)
        return static_cast<T>(
            reduce_numbers(reduction, static_cast<uint64_t>(a), static_cast<uint64_t>(b)));
    else
        return reduce_numbers(reduction, a, b);
}
template <> __device__ __forceinline__ bool reduce<bool>(int reduction, bool a, bool b) {
    const bool is_or = reduction == NN_CUDA_SCATTER_ADD || reduction == NN_CUDA_SCATTER_MAX;
    return is_or ? a || b : a && b;
}
template <>
__device__ __forceinline__ nn_16_bytes reduce<nn_16_bytes>(int, nn_16_bytes, nn_16_bytes b) {
    return b;
}

/* ---- in one step: the word is replaced where it is still what the result was made from ---- */

template <int BYTES> struct word;
template <> struct word<2> { typedef unsigned short type; };
template <> struct word<4> { typedef unsigned int type; };
template <> struct word<8> { typedef unsigned long long type; };

template <typename TO, typename FROM> __device__ __forceinline__ TO same_bits(FROM from) {
    union both {
        FROM from;
        TO to;
        __device__ both() {}
    } bits;
    bits.from = from;
    return bits.to;
}

template <typename T> __device__ __forceinline__ void update_at_once(int reduction, T *place, T b) {
    if constexpr (sizeof(T) == 1 || sizeof(T) == 16) {
        *place = b; /* the launcher combines such elements in order */
    } else {
        if (reduction == NN_CUDA_SCATTER_NONE) {
            *place = b;
            return;
        }
        typedef typename word<sizeof(T)>::type bits;
        bits *cell = reinterpret_cast<bits *>(place);
        bits expected = *cell, seen;
        for (;;) {
            const T result = reduce<T>(reduction, same_bits<T>(expected), b);
            seen = atomicCAS(cell, expected, same_bits<bits>(result));
            if (seen == expected) return;
            expected = seen;
        }
    }
}

/* ---- along an axis ---- */

template <typename T> __global__ void scatter_elements(nn_cuda_scatter_elements a) {
    const T *updates = static_cast<const T *>(a.updates);
    T *data = static_cast<T *>(a.data);
    for (int64_t i = nn_first(); i < a.loops.count; i += nn_stride()) {
        int64_t places[2];
        nn_locate(a.loops, i, places);
        for (int64_t k = 0; k < a.count; k++) {
            const int64_t from = places[0] + k * a.update_step;
            const int64_t index =
                nn_checked_index(nn_index_at(a.index_type, a.indices, from), a.size, a.fault);
            if (index < 0) continue;
            T *place = data + places[1] + index * a.axis_step;
            if (a.in_order)
                *place = reduce<T>(a.reduction, *place, updates[from]);
            else
                update_at_once<T>(a.reduction, place, updates[from]);
        }
    }
}

template <typename T>
cudaError_t launch_elements(const nn_cuda_scatter_elements &a, cudaStream_t stream) {
    return nn_launch(scatter_elements<T>, nn_grid_for(a.loops.count, THREADS), THREADS, 0, stream,
                     a);
}

/* ---- slices ---- */

template <typename T> __global__ void scatter_nd(nn_cuda_scatter_nd a) {
    const T *updates = static_cast<const T *>(a.updates);
    T *data = static_cast<T *>(a.data);
    const int64_t length = a.slices.length.size, rounds = a.in_order ? a.slices.count : 1;
    const int64_t total = a.in_order ? length : a.slices.count * length;
    for (int64_t i = nn_first(); i < total; i += nn_stride())
        for (int64_t round = 0; round < rounds; round++) {
            int64_t inside = i;
            const int64_t slice = a.in_order ? round : nn_divide(i, a.slices.length, &inside);
            const int64_t offset = nn_slice_offset(a.slices, slice);
            if (offset < 0) continue;
            const T update = updates[slice * length + inside];
            T *place = data + offset + inside;
            if (a.in_order)
                *place = reduce<T>(a.reduction, *place, update);
            else
                update_at_once<T>(a.reduction, place, update);
        }
}

template <typename T> cudaError_t launch_nd(const nn_cuda_scatter_nd &a, cudaStream_t stream) {
    const int64_t length = a.slices.count > 0 ? a.slices.length.size : 0;
    const int64_t threads = a.in_order ? length : a.slices.count * length;
    return nn_launch(scatter_nd<T>, nn_grid_for(threads, THREADS), THREADS, 0, stream, a);
}

} // namespace

cudaError_t nn_cuda_launch_scatter_elements(const nn_cuda_scatter_elements *arguments,
                                            cudaStream_t stream) {
    const nn_cuda_scatter_elements &a = *arguments;
    switch (a.type) {
#define LAUNCH(type) return launch_elements<type>(a, stream);
        NN_EACH_INTEGER_CASE(LAUNCH)
        NN_EACH_FLOAT_CASE(LAUNCH)
        NN_TYPE_CASE(BOOL, bool, LAUNCH)
        NN_TYPE_CASE(COMPLEX128, nn_16_bytes, LAUNCH)
#undef LAUNCH
    default:
        return cudaErrorInvalidValue;
    }
}

cudaError_t nn_cuda_launch_scatter_nd(const nn_cuda_scatter_nd *arguments, cudaStream_t stream) {
    const nn_cuda_scatter_nd &a = *arguments;
    switch (a.type) {
#define LAUNCH(type) return launch_nd<type>(a, stream);
        NN_EACH_INTEGER_CASE(LAUNCH)
        NN_EACH_FLOAT_CASE(LAUNCH)
        NN_TYPE_CASE(BOOL, bool, LAUNCH)
        NN_TYPE_CASE(COMPLEX128, nn_16_bytes, LAUNCH)
#undef LAUNCH
    default:
        return cudaErrorInvalidValue;
    }
}
