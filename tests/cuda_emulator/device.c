/* The device's properties, errors, and attributes of kernels.
 *
 * Environment: NN_EMULATED_DRIVER=0 stands for a machine without driver (or another version,
 * 12040), NN_EMULATED_DEVICES for the number of devices, NN_EMULATED_MEMORY for bytes of each.
 * NN_EMULATED_COMPUTE=0: kernels do nothing, so that plans of large models can be looked at. */
#include "tests/cuda_emulator/internal.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    MULTIPROCESSORS = 132,
    THREADS_PER_MULTIPROCESSOR = 2048,
    BLOCKS_PER_MULTIPROCESSOR = 32,
    SHARED_PER_MULTIPROCESSOR = 228 * 1024,
    SHARED_OF_SYSTEM = 1024, /* per block */
    SHARED_PLAIN = 48 * 1024,
    SHARED_AT_MOST = 227 * 1024,
    KERNELS = 1024,
};

static struct {
    pthread_mutex_t lock;
    pid_t process; /* whose device it is: children of fork have none */
    cudaError_t lasting, wanted;
    int until_wanted;
    _Atomic long long calls_until_failure; /* 0: none is wanted */
    struct {
        const void *kernel;
        size_t limit;
    } kernels[KERNELS];
    int kernel_count;
} device = {.lock = PTHREAD_MUTEX_INITIALIZER};

static _Thread_local cudaError_t last_error;
static _Thread_local int current_device, depth;

static long long setting(const char *name, long long otherwise) {
    const char *text = getenv(name);
    return text != NULL && text[0] != '\0' ? atoll(text) : otherwise;
}

void nn_emulator_die(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("cuda emulator: ", stderr);
    vfprintf(stderr, format, arguments);
    fputs("\n", stderr);
    va_end(arguments);
    abort();
}

/* ---- calls ---- */

bool nn_emulator_call_fails(void) {
    return device.calls_until_failure > 0 && --device.calls_until_failure == 0;
}

bool nn_emulator_fail_call(long long number) {
    const bool has_failed = device.calls_until_failure == 0;
    device.calls_until_failure = number;
    return has_failed;
}

cudaError_t nn_emulator_begin_call(void) {
    cudaError_t error = nn_emulator_begin_release();
    return error == cudaSuccess && depth == 1 && nn_emulator_call_fails() ? cudaErrorUnknown
                                                                          : error;
}

cudaError_t nn_emulator_begin_release(void) {
    if (depth++ == 0) pthread_mutex_lock(&device.lock);
    if (device.process != 0 && device.process != getpid())
        nn_emulator_die("a child of fork uses the device that its parent opened");
    if (setting("NN_EMULATED_DRIVER", CUDART_VERSION) / 1000 < CUDART_VERSION / 1000)
        return cudaErrorInsufficientDriver;
    if (setting("NN_EMULATED_DEVICES", 1) == 0) return cudaErrorNoDevice;
    device.process = getpid();
    return device.lasting;
}

cudaError_t nn_emulator_end_call(cudaError_t error) {
    if (error != cudaSuccess) last_error = error;
    if (--depth == 0) pthread_mutex_unlock(&device.lock);
    return error;
}

static cudaError_t call(void) {
    return nn_emulator_end_call(nn_emulator_begin_call());
}

void nn_emulator_fail(cudaError_t error, int after) {
    device.wanted = error;
    device.until_wanted = after;
    if (error == cudaSuccess) device.lasting = cudaSuccess;
}

cudaError_t nn_emulator_next_failure(void) {
    if (device.wanted != cudaSuccess && --device.until_wanted == 0) device.lasting = device.wanted;
    return device.lasting;
}

cudaError_t cudaGetLastError(void) {
    cudaError_t error = device.lasting != cudaSuccess ? device.lasting : last_error;
    last_error = cudaSuccess;
    return error;
}

cudaError_t cudaPeekAtLastError(void) {
    return device.lasting != cudaSuccess ? device.lasting : last_error;
}

/* ---- errors as text ---- */

