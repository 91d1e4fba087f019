/* Queues of a CUDA device: streams, and what kernels need to put work into them. */
#ifndef NN_CUDA_QUEUE_H
#define NN_CUDA_QUEUE_H

#include "ops/cuda/runtime/status.h"
#include "ops/op.h"

/* A library's handle that is bound to one stream, made when a kernel first asks for it. */
typedef struct nn_queue_handle {
    void *handle;
    void (*destroy)(void *handle);
} nn_queue_handle;

typedef enum nn_queue_library {
    NN_QUEUE_CUDNN,
    NN_QUEUE_CUBLASLT,
    NN_QUEUE_LIBRARIES,
} nn_queue_library;

struct nn_device_queue {
    nn_device *device;
    cudaStream_t stream;
    nn_queue_handle libraries[NN_QUEUE_LIBRARIES];
    struct nn_cuda_faults *faults; /* ops/cuda/runtime/fault.h */

    int64_t launches;
    const void *kernel; /* launched last, with its threads and dynamic shared memory; NULL: none */
    int threads;
    size_t shared_bytes;

    bool is_recording;
    int64_t launches_before; /* the recording */
    cudaEvent_t *marks;      /* by number, NULL where there was none */
    int64_t mark_count;
};

/* OK where error is cudaSuccess, and counts a launch; else a message that names the node, the
 * kernel and CUDA's error. */
nn_status nn_cuda_launched(const nn_call *call, cudaError_t error);

#endif
