#include "ops/cuda/runtime/status.h"

static nn_status status_of(cudaError_t error) {
    switch (error) {
    case cudaErrorMemoryAllocation:
        return NN_NO_MEMORY;
    case cudaErrorNoDevice:
    case cudaErrorInsufficientDriver:
    case cudaErrorSystemDriverMismatch:
    case cudaErrorCompatNotSupportedOnDevice:
    case cudaErrorNoKernelImageForDevice:
    case cudaErrorDevicesUnavailable:
        return NN_UNSUPPORTED;
    default:
        return NN_INTERNAL;
    }
}

/* After these every later call of the process fails too. */
static bool is_lasting(cudaError_t error) {
    switch (error) {
    case cudaErrorIllegalAddress:
    case cudaErrorMisalignedAddress:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorInvalidPc:
    case cudaErrorIllegalInstruction:
    case cudaErrorHardwareStackError:
    case cudaErrorLaunchTimeout:
    case cudaErrorLaunchFailure:
    case cudaErrorAssert:
    case cudaErrorECCUncorrectable:
        return true;
    default:
        return false;
    }
}

nn_status nn_cuda_check(cudaError_t error, const char *doing) {
    if (error == cudaSuccess) return NN_OK;
    (void)cudaGetLastError();
    return nn_fail(status_of(error), "CUDA cannot %s: %s (%s)%s", doing, cudaGetErrorString(error),
                   cudaGetErrorName(error),
                   is_lasting(error)
                       ? "; the device is lost to this process, which must be started "
                         "again"
                       : "");
}
