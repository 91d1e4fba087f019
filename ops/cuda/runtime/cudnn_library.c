#include "ops/cuda/runtime/cudnn_library.h"

#include "ops/cuda/runtime/queue.h"
#include "ops/cuda/runtime/vendor_library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>

static struct {
    pthread_once_t once;
    nn_cudnn functions;
    bool is_open;
    char reason[512];
} cudnn = {.once = PTHREAD_ONCE_INIT};

static const char *const names[] = {"libcudnn.so.9", NULL};
static const char *const folders[] = {"nvidia/cudnn/lib", NULL};
static const nn_vendor_library place = {"NNOPT_CUDNN_LIBRARY", names, folders};

static bool find(void *library, const char *name, void **out) {
    *out = dlsym(library, name);
    if (*out == NULL) snprintf(cudnn.reason, sizeof cudnn.reason, "it has no '%s'", name);
    return *out != NULL;
}

static void open_once(void) {
    void *library = nn_vendor_library_load(&place, cudnn.reason, sizeof cudnn.reason);
    if (library == NULL) return;
#define NN_CUDNN_FUNCTION(name)                                                                    \
    if (!find(library, "cudnn" #name, (void **)&cudnn.functions.name)) return;
#include "ops/cuda/runtime/cudnn_library.def"
#undef NN_CUDNN_FUNCTION
    size_t version = cudnn.functions.GetVersion();
    cudnn.is_open = version / 10000 == CUDNN_MAJOR;
    if (!cudnn.is_open)
        snprintf(cudnn.reason, sizeof cudnn.reason, "it has version %zu, not %d.x", version,
                 CUDNN_MAJOR);
}

nn_status nn_cudnn_open(const nn_cudnn **out) {
    pthread_once(&cudnn.once, open_once);
    *out = cudnn.is_open ? &cudnn.functions : NULL;
    if (cudnn.is_open) return NN_OK;
    return nn_fail(NN_UNSUPPORTED,
                   "cuDNN 9 cannot be used (%s): install the package libcudnn9-cuda-%d, or "
                   "nvidia-cudnn-cu%d with pip, or name its libcudnn.so.9 in NNOPT_CUDNN_LIBRARY",
                   cudnn.reason, CUDART_VERSION / 1000, CUDART_VERSION / 1000);
}

static nn_status code_of(cudnnStatus_t status) {
    if (status == CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED ||
        status == CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED)
        return NN_NO_MEMORY;
    return CUDNN_STATUS_CATEGORY(status) == CUDNN_STATUS_NOT_SUPPORTED ? NN_UNSUPPORTED
                                                                       : NN_INTERNAL;
}

nn_status nn_cudnn_check(const nn_cudnn *library, cudnnStatus_t status, const char *what) {
    if (status == CUDNN_STATUS_SUCCESS) return NN_OK;
    char text[512] = "";
    library->GetLastErrorString(text, sizeof text);
    return nn_fail(code_of(status), "cuDNN: %s: %s%s%s", what, library->GetErrorString(status),
                   text[0] != '\0' ? ": " : "", text);
}

static void destroy(void *handle) {
    (void)cudnn.functions.Destroy(handle);
}

static nn_status create(nn_device_queue *queue, cudnnHandle_t *out) {
    NN_TRY(nn_cudnn_check(&cudnn.functions, cudnn.functions.Create(out), "handle"));
    nn_status status =
        nn_cudnn_check(&cudnn.functions, cudnn.functions.SetStream(*out, queue->stream), "stream");
    if (status != NN_OK) (void)cudnn.functions.Destroy(*out);
    return status;
}

nn_status nn_cudnn_handle(nn_device_queue *queue, const nn_cudnn **library, cudnnHandle_t *out) {
    nn_queue_handle *own = &queue->libraries[NN_QUEUE_CUDNN];
    NN_TRY(nn_cudnn_open(library));
    if (own->handle == NULL) {
        /* allocates memory, which a recording allows only so */
        enum cudaStreamCaptureMode mode = cudaStreamCaptureModeRelaxed;
        NN_TRY(nn_cuda_check(cudaThreadExchangeStreamCaptureMode(&mode), "start cuDNN"));
        nn_status status = create(queue, out);
        (void)cudaThreadExchangeStreamCaptureMode(&mode);
        NN_TRY(status);
        *own = (nn_queue_handle){*out, destroy};
    }
    *out = own->handle;
    return NN_OK;
}
