#include "ops/device_kernels.h"

#include <pthread.h>
#include <stdlib.h>

typedef struct attachment {
    const nn_op *op;
    const nn_kernel *const *kernels;
} attachment;

typedef struct attachments {
    size_t count;
    attachment items[]; /* by address of the operator */
} attachments;

static int compare_operators(const void *a, const void *b) {
    uintptr_t left = (uintptr_t)((const attachment *)a)->op;
    uintptr_t right = (uintptr_t)((const attachment *)b)->op;
    return left < right ? -1 : left > right;
}

/* A row counts for all descriptors of its name: what opset a node has, `accepts` sees. */
static bool is_named(const nn_op *op, const nn_device_row *row) {
    return strcmp(op->name, row->name) == 0 && strcmp(op->domain, row->domain) == 0;
}

nn_status nn_device_attach(nn_device *device) {
    size_t count = 0;
    for (const nn_device_row *row = device->rows; row->name != NULL; row++) {
        size_t before = count;
        for (const nn_op *const *op = nn_op_table; *op != NULL; op++) count += is_named(*op, row);
        if (count == before)
            return nn_fail(NN_INTERNAL, "the device has kernels for '%s', which is no operator",
                           row->name);
    }
    size_t size = sizeof(attachments) + count * sizeof(attachment);
    attachments *all = nn_alloc(size);
    if (all == NULL) return nn_fail_memory(size);
    all->count = 0;
    for (const nn_device_row *row = device->rows; row->name != NULL; row++)
        for (const nn_op *const *op = nn_op_table; *op != NULL; op++)
            if (is_named(*op, row)) all->items[all->count++] = (attachment){*op, row->kernels};
    qsort(all->items, all->count, sizeof *all->items, compare_operators);
    device->attached = all; /* as long as the process, as the device */
    return NN_OK;
}

nn_status nn_device_open_kernels(const char *name, nn_device **out) {
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    nn_device *device;
    NN_TRY(nn_device_open(name, &device));
    pthread_mutex_lock(&lock);
    nn_status status = device->attached == NULL ? nn_device_attach(device) : NN_OK;
    pthread_mutex_unlock(&lock);
    if (status == NN_OK) *out = device;
    return status;
}

const nn_kernel *const *nn_device_kernels(const nn_device *device, const nn_op *op) {
    const attachments *all = device->attached;
    attachment wanted = {op, NULL};
    const attachment *found = all == NULL ? NULL
                                          : bsearch(&wanted, all->items, all->count,
                                                    sizeof *all->items, compare_operators);
    return found != NULL ? found->kernels : NULL;
}
