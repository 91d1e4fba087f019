#ifndef NN_CUDA_PAD_LAUNCH_H
#define NN_CUDA_PAD_LAUNCH_H

#include "ops/cuda/movement/generate_launch.h"
#include "ops/cuda/runtime/fault_launch.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Elements have 1, 2, 4, 8 or 16 bytes. */

/* The numbers of nn_pad_mode. */
typedef enum nn_cuda_pad_mode {
    NN_CUDA_PAD_CONSTANT,
    NN_CUDA_PAD_REFLECT,
    NN_CUDA_PAD_EDGE,
    NN_CUDA_PAD_WRAP,
} nn_cuda_pad_mode;

enum { NN_CUDA_PAD_RANK = 12 };

/* Element i of an axis comes from i - before of x, which `mode` brings
 * into the axis. */
typedef struct nn_cuda_pad {
    int bytes;
    nn_cuda_pad_mode mode;
    int rank; /* at least 1 */
    int64_t count;
    nn_cuda_extent dims[NN_CUDA_PAD_RANK];                                              /* of y */
    int64_t sizes[NN_CUDA_PAD_RANK], before[NN_CUDA_PAD_RANK], steps[NN_CUDA_PAD_RANK]; /* of x */
    nn_cuda_element value;
    const void *x;
    void *y;
} nn_cuda_pad;
cudaError_t nn_cuda_launch_pad(const nn_cuda_pad *arguments, cudaStream_t stream);

/* y = x where column - row >= diagonal (`upper`) or <= diagonal, else 0; x and y may be the same.
 * `given` is the diagonal where only the device knows it, else NULL. */
typedef struct nn_cuda_trilu {
    int bytes;
    bool upper;
    nn_cuda_extent columns, rows;
    int64_t count, diagonal;
    const int64_t *given;
    const void *x;
    void *y;
} nn_cuda_trilu;
cudaError_t nn_cuda_launch_trilu(const nn_cuda_trilu *arguments, cudaStream_t stream);

/* Rows of `length` elements, for each time and sample; the first lengths[sample] times are turned
 * round. A length that is out of range is a fault, and the nearest that is in it is taken. */
typedef struct nn_cuda_reverse {
    int bytes;
    bool batch_first;
    nn_cuda_extent length, inner; /* inner: times where the batch is first, else samples */
    int64_t count, times, batch;
    const int64_t *lengths;
    const void *x;
    void *y;
    nn_cuda_fault fault;
} nn_cuda_reverse;
cudaError_t nn_cuda_launch_reverse(const nn_cuda_reverse *arguments, cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
