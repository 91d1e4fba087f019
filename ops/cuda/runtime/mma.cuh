/* Products of halves on tensor cores. The emulator of the tests brings a double
 * (tests/cuda_emulator/emulated_mma.h).
 *
 * A warp multiplies a [16 rows][16 k] by b [8 columns][16 k] and adds to sums [16][8]. Lane l, with
 * row = l / 4 and quad = l % 4, holds pairs of T, the lower k lower:
 *
 *     a[0]  row      k 2 quad, + 1         sums[0]  row      column 2 quad
 *     a[1]  row + 8  k 2 quad, + 1         sums[1]  row      column 2 quad + 1
 *     a[2]  row      k 2 quad + 8, + 9     sums[2]  row + 8  column 2 quad
 *     a[3]  row + 8  k 2 quad + 8, + 9     sums[3]  row + 8  column 2 quad + 1
 *     b[0]  column row, k 2 quad, + 1      b[1]  column row, k 2 quad + 8, + 9
 */
#ifndef NN_CUDA_MMA_CUH
#define NN_CUDA_MMA_CUH

#include "ops/cuda/runtime/elements.cuh"

#include <string.h>

template <typename A, typename B> struct nn_is_same { static constexpr bool value = false; };
template <typename A> struct nn_is_same<A, A> { static constexpr bool value = true; };

/* Two neighbours as the registers above hold them. */
template <typename T> __device__ __forceinline__ uint32_t nn_pair(float low, float high) {
    const T pair[2] = {nn_from_float<T>(low), nn_from_float<T>(high)};
    uint32_t out;
    memcpy(&out, pair, sizeof out);
    return out;
}
/* From memory that is aligned to 4 bytes. */
template <typename T> __device__ __forceinline__ uint32_t nn_load_pair(const T *p) {
    return *reinterpret_cast<const uint32_t *>(p);
}

#ifdef __CUDACC__
/* sums += a b; T: __half or __nv_bfloat16. */
template <typename T>
__device__ __forceinline__ void nn_multiply_halves(float (&sums)[4], const uint32_t (&a)[4],
                                                   uint32_t b0, uint32_t b1) {
    if constexpr (nn_is_same<T, __half>::value)
        asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
                     "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                     : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
                     : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
    else
        asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
                     "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                     : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
                     : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

/* Four matrices of 8 rows of 8 T in shared memory, transposed: lane l names row l % 8 of matrix
 * l / 8, aligned to 16 bytes, and gets of each matrix column l / 4 of rows 2 (l % 4), + 1. */
template <typename T>
__device__ __forceinline__ void nn_load_transposed(uint32_t (&out)[4], const T *row) {
    const uint32_t address = static_cast<uint32_t>(__cvta_generic_to_shared(row));
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(out[0]), "=r"(out[1]), "=r"(out[2]), "=r"(out[3])
                 : "r"(address)
                 : "memory");
}
#else
#    include "emulated_mma.h"
#endif

#endif
