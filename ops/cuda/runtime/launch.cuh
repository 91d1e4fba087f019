/* What every .cu file includes first: CUDA, and how a kernel is launched.
 *
 * Compiled by nvcc it is for a device. Any other compiler takes the emulator of the tests
 * (tests/cuda_emulator), which offers the part of CUDA that our kernels may use. */
#ifndef NN_CUDA_LAUNCH_CUH
#define NN_CUDA_LAUNCH_CUH

#include <cuda_runtime.h>
#include <stdint.h>

/* Notes for reports what was launched last by this thread (queue.c). */
extern "C" void nn_cuda_note_launch(const void *kernel, int threads, size_t shared_bytes);

#ifdef __CUDACC__
/* A block's static shared memory and what may be asked for without a word: a limit of CUDA's. */
enum { NN_PLAIN_SHARED_BYTES = 48 * 1024 };

template <typename... P>
cudaError_t nn_launch_converted(void (*kernel)(P...), dim3 grid, dim3 block, size_t shared_bytes,
                                cudaStream_t stream, P... arguments) {
    const void *function = reinterpret_cast<const void *>(kernel);
    void *pointers[] = {const_cast<void *>(static_cast<const volatile void *>(&arguments))...,
                        nullptr};
    if (shared_bytes > NN_PLAIN_SHARED_BYTES) {
        cudaError_t error = cudaFuncSetAttribute(
            function, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared_bytes));
        if (error != cudaSuccess) return error;
    }
    nn_cuda_note_launch(function, static_cast<int>(block.x * block.y * block.z), shared_bytes);
    return cudaLaunchKernel(function, grid, block, pointers, shared_bytes, stream);
}

/* The dynamic shared memory of the block, aligned to 16 bytes. */
template <typename T> __device__ T *nn_dynamic_shared() {
    extern __shared__ __align__(16) unsigned char nn_dynamic_shared_bytes[];
    return reinterpret_cast<T *>(nn_dynamic_shared_bytes);
}
#else
#    include "emulated_device.h" /* defines both */
#endif

/* Launches kernel(arguments...), which are converted to its parameters. Grids of no block are no
 * launch. */
template <typename... P, typename... A>
cudaError_t nn_launch(void (*kernel)(P...), dim3 grid, dim3 block, size_t shared_bytes,
                      cudaStream_t stream, A... arguments) {
    if (grid.x == 0 || grid.y == 0 || grid.z == 0) return cudaSuccess;
    return nn_launch_converted<P...>(kernel, grid, block, shared_bytes, stream,
                                     static_cast<P>(arguments)...);
}

/* Blocks of `threads` for `count` work items in a grid-stride loop: enough to fill any device
 * several times, and never more than a grid may have. */
inline unsigned nn_grid_for(int64_t count, int threads) {
    const int64_t most = 132 * 32, blocks = (count + threads - 1) / threads;
    return static_cast<unsigned>(blocks < most ? blocks : most);
}

#endif
