/* CUDA's errors as statuses. */
#ifndef NN_CUDA_STATUS_H
#define NN_CUDA_STATUS_H

#include "base/status.h"

#include <cuda_runtime_api.h>

/* OK for cudaSuccess; else fails with "CUDA cannot DOING: its words", and with what to do where the
 * device is lost to the process. Takes the error back from CUDA, so that it is told once. */
nn_status nn_cuda_check(cudaError_t error, const char *doing);

#endif
