/* Sensors through NVML, the driver's management library. Its header comes with no toolkit package
 * that the build needs, so the few declarations stand here. */
#include "ops/cuda/runtime/device.h"

#include <dlfcn.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct nvmlDevice_st *nvmlDevice_t;
typedef int nvmlReturn_t; /* 0: success */
typedef struct nvmlUtilization_t {
    unsigned gpu, memory; /* percent */
} nvmlUtilization_t;

enum { NVML_CLOCK_SM = 1, NVML_CLOCK_MEM = 2, NVML_TEMPERATURE_GPU = 0 };

/* Found by name; those that a driver lacks stay NULL. */
static struct {
    pthread_once_t once;
    bool is_open;
    nvmlReturn_t (*init)(void);
    nvmlReturn_t (*driver_version)(char *text, unsigned size);
    nvmlReturn_t (*handle)(const char *pci_bus, nvmlDevice_t *out);
    nvmlReturn_t (*clock)(nvmlDevice_t device, int which, unsigned *mhz);
    nvmlReturn_t (*power)(nvmlDevice_t device, unsigned *milliwatts);
    nvmlReturn_t (*power_limit)(nvmlDevice_t device, unsigned *milliwatts);
    nvmlReturn_t (*temperature)(nvmlDevice_t device, int which, unsigned *celsius);
    nvmlReturn_t (*utilization)(nvmlDevice_t device, nvmlUtilization_t *out);
    nvmlReturn_t (*reasons)(nvmlDevice_t device, unsigned long long *bits);
} nvml = {.once = PTHREAD_ONCE_INIT};

static const struct {
    const char *name;
    void **function;
} functions[] = {
    {"nvmlInit_v2", (void **)&nvml.init},
    {"nvmlSystemGetDriverVersion", (void **)&nvml.driver_version},
    {"nvmlDeviceGetHandleByPciBusId_v2", (void **)&nvml.handle},
    {"nvmlDeviceGetClockInfo", (void **)&nvml.clock},
    {"nvmlDeviceGetPowerUsage", (void **)&nvml.power},
    {"nvmlDeviceGetEnforcedPowerLimit", (void **)&nvml.power_limit},
    {"nvmlDeviceGetTemperature", (void **)&nvml.temperature},
    {"nvmlDeviceGetUtilizationRates", (void **)&nvml.utilization},
    {"nvmlDeviceGetCurrentClocksThrottleReasons", (void **)&nvml.reasons},
};

static void open_nvml(void) {
    const char *named = getenv("NNOPT_NVML_LIBRARY");
    void *library = dlopen(named != NULL && named[0] != '\0' ? named : "libnvidia-ml.so.1",
                           RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) return;
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++)
        *functions[i].function = dlsym(library, functions[i].name);
    nvml.is_open = nvml.init != NULL && nvml.init() == 0;
}

static bool open_once(void) {
    pthread_once(&nvml.once, open_nvml);
    return nvml.is_open;
}

bool nn_cuda_driver_version(char *text, size_t size) {
    return open_once() && nvml.driver_version != NULL &&
           nvml.driver_version(text, (unsigned)size) == 0;
}

/* Why the clock is below its highest, the gravest first. Idling and limits that somebody set on
 * purpose are no throttling. */
static const char *throttled(unsigned long long bits) {
    static const struct {
        unsigned long long bits;
        const char *reason;
    } reasons[] = {
        {0x80, "power brake"},        {0x40, "temperature (hardware)"},
        {0x20, "temperature"},        {0x08, "hardware slowdown"},
        {0x04, "power limit"},        {0x10, "clocks are kept equal to another device's"},
        {0x02, "application clocks"},
    };
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        if (bits & reasons[i].bits) return reasons[i].reason;
    return NULL;
}

static double clock_of(nvmlDevice_t device, int which) {
    unsigned mhz = 0;
    return nvml.clock != NULL && nvml.clock(device, which, &mhz) == 0 ? 1e6 * mhz : NAN;
}

static double watts(nvmlReturn_t (*ask)(nvmlDevice_t device, unsigned *milliwatts),
                    nvmlDevice_t device) {
    unsigned milliwatts = 0;
    return ask != NULL && ask(device, &milliwatts) == 0 ? 1e-3 * milliwatts : NAN;
}

void nn_cuda_sensors(nn_device *device, nn_device_sensors *out) {
    char bus[32];
    nvmlDevice_t handle;
    nvmlUtilization_t utilization;
    unsigned celsius = 0;
    unsigned long long bits = 0;
    *out = (nn_device_sensors){NAN, NAN, NAN, NAN, NAN, NAN, NAN, NULL};
    if (!open_once() || nvml.handle == NULL) return;
    if (cudaDeviceGetPCIBusId(bus, sizeof bus, nn_cuda_device_of(device)->index) != cudaSuccess)
        return;
    if (nvml.handle(bus, &handle) != 0) return;
    out->clock_hz = clock_of(handle, NVML_CLOCK_SM);
    out->memory_clock_hz = clock_of(handle, NVML_CLOCK_MEM);
    out->power_watts = watts(nvml.power, handle);
    out->power_limit_watts = watts(nvml.power_limit, handle);
    if (nvml.temperature != NULL && nvml.temperature(handle, NVML_TEMPERATURE_GPU, &celsius) == 0)
        out->temperature_celsius = celsius;
    if (nvml.utilization != NULL && nvml.utilization(handle, &utilization) == 0) {
        out->utilization = 1e-2 * utilization.gpu;
        out->memory_utilization = 1e-2 * utilization.memory;
    }
    if (nvml.reasons != NULL && nvml.reasons(handle, &bits) == 0) out->throttled = throttled(bits);
}
