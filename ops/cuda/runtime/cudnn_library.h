/* cuDNN, opened at run time: nnopt runs with and without it.
 *
 * It is looked for as NNOPT_CUDNN_LIBRARY says, then where the loader looks, then in the folders
 * that vendor_library.h names. */
#ifndef NN_CUDNN_LIBRARY_H
#define NN_CUDNN_LIBRARY_H

#include "base/device.h"

#include <cudnn.h>

typedef struct nn_cudnn {
#define NN_CUDNN_FUNCTION(name) __typeof__(cudnn##name) *name;
#include "ops/cuda/runtime/cudnn_library.def"
#undef NN_CUDNN_FUNCTION
} nn_cudnn;

/* Opens the library once in the process. NN_UNSUPPORTED names the package to install. */
nn_status nn_cudnn_open(const nn_cudnn **out);

/* OK, or cuDNN's own words for the status behind "cuDNN: WHAT: ". */
nn_status nn_cudnn_check(const nn_cudnn *cudnn, cudnnStatus_t status, const char *what);

/* The queue's handle, which puts work into its stream; made when it is first asked for. */
nn_status nn_cudnn_handle(nn_device_queue *queue, const nn_cudnn **cudnn, cudnnHandle_t *out);

#endif
