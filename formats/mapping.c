#include "formats/mapping.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static nn_status storage_new(void (*release)(nn_storage *), void *base, size_t size, bool is_mapped,
                             nn_storage **out) {
    nn_storage *storage = nn_alloc_zero(sizeof *storage);
    if (storage == NULL) return nn_fail_memory(sizeof *storage);
    atomic_init(&storage->references, 1);
    storage->release = release;
    storage->base = base;
    storage->size = size;
    storage->is_mapped = is_mapped;
    *out = storage;
    return NN_OK;
}

static void release_mapping(nn_storage *self) {
    if (self->base != NULL) munmap(self->base, self->size);
    nn_free(self);
}

static void release_block(nn_storage *self) {
    nn_free(self->base);
    nn_free(self);
}

nn_status nn_mapping_open(const char *path, nn_storage **out) {
    nn_status status = NN_OK;
    void *base = NULL;
    struct stat info;
    /* O_NONBLOCK: a pipe must not make us wait before we can see that it is one. */
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0) return nn_fail(NN_IO, "cannot read '%s': %s", path, strerror(errno));
    if (fstat(descriptor, &info) != 0) {
        status = nn_fail(NN_IO, "cannot read '%s': %s", path, strerror(errno));
        goto done;
    }
    if (!S_ISREG(info.st_mode)) {
        status = nn_fail(NN_IO, "cannot read '%s': not a regular file", path);
        goto done;
    }
    size_t size = (size_t)info.st_size;
    if (size > 0) {
        base = mmap(NULL, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
        if (base == MAP_FAILED) {
            status = nn_fail(NN_IO, "cannot map '%s': %s", path, strerror(errno));
            goto done;
        }
    }
    status = storage_new(release_mapping, base, size, true, out);
    if (status != NN_OK && base != NULL) munmap(base, size);
done:
    close(descriptor);
    return status;
}

nn_status nn_storage_take(void *block, size_t size, nn_storage **out) {
    nn_status status = storage_new(release_block, block, size, false, out);
    if (status != NN_OK) nn_free(block);
    return status;
}
