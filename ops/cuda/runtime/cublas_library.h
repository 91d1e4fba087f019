/* cuBLASLt, opened at run time: nnopt runs with and without it.
 *
 * It is looked for as NNOPT_CUBLASLT_LIBRARY says, then where the loader looks, then in the folders
 * that vendor_library.h names. */
#ifndef NN_CUBLAS_LIBRARY_H
#define NN_CUBLAS_LIBRARY_H

#include "base/device.h"

#include <cublasLt.h>

typedef struct nn_cublaslt {
#define NN_CUBLASLT_FUNCTION(name) __typeof__(cublasLt##name) *name;
#include "ops/cuda/runtime/cublas_library.def"
#undef NN_CUBLASLT_FUNCTION
} nn_cublaslt;

/* Opens the library once in the process. NN_UNSUPPORTED names the package to install. */
nn_status nn_cublaslt_open(const nn_cublaslt **out);

/* OK, or cuBLASLt's own words for the status behind "cuBLASLt: WHAT: ". */
nn_status nn_cublaslt_check(const nn_cublaslt *library, cublasStatus_t status, const char *what);

/* The queue's handle, made when it is first asked for. */
nn_status nn_cublaslt_handle(nn_device_queue *queue, const nn_cublaslt **library,
                             cublasLtHandle_t *out);

#endif
