#include "ops/cuda/runtime/device.h"

#include "base/memory.h"
#include "ops/cuda/runtime/cublas_library.h"
#include "ops/cuda/runtime/cudnn_library.h"

#include <math.h>
#include <stdio.h>

nn_status nn_cuda_enter(nn_device *device) {
    return nn_cuda_check(cudaSetDevice(nn_cuda_device_of(device)->index), "use the device");
}

/* ---- opening ---- */

/* "13.0" */
static const char *version_text(int version, char *text, size_t size) {
    snprintf(text, size, "%d.%d", version / 1000, version % 1000 / 10);
    return text;
}

static nn_status check_driver(int *driver, int *runtime) {
    char have[16], need[16];
    if (cudaDriverGetVersion(driver) != cudaSuccess) *driver = 0;
    NN_TRY(nn_cuda_check(cudaRuntimeGetVersion(runtime), "start"));
    if (*driver == 0)
        return nn_fail(NN_UNSUPPORTED,
                       "device 'cuda' needs the NVIDIA driver (libcuda.so.1), which is not on this "
                       "machine; its packages are nvidia-driver and libcuda1 (Debian) or "
                       "nvidia-driver-580 (Ubuntu)");
    if (*driver / 1000 < *runtime / 1000)
        return nn_fail(NN_UNSUPPORTED,
                       "the NVIDIA driver serves CUDA %s, and libnnopt_cuda.so was built for CUDA "
                       "%s: a newer driver is needed",
                       version_text(*driver, have, sizeof have),
                       version_text(*runtime, need, sizeof need));
    return NN_OK;
}

static nn_status check_index(int index) {
    int count = 0;
    cudaError_t error = cudaGetDeviceCount(&count);
    if (error == cudaErrorNoDevice || (error == cudaSuccess && count == 0)) {
        (void)cudaGetLastError();
        return nn_fail(NN_UNSUPPORTED, "the NVIDIA driver finds no CUDA device on this machine "
                                       "(nvidia-smi lists them; CUDA_VISIBLE_DEVICES hides some)");
    }
    NN_TRY(nn_cuda_check(error, "count the devices"));
    if (index >= count)
        return nn_fail(NN_USAGE, "device 'cuda:%d': there %s, counted from 0", index,
                       count == 1 ? "is one device" : "are fewer devices");
    return NN_OK;
}

nn_status nn_cuda_open_device(int index, nn_cuda_device **out) {
    int driver, runtime;
    NN_TRY(check_driver(&driver, &runtime));
    NN_TRY(check_index(index));
    nn_cuda_device *device = nn_alloc_zero(sizeof *device);
    if (device == NULL) return nn_fail_memory(sizeof *device);
    device->index = index;
    device->driver_version = driver;
    device->runtime_version = runtime;
    nn_status status =
        nn_cuda_check(cudaGetDeviceProperties(&device->properties, index), "ask the device");
    if (status == NN_OK) status = nn_cuda_enter(&device->shared); /* makes the context */
    if (status == NN_OK)
        *out = device;
    else
        nn_free(device);
    return status;
}

nn_status nn_cuda_close(nn_device *device) {
    nn_free(nn_cuda_device_of(device));
    return NN_OK;
}

/* ---- what it is ---- */

static double attribute(int index, enum cudaDeviceAttr which) {
    int value = 0;
    if (cudaDeviceGetAttribute(&value, which, index) != cudaSuccess) return NAN;
    return value;
}

/* ", cuDNN 9.14.0" of 91400, or the packages that bring it. */
static void add_library(char *text, size_t size, const char *name, size_t version,
                        const char *packages) {
    const size_t used = strlen(text);
    if (version > 0)
        snprintf(text + used, size - used, ", %s %zu.%zu.%zu", name, version / 10000,
                 version % 10000 / 100, version % 100);
    else
        snprintf(text + used, size - used, ", no %s (%s)", name, packages);
}

