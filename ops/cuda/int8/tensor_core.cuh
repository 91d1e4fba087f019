/* The instructions behind products of bytes: on tensor cores, from shared memory, which is filled
 * while the kernel works. The emulator of the tests brings a double of each
 * (tests/cuda_emulator/emulated_tensor_core.h).
 *
 * A warp multiplies a [16 rows][32 k] by b [8 columns][32 k] and adds to sums [16][8]. Lane l, with
 * row = l / 4 and quad = l % 4, holds in registers of four bytes, the lowest k lowest:
 *
 *     a[0]  row      k 4 quad + 0..3        sums[0]  row      column 2 quad
 *     a[1]  row + 8  k 4 quad + 0..3        sums[1]  row      column 2 quad + 1
 *     a[2]  row      k 4 quad + 16..19      sums[2]  row + 8  column 2 quad
 *     a[3]  row + 8  k 4 quad + 16..19      sums[3]  row + 8  column 2 quad + 1
 *     b[0]  column row, k 4 quad + 0..3     b[1]  column row, k 4 quad + 16..19
 */
#ifndef NN_CUDA_TENSOR_CORE_CUH
#define NN_CUDA_TENSOR_CORE_CUH

#include "ops/cuda/runtime/launch.cuh"

#ifdef __CUDACC__
/* sums += a b; SIGNED: the bytes of a. Those of b are. Sums wrap. */
template <bool SIGNED>
__device__ __forceinline__ void nn_multiply_bytes(int (&sums)[4], const uint32_t (&a)[4],
                                                  const uint32_t (&b)[2]) {
    if constexpr (SIGNED)
        asm volatile("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 "
                     "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                     : "+r"(sums[0]), "+r"(sums[1]), "+r"(sums[2]), "+r"(sums[3])
                     : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
    else
        asm volatile("mma.sync.aligned.m16n8k32.row.col.s32.u8.s8.s32 "
                     "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                     : "+r"(sums[0]), "+r"(sums[1]), "+r"(sums[2]), "+r"(sums[3])
                     : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

/* Four matrices of 8 rows of 16 bytes: lane l names row l % 8 of matrix l / 8 and gets of each
 * matrix the bytes 4 (l % 4) + 0..3 of row l / 4. */
__device__ __forceinline__ void nn_load_matrices(uint32_t (&out)[4], const void *row) {
    const uint32_t address = static_cast<uint32_t>(__cvta_generic_to_shared(row));
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(out[0]), "=r"(out[1]), "=r"(out[2]), "=r"(out[3])
                 : "r"(address)
                 : "memory");
}

/* BYTES (4, 8 or 16, to which both are aligned) come to shared memory later; not wanted: zeros do,
 * and nothing is read. */
template <int BYTES>
__device__ __forceinline__ void nn_copy_async(void *shared, const void *global, bool is_wanted) {
    const uint32_t address = static_cast<uint32_t>(__cvta_generic_to_shared(shared));
    const int bytes = is_wanted ? BYTES : 0;
    if constexpr (BYTES == 16)
        asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;"
                     :
                     : "r"(address), "l"(global), "r"(bytes)
                     : "memory");
    else
        asm volatile("cp.async.ca.shared.global [%0], [%1], %3, %2;"
                     :
                     : "r"(address), "l"(global), "r"(bytes), "n"(BYTES)
                     : "memory");
}
/* The copies that this thread has started since the last call are a group, maybe an empty one. */
__device__ __forceinline__ void nn_end_copies() {
    asm volatile("cp.async.commit_group;" ::: "memory");
}
/* Until the thread's own groups are there but the last LEFT; others see them behind a barrier. */
template <int LEFT> __device__ __forceinline__ void nn_wait_copies() {
    asm volatile("cp.async.wait_group %0;" ::"n"(LEFT) : "memory");
}
#endif

#endif
