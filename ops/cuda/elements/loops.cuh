/* Walking loops on a device: where the element of an index lies in each operand, and elementwise
 * kernels over operands that are broadcast. */
#ifndef NN_CUDA_LOOPS_CUH
#define NN_CUDA_LOOPS_CUH

#include "ops/cuda/elements/loops_launch.h"
#include "ops/cuda/runtime/elements.cuh"

/* Offsets, in elements, of the element that row-major order counts as `index`. */
template <int OPERANDS>
__device__ __forceinline__ void nn_locate(const nn_cuda_loops &loops, int64_t index,
                                          int64_t (&offsets)[OPERANDS]) {
#pragma unroll
    for (int k = 0; k < OPERANDS; k++) offsets[k] = 0;
    for (int axis = loops.rank - 1; axis > 0; axis--) {
        int64_t place;
        if (loops.is_wide) {
            place = index % loops.dims[axis];
            index /= loops.dims[axis];
        } else {
            uint32_t rest;
            index = nn_divide(static_cast<uint32_t>(index), loops.divisors[axis], &rest);
            place = rest;
        }
#pragma unroll
        for (int k = 0; k < OPERANDS; k++) offsets[k] += place * loops.steps[k][axis];
    }
#pragma unroll
    for (int k = 0; k < OPERANDS; k++) offsets[k] += index * loops.steps[k][0];
}

/* place / extent, and what is left. */
__device__ __forceinline__ int64_t nn_divide(int64_t place, const nn_cuda_extent &extent,
                                             int64_t *rest) {
    if (extent.is_wide) {
        const int64_t quotient = place / extent.size;
        *rest = place - quotient * extent.size;
        return quotient;
    }
    uint32_t left;
    const uint32_t quotient = nn_divide(static_cast<uint32_t>(place), extent.divisor, &left);
    *rest = left;
    return quotient;
}

/* V elements that one access moves where p is aligned to their size together. */
template <typename T, int V> struct alignas(sizeof(T) * V) nn_pack { T items[V]; };

/* V neighbours along the innermost axis, or one element for all of them (step 0). */
template <int V, typename T>
__device__ __forceinline__ nn_pack<T, V> nn_load_pack(const T *p, int64_t step) {
    if (V > 1 && step != 0) return *reinterpret_cast<const nn_pack<T, V> *>(p);
    nn_pack<T, V> out;
    const T one = *p;
#pragma unroll
    for (int i = 0; i < V; i++) out.items[i] = one;
    return out;
}
template <int V, typename T>
__device__ __forceinline__ void nn_store_pack(T *p, const nn_pack<T, V> &pack) {
    *reinterpret_cast<nn_pack<T, V> *>(p) = pack;
}

/* ---- on the host ---- */

struct nn_operand {
    const void *data;
    int bytes; /* of an element */
};

/* Can kernels take `width` elements at once? Then a pack never leaves the innermost axis, unless it
 * is the only one, whose last pack may be short. */
inline bool nn_takes_packs(const nn_cuda_loops &loops, const nn_operand *operands, int count,
                           int width) {
    const int last = loops.rank - 1;
    if (width < 2 || (last > 0 && loops.dims[last] % width != 0)) return false;
    for (int k = 0; k < count; k++) {
        const int64_t step = loops.steps[k][last];
        if (step == 0) continue;
        if (step != 1 || reinterpret_cast<uintptr_t>(operands[k].data) %
                                 static_cast<uintptr_t>(operands[k].bytes * width) !=
                             0)
            return false;
        for (int axis = 0; axis < last; axis++)
            if (loops.steps[k][axis] % width != 0) return false;
    }
    return true;
}

/* Elements of a full access of the wider of these types. */
template <typename T, typename U = T> struct nn_pack_width {
    static constexpr int value =
        NN_CUDA_VECTOR_BYTES / static_cast<int>(sizeof(T) > sizeof(U) ? sizeof(T) : sizeof(U));
};

#endif
