#include "ops/cuda/runtime/cublas_library.h"

#include "ops/cuda/runtime/queue.h"
#include "ops/cuda/runtime/vendor_library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>

static struct {
    pthread_once_t once;
    nn_cublaslt functions;
    bool is_open;
    char reason[512];
} cublaslt = {.once = PTHREAD_ONCE_INIT};

#define TEXT_OF(x)       #x
#define NAME_OF(version) "libcublasLt.so." TEXT_OF(version)
static const char *const names[] = {NAME_OF(CUBLAS_VER_MAJOR), NULL};
#define FOLDER_OF(version) "nvidia/cu" TEXT_OF(version) "/lib"
static const char *const folders[] = {FOLDER_OF(CUBLAS_VER_MAJOR), "nvidia/cublas/lib", NULL};
static const nn_vendor_library place = {"NNOPT_CUBLASLT_LIBRARY", names, folders};

static bool find(void *library, const char *name, void **out) {
    *out = dlsym(library, name);
    if (*out == NULL) snprintf(cublaslt.reason, sizeof cublaslt.reason, "it has no '%s'", name);
    return *out != NULL;
}

static void open_once(void) {
    void *library = nn_vendor_library_load(&place, cublaslt.reason, sizeof cublaslt.reason);
    if (library == NULL) return;
#define NN_CUBLASLT_FUNCTION(name)                                                                 \
    if (!find(library, "cublasLt" #name, (void **)&cublaslt.functions.name)) return;
#include "ops/cuda/runtime/cublas_library.def"
#undef NN_CUBLASLT_FUNCTION
    cublaslt.is_open = true;
}

nn_status nn_cublaslt_open(const nn_cublaslt **out) {
    pthread_once(&cublaslt.once, open_once);
    *out = cublaslt.is_open ? &cublaslt.functions : NULL;
    if (cublaslt.is_open) return NN_OK;
    return nn_fail(
        NN_UNSUPPORTED,
        "cuBLASLt %d cannot be used (%s): install the package libcublas-%d-0, or "
        "nvidia-cublas with pip, or name its libcublasLt.so.%d in NNOPT_CUBLASLT_LIBRARY",
        CUBLAS_VER_MAJOR, cublaslt.reason, CUBLAS_VER_MAJOR, CUBLAS_VER_MAJOR);
}

nn_status nn_cublaslt_check(const nn_cublaslt *library, cublasStatus_t status, const char *what) {
    if (status == CUBLAS_STATUS_SUCCESS) return NN_OK;
    return nn_fail(status == CUBLAS_STATUS_NOT_SUPPORTED  ? NN_UNSUPPORTED
                   : status == CUBLAS_STATUS_ALLOC_FAILED ? NN_NO_MEMORY
                                                          : NN_INTERNAL,
                   "cuBLASLt: %s: %s", what, library->GetStatusString(status));
}

static void destroy(void *handle) {
    (void)cublaslt.functions.Destroy(handle);
}

nn_status nn_cublaslt_handle(nn_device_queue *queue, const nn_cublaslt **library,
                             cublasLtHandle_t *out) {
    nn_queue_handle *own = &queue->libraries[NN_QUEUE_CUBLASLT];
    NN_TRY(nn_cublaslt_open(library));
    if (own->handle == NULL) {
        /* allocates memory, which a recording allows only so */
        enum cudaStreamCaptureMode mode = cudaStreamCaptureModeRelaxed;
        NN_TRY(nn_cuda_check(cudaThreadExchangeStreamCaptureMode(&mode), "start cuBLASLt"));
        nn_status status = nn_cublaslt_check(*library, cublaslt.functions.Create(out), "handle");
        (void)cudaThreadExchangeStreamCaptureMode(&mode);
        NN_TRY(status);
        *own = (nn_queue_handle){*out, destroy};
    }
    *out = own->handle;
    return NN_OK;
}
