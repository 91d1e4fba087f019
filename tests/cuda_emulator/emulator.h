/* The emulator's own interface, beside CUDA's: for its parts and for doubles of libraries that run
 * on streams (cuDNN, cuBLASLt). C and C++.
 *
 * The emulated device is strict where a real one is silent. Work lies in its stream until somebody
 * waits, so results that are read too early are wrong here always. Memory of the device is
 * inaccessible while no work of the device runs, full of NaNs when new, and between blocks there
 * are bytes that must not change. What a program gets wrong ends it with a message; what CUDA
 * reports as an error is an error here. */
#ifndef NN_CUDA_EMULATOR_H
#define NN_CUDA_EMULATOR_H

#include <cuda_runtime_api.h>
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define NN_EMULATOR_API __attribute__((visibility("default")))

/* ---- for doubles ---- */

/* Puts work into a stream, or into the graph that it records: run(state) is called later, with the
 * device's memory open, any number of times; `bytes` bytes of `state` are copied. */
NN_EMULATOR_API cudaError_t nn_emulator_submit(cudaStream_t stream, void (*run)(void *state),
                                               const void *state, size_t bytes);
/* Does `memory` lie in a block of the device with `bytes` bytes behind it? */
NN_EMULATOR_API bool nn_emulator_is_device_memory(const void *memory, size_t bytes);
/* Is it what cudaMallocHost gave? */
NN_EMULATOR_API bool nn_emulator_is_pinned(const void *memory, size_t bytes);
/* Ends the process with "cuda emulator: " and the text. */
NN_EMULATOR_API void nn_emulator_die(const char *format, ...)
    __attribute__((format(printf, 1, 2), noreturn));

/* ---- for tests ---- */

/* All calls give `error` from the `after`-th on that puts work into a stream (1: the next), as
 * after a kernel that has failed; cudaSuccess ends it. */
NN_EMULATOR_API void nn_emulator_fail(cudaError_t error, int after);
/* Launches that have run, and threads that were started for them; for tests of the emulator. */
NN_EMULATOR_API long long nn_emulator_launch_count(void);

/* ---- for code of kernels (emulated_device.h) ---- */

/* Of the thread that runs. One runs at a time. */
typedef struct nn_emulated_state {
    uint3 thread, block;
    dim3 block_size, grid_size;
    void *dynamic_shared;
} nn_emulated_state;
extern NN_EMULATOR_API nn_emulated_state nn_emulated;

/* Launches: body(closure) runs one thread. `parameter_bytes` is what CUDA would pass. */
NN_EMULATOR_API cudaError_t nn_emulator_launch(const void *kernel, dim3 grid, dim3 block,
                                               size_t shared_bytes, cudaStream_t stream,
                                               void (*body)(const void *closure),
                                               const void *closure, size_t closure_bytes,
                                               size_t parameter_bytes);

/* `line` is the caller's: threads that meet must come from the same. */
NN_EMULATOR_API void nn_emulator_block_barrier(int line);
NN_EMULATOR_API void nn_emulator_warp_barrier(unsigned mask, int line);
/* The 8 bytes that lane `source` brings. */
NN_EMULATOR_API unsigned long long nn_emulator_shuffle(unsigned mask, unsigned long long value,
                                                       int source, int line);
/* The lanes of the mask whose predicate is true. */
NN_EMULATOR_API unsigned nn_emulator_ballot(unsigned mask, bool predicate, int line);
/* All 32 lanes of a warp meet, each with memory of its own; work(lanes) runs once for them. */
NN_EMULATOR_API void nn_emulator_together(void *own, void (*work)(void *const *lanes), int line);

/* Copies of `bytes` (4, 8 or 16) from the device's memory to dynamic shared memory, or zeros where
 * `from` is NULL. What they fill is garbage until the thread that started them waits for all groups
 * but the last `left`; a thread must not end before that. */
NN_EMULATOR_API void nn_emulator_copy(void *to, const void *from, int bytes, int line);
NN_EMULATOR_API void nn_emulator_end_group(void);
NN_EMULATOR_API void nn_emulator_wait_groups(int left);

#ifdef __cplusplus
}
#endif

#endif
