/* A device beside the CPU, with memory of its own: what the engine and kernels may ask of it.
 *
 * Devices live in libraries of their own (`libnnopt_cuda.so`), opened at run time: one nnopt runs
 * with and without them. Such a library exports one function of type nn_device_entry, which checks
 * that both sides were built from the same headers and gives the table of calls and the kernels.
 *
 * All work of a device goes through queues: what is put into one runs in order, while the caller
 * goes on. A queue serves one thread at a time. */
#ifndef NN_DEVICE_H
#define NN_DEVICE_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct nn_device nn_device;             /* one opened device; safe from any thread */
typedef struct nn_device_queue nn_device_queue; /* the library's */
typedef struct nn_device_graph nn_device_graph; /* work that was recorded, to be started at once */
struct nn_kernel;

typedef struct nn_device_info {
    char name[128];        /* "NVIDIA H200" */
    char architecture[32]; /* "sm_90" */
    char software[256];    /* "driver 580.95, CUDA 13.0, cuDNN 9.14, cuBLASLt 13.1" */
    int index;             /* of those of its kind */
    int multiprocessors;   /* units that run blocks of threads side by side */
    int threads_per_unit;  /* that such a unit holds at most */
    double clock_hz;       /* the highest of the multiprocessors */
    int64_t memory_bytes, free_bytes, l2_bytes, shared_bytes_per_unit;
    int compute_capability; /* 90 for sm_90 */
} nn_device_info;

/* What sensors say now; NaN where there is none. */
typedef struct nn_device_sensors {
    double clock_hz, memory_clock_hz, power_watts, power_limit_watts, temperature_celsius;
    double utilization, memory_utilization; /* 0 .. 1, over the last moments */
    const char *throttled;                  /* why the clock is held down; NULL: it is not */
} nn_device_sensors;

/* One measured ceiling of the device. */
typedef struct nn_device_ceiling {
    const char *name; /* "fp32", "tf32", "fp16", "bf16", "int8": operations; "memory", "upload",
                         "download": bytes */
    double per_second;
} nn_device_ceiling;

/* What a kernel asks of a device, summed up: how well it can fill it. */
typedef struct nn_device_launches {
    int64_t launches; /* kernels started since the queue was made */
    double occupancy; /* threads in flight over those that fit, of the last launch; 0: not known */
} nn_device_launches;

typedef struct nn_device_calls {
    nn_status (*close)(nn_device *device);
    void (*info)(nn_device *device, nn_device_info *out);
    void (*sensors)(nn_device *device, nn_device_sensors *out);
    /* Measures (seconds of work) and writes up to `limit` ceilings; *count of them. */
    nn_status (*measure_ceilings)(nn_device *device, nn_device_ceiling *out, int limit, int *count);

    /* Memory of the device, aligned to 256 bytes; NN_NO_MEMORY says how much is free. */
    nn_status (*allocate)(nn_device *device, size_t bytes, void **out);
    void (*release)(nn_device *device, void *memory); /* NULL allowed; waits for what uses it */
    /* Host memory that copies move from and to at full speed, without waiting. */
    nn_status (*allocate_host)(nn_device *device, size_t bytes, void **out);
    void (*release_host)(nn_device *device, void *memory);

    /* Copies at once, for constants: no queue uses the memory. */
    nn_status (*write)(nn_device *device, void *device_to, const void *host_from, size_t bytes);

    nn_status (*create_queue)(nn_device *device, nn_device_queue **out);
    void (*destroy_queue)(nn_device_queue *queue); /* waits; NULL allowed */
    /* Copies in the order of the queue. Host memory from allocate_host is read and written later:
     * it must stay as it is until the queue was waited for. Other host memory is copied at once. */
    nn_status (*upload)(nn_device_queue *queue, void *device_to, const void *host_from,
                        size_t bytes);
    nn_status (*download)(nn_device_queue *queue, void *host_to, const void *device_from,
                          size_t bytes);
    /* Until all work is done; reports what failed in it. */
    nn_status (*wait)(nn_device_queue *queue);

    /* Between begin and end the queue records instead of running. */
    nn_status (*begin_recording)(nn_device_queue *queue);
    nn_status (*end_recording)(nn_device_queue *queue, nn_device_graph **out);
    nn_status (*start)(nn_device_queue *queue, nn_device_graph *graph);
    void (*destroy_graph)(nn_device_graph *graph); /* NULL allowed */

    /* Marks are places in a queue's work, numbered from 0 on; a new one takes the place of an older
     * of its number. Seconds between two of them, after a wait. */
    nn_status (*mark)(nn_device_queue *queue, int64_t number);
    nn_status (*elapsed)(nn_device_queue *queue, int64_t from, int64_t to, double *seconds);
    void (*launches)(nn_device_queue *queue, nn_device_launches *out);
    /* Names a range of work for tools that watch the device (NVTX); ranges nest. */
    void (*begin_range)(const char *name);
    void (*end_range)(void);
} nn_device_calls;

/* The kernels of the device for one operator. */
typedef struct nn_device_row {
    const char *domain, *name;              /* of the operator: "", "Conv" */
    const struct nn_kernel *const *kernels; /* best first, NULL ends it */
} nn_device_row;

/* The start of what a library keeps of a device it opened. */
struct nn_device {
    const nn_device_calls *calls;
    const nn_device_row *rows; /* ends with a row of no name */
    void *attached;            /* the host's: kernels by operator (ops/device_kernels.h) */
};

/* What a library needs of its host. */
typedef struct nn_device_host {
    const char *abi;               /* NN_DEVICE_ABI of the host */
    char *(*message_buffer)(void); /* of the calling thread: nn_status_share */
} nn_device_host;

/* Opens device `index`. NN_UNSUPPORTED with a message that names what is missing (driver, device,
 * library) and the package to install; NN_USAGE where there is no device of this index. */
typedef nn_status nn_device_entry(const nn_device_host *host, int index, nn_device **out);

/* ---- the host's side (base/device.c) ---- */

/* Opens "cuda" or "cuda:1" once in the process; later calls give the same device. The library is
 * looked for beside nnopt's own, then where the loader looks; NNOPT_CUDA_LIBRARY names another. */
nn_status nn_device_open(const char *name, nn_device **out);
/* Is it the name of a device that nn_device_open knows, "cpu" apart? */
bool nn_device_is_name(const char *name);

#endif