static const struct {
    cudaError_t error;
    const char *name, *text;
} errors[] = {
    {cudaSuccess, "cudaSuccess", "no error"},
    {cudaErrorInvalidValue, "cudaErrorInvalidValue", "invalid argument"},
    {cudaErrorMemoryAllocation, "cudaErrorMemoryAllocation", "out of memory"},
    {cudaErrorInvalidConfiguration, "cudaErrorInvalidConfiguration",
     "invalid configuration argument"},
    {cudaErrorInsufficientDriver, "cudaErrorInsufficientDriver",
     "CUDA driver version is insufficient for CUDA runtime version"},
    {cudaErrorNoDevice, "cudaErrorNoDevice", "no CUDA-capable device is detected"},
    {cudaErrorInvalidDevice, "cudaErrorInvalidDevice", "invalid device ordinal"},
    {cudaErrorInvalidResourceHandle, "cudaErrorInvalidResourceHandle", "invalid resource handle"},
    {cudaErrorNotReady, "cudaErrorNotReady", "device not ready"},
    {cudaErrorIllegalAddress, "cudaErrorIllegalAddress",
     "an illegal memory access was encountered"},
    {cudaErrorUnknown, "cudaErrorUnknown", "unknown error"},
    {cudaErrorStreamCaptureUnsupported, "cudaErrorStreamCaptureUnsupported",
     "operation not permitted when stream is capturing"},
    {cudaErrorStreamCaptureInvalidated, "cudaErrorStreamCaptureInvalidated",
     "operation failed due to a previous error during capture"},
    {cudaErrorStreamCaptureUnmatched, "cudaErrorStreamCaptureUnmatched",
     "capture was not initiated in this stream"},
};

static size_t place_of(cudaError_t error) {
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++)
        if (errors[i].error == error) return i;
    return sizeof errors / sizeof errors[0];
}

const char *cudaGetErrorName(cudaError_t error) {
    const size_t place = place_of(error);
    return place < sizeof errors / sizeof errors[0] ? errors[place].name
                                                    : "unrecognized error code";
}

const char *cudaGetErrorString(cudaError_t error) {
    const size_t place = place_of(error);
    return place < sizeof errors / sizeof errors[0] ? errors[place].text
                                                    : "unrecognized error code";
}

/* ---- devices ---- */

size_t nn_emulator_memory_bytes(void) {
    return (size_t)setting("NN_EMULATED_MEMORY", 8ll << 30);
}

int nn_emulator_current_device(void) {
    return current_device;
}

cudaError_t cudaDriverGetVersion(int *version) {
    *version = (int)setting("NN_EMULATED_DRIVER", CUDART_VERSION);
    return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int *version) {
    *version = CUDART_VERSION;
    return cudaSuccess;
}

cudaError_t cudaGetDeviceCount(int *count) {
    *count = (int)setting("NN_EMULATED_DEVICES", 1);
    return call();
}

static cudaError_t check_index(int index) {
    const bool is_known = index >= 0 && index < setting("NN_EMULATED_DEVICES", 1);
    return is_known ? cudaSuccess : cudaErrorInvalidDevice;
}

cudaError_t cudaSetDevice(int index) {
    cudaError_t error = nn_emulator_begin_call();
    if (error == cudaSuccess) error = check_index(index);
    if (error == cudaSuccess) current_device = index;
    return nn_emulator_end_call(error);
}

cudaError_t cudaGetDevice(int *index) {
    *index = current_device;
    return call();
}

cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *out, int index) {
    cudaError_t error = nn_emulator_begin_call();
    if (error == cudaSuccess) error = check_index(index);
    *out = (struct cudaDeviceProp){
        .totalGlobalMem = nn_emulator_memory_bytes(),
        .sharedMemPerBlock = SHARED_PLAIN,
        .regsPerBlock = 65536,
        .warpSize = 32,
        .maxThreadsPerBlock = 1024,
        .maxThreadsDim = {1024, 1024, 64},
        .maxGridSize = {0x7fffffff, 65535, 65535},
        .major = 9,
        .minor = 0,
        .multiProcessorCount = MULTIPROCESSORS,
        .memoryBusWidth = 6144,
        .l2CacheSize = 4 << 20,
        .maxThreadsPerMultiProcessor = THREADS_PER_MULTIPROCESSOR,
        .sharedMemPerMultiprocessor = SHARED_PER_MULTIPROCESSOR,
        .regsPerMultiprocessor = 65536,
        .sharedMemPerBlockOptin = SHARED_AT_MOST,
        .maxBlocksPerMultiProcessor = BLOCKS_PER_MULTIPROCESSOR,
        .reservedSharedMemPerBlock = SHARED_OF_SYSTEM,
        .pciBusID = index + 1,
    };
    snprintf(out->name, sizeof out->name, "emulated CUDA device");
    return nn_emulator_end_call(error);
}

