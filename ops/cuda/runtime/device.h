/* An opened CUDA device. */
#ifndef NN_CUDA_DEVICE_H
#define NN_CUDA_DEVICE_H

#include "base/device.h"
#include "ops/cuda/runtime/status.h"

typedef struct nn_cuda_device {
    nn_device shared; /* first: what the host sees */
    int index;
    struct cudaDeviceProp properties;
    int driver_version, runtime_version; /* 13000: CUDA 13.0 */
} nn_cuda_device;

static inline nn_cuda_device *nn_cuda_device_of(nn_device *device) {
    return (nn_cuda_device *)device;
}

/* Makes the device the calling thread's. Every call begins so: threads start with device 0. */
nn_status nn_cuda_enter(nn_device *device);

/* Opens device `index`; says what is missing. The caller fills in `shared`. */
nn_status nn_cuda_open_device(int index, nn_cuda_device **out);

/* As nvidia-smi says it ("580.95.05"); false where NVML does not tell. */
bool nn_cuda_driver_version(char *text, size_t size);
void nn_cuda_info(nn_device *device, nn_device_info *out);
void nn_cuda_sensors(nn_device *device, nn_device_sensors *out);
nn_status nn_cuda_measure_ceilings(nn_device *device, nn_device_ceiling *out, int limit,
                                   int *count);
nn_status nn_cuda_close(nn_device *device);

nn_status nn_cuda_allocate(nn_device *device, size_t bytes, void **out);
void nn_cuda_release(nn_device *device, void *memory);
nn_status nn_cuda_allocate_host(nn_device *device, size_t bytes, void **out);
void nn_cuda_release_host(nn_device *device, void *memory);
nn_status nn_cuda_write(nn_device *device, void *device_to, const void *host_from, size_t bytes);

nn_status nn_cuda_create_queue(nn_device *device, nn_device_queue **out);
void nn_cuda_destroy_queue(nn_device_queue *queue);
nn_status nn_cuda_upload(nn_device_queue *queue, void *device_to, const void *host_from,
                         size_t bytes);
nn_status nn_cuda_download(nn_device_queue *queue, void *host_to, const void *device_from,
                           size_t bytes);
nn_status nn_cuda_wait(nn_device_queue *queue);
nn_status nn_cuda_begin_recording(nn_device_queue *queue);
nn_status nn_cuda_end_recording(nn_device_queue *queue, nn_device_graph **out);
nn_status nn_cuda_start(nn_device_queue *queue, nn_device_graph *graph);
void nn_cuda_destroy_graph(nn_device_graph *graph);
nn_status nn_cuda_mark(nn_device_queue *queue, int64_t number);
nn_status nn_cuda_elapsed(nn_device_queue *queue, int64_t from, int64_t to, double *seconds);
void nn_cuda_launches(nn_device_queue *queue, nn_device_launches *out);
void nn_cuda_begin_range(const char *name);
void nn_cuda_end_range(void);

#endif
