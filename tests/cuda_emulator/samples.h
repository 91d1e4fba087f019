/* Kernels, right ones and wrong ones, for the test of the emulator. */
#ifndef NN_EMULATOR_SAMPLES_H
#define NN_EMULATOR_SAMPLES_H

#include <cuda_runtime_api.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum sample {
    SAMPLE_DOUBLE,          /* y[i] = 2 x[i] */
    SAMPLE_SUM_OF_BLOCK,    /* y[block] = sum of x over the block's threads, in shared memory */
    SAMPLE_SUM_OF_WARP,     /* the same over warps, by shuffles; blocks of whole warps */
    SAMPLE_REVERSE,         /* y[i] = x[n - 1 - i] within blocks, through dynamic shared memory */
    SAMPLE_COUNT,           /* y[0] += 1 for each thread, by atomics; y[1] = votes for odd x */
    SAMPLE_PLACES,          /* y[i] = its thread's indices, packed */
    SAMPLE_EARLY_END,       /* half of the threads end, the others meet */
    SAMPLE_WITHOUT_BARRIER, /* SAMPLE_REVERSE that does not wait */
    SAMPLE_SPLIT_BARRIER,   /* threads meet at different barriers */
    SAMPLE_MISSING_LANE,    /* a shuffle from a lane that has ended */
    SAMPLE_OWN_MASK,        /* a lane that its mask leaves out */
    SAMPLE_SPLIT_WARP,      /* lanes of one mask at different places */
    SAMPLE_WAIT_FOR_EVER,   /* a lane waits for one that waits for the block */
    SAMPLE_BEHIND_SHARED,   /* writes behind its dynamic shared memory */
    SAMPLE_BEHIND_BLOCK,    /* writes y[n] */
    SAMPLE_COPY,            /* SAMPLE_REVERSE by copies that go on while the thread works */
    SAMPLE_COPY_AND_END,    /* without waiting for them */
    SAMPLE_COPY_UNALIGNED,  /* 16 bytes to 4 bytes behind 16 */
} sample;

cudaError_t run_sample(sample which, dim3 grid, dim3 block, size_t shared_bytes, const float *x,
                       float *y, int64_t n, cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
