#include "base/file.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static nn_status fail_path(const char *verb, const char *path) {
    return nn_fail(NN_IO, "cannot %s '%s': %s", verb, path, strerror(errno));
}

/* ---- writing ---- */

/* A new file beside `path`, with the mode that open(2) gives any new file; -1 with errno set. */
static int open_temporary(const char *path, char **name) {
    static _Atomic unsigned counter;
    for (int attempt = 0; attempt < 100; attempt++) {
        nn_free(*name);
        *name = nn_format("%s.%ld-%u.tmp", path, (long)getpid(), atomic_fetch_add(&counter, 1));
        if (*name == NULL) {
            errno = ENOMEM;
            return -1;
        }
        int descriptor = open(*name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (descriptor >= 0 || errno != EEXIST) return descriptor;
    }
    return -1;
}

nn_status nn_new_file_open(const char *path, nn_new_file *out) {
    nn_new_file file = {0};
    struct stat info;
    int descriptor = -1;
    nn_status status = NN_OK;
    char *resolved = realpath(path, NULL); /* a link stays, what it points to is replaced */
    bool exists = stat(path, &info) == 0;
    file.path = nn_strdup(resolved != NULL ? resolved : path);
    free(resolved);
    if (file.path == NULL) return nn_fail_memory(strlen(path) + 1);

    if (exists && S_ISDIR(info.st_mode)) {
        errno = EISDIR;
        status = fail_path("write", path);
        goto done;
    }
    if (exists && !S_ISREG(info.st_mode)) {
        descriptor = open(file.path, O_WRONLY | O_CLOEXEC);
    } else {
        descriptor = open_temporary(file.path, &file.temporary);
        if (descriptor >= 0 && exists) fchmod(descriptor, info.st_mode & 07777);
    }
    if (descriptor < 0) {
        status = fail_path("write", path);
        nn_free(file.temporary);
        file.temporary = NULL;
        goto done;
    }
    file.stream = fdopen(descriptor, "wb");
    if (file.stream == NULL) {
        status = fail_path("write", path);
        close(descriptor);
        goto done;
    }
    *out = file;
    return NN_OK;
done:
    nn_new_file_discard(&file);
    return status;
}

nn_status nn_new_file_commit(nn_new_file *file) {
    nn_status status = NN_OK;
    bool failed = ferror(file->stream) != 0;
    int write_error = failed && errno != 0 ? errno : EIO;
    if (fclose(file->stream) != 0) {
        if (!failed) write_error = errno;
        failed = true;
    }
    file->stream = NULL;
    if (failed) {
        errno = write_error;
        status = fail_path("write", file->path);
    } else if (file->temporary != NULL) {
        if (rename(file->temporary, file->path) != 0) {
            status = fail_path("write", file->path);
        } else {
            nn_free(file->temporary);
            file->temporary = NULL;
        }
    }
    nn_new_file_discard(file);
    return status;
}

void nn_new_file_discard(nn_new_file *file) {
    if (file->stream != NULL) fclose(file->stream);
    if (file->temporary != NULL) unlink(file->temporary);
    nn_free(file->temporary);
    nn_free(file->path);
    *file = (nn_new_file){0};
}

nn_status nn_file_write(const char *path, const void *bytes, size_t size) {
    nn_new_file file;
    NN_TRY(nn_new_file_open(path, &file));
    errno = 0;
    if (size > 0) fwrite(bytes, 1, size, file.stream);
    return nn_new_file_commit(&file);
}

/* ---- reading ---- */

nn_status nn_file_read(const char *path, size_t limit, char **out, size_t *size) {
    nn_status status = NN_OK;
    struct stat info;
    char *bytes = NULL;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return fail_path("read", path);
    if (fstat(descriptor, &info) != 0) {
        status = fail_path("read", path);
        goto done;
    }
    if (!S_ISREG(info.st_mode)) {
        status = nn_fail(NN_IO, "cannot read '%s': not a regular file", path);
        goto done;
    }
    if ((uint64_t)info.st_size > limit) {
        status =
            nn_fail(NN_BAD_INPUT, "%s: %lld bytes are more than the %zu that such a file may have",
                    path, (long long)info.st_size, limit);
        goto done;
    }
    size_t capacity = (size_t)info.st_size, filled = 0;
    bytes = nn_alloc(capacity + 1);
    if (bytes == NULL) {
        status = nn_fail_memory(capacity + 1);
        goto done;
    }
    while (filled < capacity) {
        ssize_t got = read(descriptor, bytes + filled, capacity - filled);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            status = fail_path("read", path);
            goto done;
        }
        if (got == 0) break; /* it shrank meanwhile */
        filled += (size_t)got;
    }
    bytes[filled] = '\0';
    *out = bytes;
    if (size != NULL) *size = filled;
    bytes = NULL;
done:
    nn_free(bytes);
    close(descriptor);
    return status;
}

/* ---- cache folder ---- */

nn_status nn_cache_path(const char *name, char **out) {
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    char *folder = NULL;
    if (cache != NULL && cache[0] == '/')
        folder = nn_format("%s/nnopt", cache);
    else if (home != NULL && home[0] == '/')
        folder = nn_format("%s/.cache/nnopt", home);
    else
        return nn_fail(NN_IO, "no cache folder: neither XDG_CACHE_HOME nor HOME is set");
    if (folder == NULL) return nn_fail_memory(64);

    nn_status status = NN_OK;
    for (char *slash = folder + 1; status == NN_OK; slash++) {
        if (*slash != '/' && *slash != '\0') continue;
        char kept = *slash;
        *slash = '\0';
        if (mkdir(folder, 0755) != 0 && errno != EEXIST) status = fail_path("make folder", folder);
        *slash = kept;
        if (kept == '\0') break;
    }
    if (status == NN_OK) {
        *out = nn_format("%s/%s", folder, name);
        if (*out == NULL) status = nn_fail_memory(strlen(folder) + strlen(name) + 2);
    }
    nn_free(folder);
    return status;
}
