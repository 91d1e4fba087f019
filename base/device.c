#include "base/device.h"

#include "base/memory.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST_DEVICES = 64 };

static struct {
    pthread_mutex_t lock;
    nn_device *devices[MOST_DEVICES];
    nn_device_entry *entry;
} cuda = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* "cuda", "cuda:3". */
static bool read_name(const char *name, int *index) {
    static const char kind[] = "cuda";
    const size_t length = sizeof kind - 1;
    *index = 0;
    if (strncmp(name, kind, length) != 0) return false;
    if (name[length] == '\0') return true;
    if (name[length] != ':' || name[length + 1] < '0' || name[length + 1] > '9') return false;
    char *end;
    long number = strtol(name + length + 1, &end, 10);
    *index = number < MOST_DEVICES ? (int)number : MOST_DEVICES;
    return *end == '\0';
}

bool nn_device_is_name(const char *name) {
    int index;
    return read_name(name, &index);
}

/* ---- the library ---- */

/* The folder that this very code was loaded from, with a slash; "" where that is not known. */
static void own_folder(char *folder, size_t size) {
    Dl_info info;
    folder[0] = '\0';
    if (dladdr((void *)&cuda, &info) == 0 || info.dli_fname == NULL) return;
    const char *slash = strrchr(info.dli_fname, '/');
    if (slash == NULL) return;
    snprintf(folder, size, "%.*s", (int)(slash + 1 - info.dli_fname), info.dli_fname);
}

static void *load_named(const char *path, char *reason, size_t size) {
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    const char *error = library == NULL ? dlerror() : NULL;
    if (error != NULL) snprintf(reason, size, "%s", error);
    return library;
}

static void *load_library(char *reason, size_t size) {
    char path[4096];
    const char *named = getenv("NNOPT_CUDA_LIBRARY");
    if (named != NULL && named[0] != '\0') return load_named(named, reason, size);
    own_folder(path, sizeof path - 32);
    size_t used = strlen(path);
    snprintf(path + used, sizeof path - used, "libnnopt_cuda.so");
    void *library = used > 0 ? load_named(path, reason, size) : NULL;
    return library != NULL ? library : load_named("libnnopt_cuda.so", reason, size);
}

static nn_status load_entry(nn_device_entry **out) {
    char reason[512] = "not found";
    void *library = load_library(reason, sizeof reason);
    if (library == NULL)
        return nn_fail(NN_UNSUPPORTED,
                       "device 'cuda' needs libnnopt_cuda.so, which is built with the option "
                       "NNOPT_CUDA of CMake: %s",
                       reason);
    *(void **)out = dlsym(library, "nnopt_cuda_open");
    if (*out == NULL) return nn_fail(NN_UNSUPPORTED, "libnnopt_cuda.so has no 'nnopt_cuda_open'");
    return NN_OK;
}

/* ---- devices ---- */

static nn_status open_locked(int index, nn_device **out) {
    const nn_device_host host = {NN_DEVICE_ABI, nn_status_buffer};
    if (cuda.devices[index] == NULL) {
        if (cuda.entry == NULL) NN_TRY(load_entry(&cuda.entry));
        NN_TRY(cuda.entry(&host, index, &cuda.devices[index]));
    }
    *out = cuda.devices[index];
    return NN_OK;
}

nn_status nn_device_open(const char *name, nn_device **out) {
    int index;
    if (!read_name(name, &index))
        return nn_fail(NN_USAGE, "device '%s' is none of cpu, cuda, cuda:N", name);
    if (index >= MOST_DEVICES)
        return nn_fail(NN_USAGE, "device '%s': there are at most %d", name, MOST_DEVICES);
    pthread_mutex_lock(&cuda.lock);
    nn_status status = open_locked(index, out);
    pthread_mutex_unlock(&cuda.lock);
    return status;
}