/* Driver, CUDA, and the vendor's libraries. */
static void write_software(const nn_cuda_device *own, char *text, size_t size) {
    char driver[80], version[16];
    const nn_cudnn *cudnn;
    const nn_cublaslt *cublaslt;
    if (!nn_cuda_driver_version(driver, sizeof driver))
        snprintf(driver, sizeof driver, "for CUDA %s",
                 version_text(own->driver_version, version, sizeof version));
    snprintf(text, size, "driver %s, CUDA %s", driver,
             version_text(own->runtime_version, version, sizeof version));
    add_library(text, size, "cuDNN", nn_cudnn_open(&cudnn) == NN_OK ? cudnn->GetVersion() : 0,
                "package libcudnn9-cuda-13, or nvidia-cudnn-cu13 with pip");
    add_library(text, size, "cuBLASLt",
                nn_cublaslt_open(&cublaslt) == NN_OK ? cublaslt->GetVersion() : 0,
                "package libcublas-13-0, or nvidia-cublas with pip");
}

void nn_cuda_info(nn_device *device, nn_device_info *out) {
    const nn_cuda_device *own = nn_cuda_device_of(device);
    const struct cudaDeviceProp *properties = &own->properties;
    size_t free_bytes = 0, total_bytes = properties->totalGlobalMem;
    *out = (nn_device_info){.index = own->index};
    snprintf(out->name, sizeof out->name, "%.*s", (int)sizeof out->name - 1, properties->name);
    snprintf(out->architecture, sizeof out->architecture, "sm_%d%d", properties->major,
             properties->minor);
    write_software(own, out->software, sizeof out->software);
    out->multiprocessors = properties->multiProcessorCount;
    out->threads_per_unit = properties->maxThreadsPerMultiProcessor;
    out->clock_hz = 1e3 * attribute(own->index, cudaDevAttrClockRate);
    if (nn_cuda_enter(device) == NN_OK) (void)cudaMemGetInfo(&free_bytes, &total_bytes);
    out->memory_bytes = (int64_t)total_bytes;
    out->free_bytes = (int64_t)free_bytes;
    out->l2_bytes = properties->l2CacheSize;
    out->shared_bytes_per_unit = (int64_t)properties->sharedMemPerMultiprocessor;
    out->compute_capability = 10 * properties->major + properties->minor;
}

/* ---- memory ---- */

static nn_status fail_memory(size_t bytes) {
    size_t free_bytes = 0, total_bytes = 0;
    (void)cudaGetLastError();
    (void)cudaMemGetInfo(&free_bytes, &total_bytes);
    return nn_fail(NN_NO_MEMORY,
                   "out of memory on the device: %zu bytes, of %zu there are %zu free", bytes,
                   total_bytes, free_bytes);
}

nn_status nn_cuda_allocate(nn_device *device, size_t bytes, void **out) {
    NN_TRY(nn_cuda_enter(device));
    cudaError_t error = cudaMalloc(out, bytes > 0 ? bytes : 1);
    if (error == cudaErrorMemoryAllocation) return fail_memory(bytes);
    return nn_cuda_check(error, "allocate memory");
}

void nn_cuda_release(nn_device *device, void *memory) {
    if (memory == NULL) return;
    (void)nn_cuda_enter(device); /* what cannot be entered may still be released */
    if (cudaFree(memory) != cudaSuccess) (void)cudaGetLastError();
}

nn_status nn_cuda_allocate_host(nn_device *device, size_t bytes, void **out) {
    NN_TRY(nn_cuda_enter(device));
    cudaError_t error = cudaMallocHost(out, bytes > 0 ? bytes : 1);
    if (error == cudaErrorMemoryAllocation) {
        (void)cudaGetLastError();
        return nn_fail(NN_NO_MEMORY, "out of memory for copies to the device: %zu bytes", bytes);
    }
    return nn_cuda_check(error, "allocate memory of the host");
}

void nn_cuda_release_host(nn_device *device, void *memory) {
    if (memory == NULL) return;
    (void)nn_cuda_enter(device);
    if (cudaFreeHost(memory) != cudaSuccess) (void)cudaGetLastError();
}

nn_status nn_cuda_write(nn_device *device, void *device_to, const void *host_from, size_t bytes) {
    if (bytes == 0) return NN_OK;
    NN_TRY(nn_cuda_enter(device));
    NN_TRY(nn_cuda_check(cudaMemcpy(device_to, host_from, bytes, cudaMemcpyHostToDevice),
                         "copy to the device"));
    /* what was copied from pageable memory may still be on its way */
    return nn_cuda_check(cudaStreamSynchronize(cudaStreamLegacy), "copy to the device");
}
