/* What the parts of the emulator know of each other. */
#ifndef NN_EMULATOR_INTERNAL_H
#define NN_EMULATOR_INTERNAL_H

#include "tests/cuda_emulator/emulator.h"
#include "tests/cuda_emulator/failures.h"

/* ---- calls (device.c) ---- */

/* Every call of CUDA's begins and ends with these: one at a time, in the process that began, with
 * the lasting error if there is one. */
cudaError_t nn_emulator_begin_call(void);
/* The same for calls that end something, which nn_emulator_fail_call leaves alone. */
cudaError_t nn_emulator_begin_release(void);
cudaError_t nn_emulator_end_call(cudaError_t error);
int nn_emulator_current_device(void);
/* Work is about to be put into a stream: gives the error that tests asked for. */
cudaError_t nn_emulator_next_failure(void);
size_t nn_emulator_memory_bytes(void); /* of the device */
/* Dynamic shared memory that the kernel may have. */
size_t nn_emulator_shared_limit(const void *kernel);

/* ---- memory (memory.c) ---- */

/* Between open and close, which nest, the memory of the device is there to be used. */
void nn_emulator_open_memory(void);
void nn_emulator_close_memory(void);
/* Ends the process where a kernel has written between blocks. */
void nn_emulator_check_memory(void);
bool nn_emulator_is_arena(const void *memory);

/* ---- streams (stream.c) ---- */

/* Runs all work that lies in streams. */
void nn_emulator_finish_all(void);
/* A call that a recording forbids: breaks the recordings of this thread. cudaSuccess: there is
 * none. */
cudaError_t nn_emulator_refuse_in_recording(void);

/* ---- launches (launch.c) ---- */

typedef struct emulated_launch {
    void (*body)(const void *closure);
    const void *closure;
    dim3 grid, block;
    size_t shared_bytes;
} emulated_launch;
void nn_emulator_run_launch(const emulated_launch *launch);
int nn_emulator_current_thread(void); /* of the block */
/* Do these bytes lie in the dynamic shared memory of the block? */
bool nn_emulator_is_shared(const void *memory, size_t bytes);

/* ---- copies that go on while a thread works (copies.c) ---- */

void nn_emulator_begin_copies(int thread);
/* Ends the process where the thread has copies that it did not wait for. */
void nn_emulator_check_copies(int thread);

#endif
