/* NVML with numbers that do not change; NN_EMULATED_THROTTLE gives the reasons' bits. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct nvmlDevice_st *nvmlDevice_t;
typedef struct nvmlUtilization_t {
    unsigned gpu, memory;
} nvmlUtilization_t;

enum { SUCCESS = 0, NOT_FOUND = 6 };

static int device;

int nvmlInit_v2(void);
int nvmlSystemGetDriverVersion(char *text, unsigned size);
int nvmlDeviceGetHandleByPciBusId_v2(const char *bus, nvmlDevice_t *out);
int nvmlDeviceGetClockInfo(nvmlDevice_t of, int which, unsigned *mhz);
int nvmlDeviceGetPowerUsage(nvmlDevice_t of, unsigned *milliwatts);
int nvmlDeviceGetEnforcedPowerLimit(nvmlDevice_t of, unsigned *milliwatts);
int nvmlDeviceGetTemperature(nvmlDevice_t of, int which, unsigned *celsius);
int nvmlDeviceGetUtilizationRates(nvmlDevice_t of, nvmlUtilization_t *out);
int nvmlDeviceGetCurrentClocksThrottleReasons(nvmlDevice_t of, unsigned long long *bits);

int nvmlInit_v2(void) {
    return SUCCESS;
}

int nvmlSystemGetDriverVersion(char *text, unsigned size) {
    snprintf(text, size, "580.0.0");
    return SUCCESS;
}

int nvmlDeviceGetHandleByPciBusId_v2(const char *bus, nvmlDevice_t *out) {
    *out = (nvmlDevice_t)&device;
    return strcmp(bus, "0000:01:00.0") == 0 ? SUCCESS : NOT_FOUND;
}

int nvmlDeviceGetClockInfo(nvmlDevice_t of, int which, unsigned *mhz) {
    (void)of;
    *mhz = which == 1 ? 1830 : 3201;
    return SUCCESS;
}

int nvmlDeviceGetPowerUsage(nvmlDevice_t of, unsigned *milliwatts) {
    (void)of;
    *milliwatts = 312500;
    return SUCCESS;
}

int nvmlDeviceGetEnforcedPowerLimit(nvmlDevice_t of, unsigned *milliwatts) {
    (void)of;
    *milliwatts = 700000;
    return SUCCESS;
}

int nvmlDeviceGetTemperature(nvmlDevice_t of, int which, unsigned *celsius) {
    (void)of, (void)which;
    *celsius = 54;
    return SUCCESS;
}

int nvmlDeviceGetUtilizationRates(nvmlDevice_t of, nvmlUtilization_t *out) {
    (void)of;
    *out = (nvmlUtilization_t){75, 50};
    return SUCCESS;
}

int nvmlDeviceGetCurrentClocksThrottleReasons(nvmlDevice_t of, unsigned long long *bits) {
    const char *text = getenv("NN_EMULATED_THROTTLE");
    (void)of;
    *bits = text != NULL ? strtoull(text, NULL, 0) : 1;
    return SUCCESS;
}