cudaError_t cudaDeviceGetAttribute(int *value, enum cudaDeviceAttr which, int index) {
    cudaError_t error = nn_emulator_begin_call();
    if (error == cudaSuccess) error = check_index(index);
    switch (which) {
    case cudaDevAttrClockRate:
        *value = 1980000;
        break;
    case cudaDevAttrMemoryClockRate:
        *value = 3201000;
        break;
    case cudaDevAttrMultiProcessorCount:
        *value = MULTIPROCESSORS;
        break;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
        *value = SHARED_AT_MOST;
        break;
    case cudaDevAttrComputeCapabilityMajor:
        *value = 9;
        break;
    case cudaDevAttrComputeCapabilityMinor:
        *value = 0;
        break;
    default:
        nn_emulator_die("cudaDeviceGetAttribute is asked for %d, which the emulator does not know",
                        (int)which);
    }
    return nn_emulator_end_call(error);
}

cudaError_t cudaDeviceGetPCIBusId(char *text, int room, int index) {
    cudaError_t error = nn_emulator_begin_call();
    if (error == cudaSuccess) error = check_index(index);
    snprintf(text, (size_t)room, "0000:%02x:00.0", index + 1);
    return nn_emulator_end_call(error);
}

/* ---- kernels ---- */

size_t nn_emulator_shared_limit(const void *kernel) {
    for (int i = 0; i < device.kernel_count; i++)
        if (device.kernels[i].kernel == kernel) return device.kernels[i].limit;
    return SHARED_PLAIN;
}

static cudaError_t set_shared_limit(const void *kernel, int bytes) {
    if (bytes < 0 || bytes > SHARED_AT_MOST) return cudaErrorInvalidValue;
    int i = 0;
    while (i < device.kernel_count && device.kernels[i].kernel != kernel) i++;
    if (i == KERNELS) nn_emulator_die("more kernels than the emulator knows");
    device.kernels[i].kernel = kernel;
    device.kernels[i].limit = (size_t)bytes;
    if (i == device.kernel_count) device.kernel_count++;
    return cudaSuccess;
}

cudaError_t cudaFuncSetAttribute(const void *kernel, enum cudaFuncAttribute which, int value) {
    cudaError_t error = nn_emulator_begin_call();
    if (which != cudaFuncAttributeMaxDynamicSharedMemorySize)
        nn_emulator_die("cudaFuncSetAttribute sets %d, which the emulator does not know",
                        (int)which);
    if (error == cudaSuccess) error = set_shared_limit(kernel, value);
    return nn_emulator_end_call(error);
}

/* By threads and dynamic shared memory; registers are not known here. */
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, const void *kernel,
                                                          int threads, size_t shared_bytes) {
    cudaError_t error = nn_emulator_begin_call();
    (void)kernel;
    if (error == cudaSuccess && (threads < 1 || threads > 1024)) error = cudaErrorInvalidValue;
    if (error == cudaSuccess) {
        const int of_shared =
            (int)(SHARED_PER_MULTIPROCESSOR / (shared_bytes + (size_t)SHARED_OF_SYSTEM));
        *blocks = THREADS_PER_MULTIPROCESSOR / ((threads + 31) / 32 * 32);
        if (*blocks > of_shared) *blocks = of_shared;
        if (*blocks > BLOCKS_PER_MULTIPROCESSOR) *blocks = BLOCKS_PER_MULTIPROCESSOR;
    }
    return nn_emulator_end_call(error);
}
