#include "ops/cuda/products/plan_file.h"

#include "base/dataset.h"
#include "base/file.h"
#include "base/memory.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KEY_SIZE = 768, MOST_BYTES = 16 << 20 /* of one plan */ };

/* Of all plans. */
static const int64_t most_bytes = (int64_t)256 << 20;

static const char head_format[] = "nnopt plan 1 %016" PRIx64 " %zu ";

static void write_key(const nn_plan_key *key, char *out, size_t size) {
    nn_device_info info;
    key->device->calls->info(key->device, &info);
    snprintf(out, size, "%s %zu, %s %s, %d multiprocessors, graph %016" PRIx64 ", engine %s",
             key->library, key->version, info.name, info.architecture, info.multiprocessors,
             key->graph, key->engine);
}

/* Of the folder where `name` is NULL. */
static nn_status path_of(const char *name, char **out) {
    char *folder = NULL;
    NN_TRY(nn_cache_path("plans", &folder));
    (void)mkdir(folder, 0700); /* mostly it is there */
    *out = name != NULL ? nn_format("%s/%s", folder, name) : nn_strdup(folder);
    nn_free(folder);
    return *out != NULL ? NN_OK : nn_fail_memory(sizeof "plans" + KEY_SIZE);
}

static nn_status path_of_key(const char *key, char **out) {
    char name[32];
    snprintf(name, sizeof name, "%016" PRIx64 ".plan", nn_hash_bytes(0, key, strlen(key)));
    return path_of(name, out);
}

/* ---- reading ---- */

/* Written by this user, and by nobody else. */
static bool is_own(const char *path) {
    struct stat info;
    return lstat(path, &info) == 0 && S_ISREG(info.st_mode) && info.st_uid == geteuid() &&
           (info.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/* The plan inside the file's bytes; NULL: it is another's, or damaged. */
static const char *find_plan(const char *file, size_t file_bytes, const char *key, size_t *bytes) {
    char head[KEY_SIZE + 80];
    uint64_t checksum;
    if (sscanf(file, "nnopt plan 1 %16" SCNx64 " %zu ", &checksum, bytes) != 2) return NULL;
    int used = snprintf(head, sizeof head, head_format, checksum, *bytes);
    used += snprintf(head + used, sizeof head - (size_t)used, "%s\n", key);
    const size_t length = (size_t)used;
    if (length >= sizeof head || file_bytes < length || memcmp(file, head, length) != 0)
        return NULL;
    if (*bytes == 0 || file_bytes - length != *bytes) return NULL;
    return nn_hash_bytes(0, file + length, *bytes) == checksum ? file + length : NULL;
}

bool nn_plan_recall(const nn_plan_key *key, char **out, size_t *bytes) {
    char *path = NULL, *file = NULL, text[KEY_SIZE];
    const char *plan = NULL;
    size_t size;
    write_key(key, text, sizeof text);
    if (path_of_key(text, &path) == NN_OK && is_own(path) &&
        nn_file_read(path, MOST_BYTES + sizeof text + 80, &file, &size) == NN_OK)
        plan = find_plan(file, size, text, bytes);
    if (plan != NULL) {
        memmove(file, plan, *bytes); /* over the head */
        file[*bytes] = '\0';
        *out = file;
        file = NULL;
        (void)utimensat(AT_FDCWD, path, NULL, 0); /* used now */
    }
    nn_free(file);
    nn_free(path);
    return plan != NULL;
}

/* ---- writing ---- */

typedef struct oldest_file {
    char *path;
    struct timespec time;
} oldest_file;

static bool is_older(const struct timespec *a, const struct timespec *b) {
    return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec : a->tv_nsec < b->tv_nsec;
}

/* Bytes of all files, temporary ones that were left behind among them, and the oldest. */
static int64_t count_bytes(const char *folder, oldest_file *oldest) {
    int64_t sum = 0;
    DIR *list = opendir(folder);
    if (list == NULL) return 0;
    for (struct dirent *entry = readdir(list); entry != NULL; entry = readdir(list)) {
        struct stat info;
        if (fstatat(dirfd(list), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0 ||
            !S_ISREG(info.st_mode))
            continue;
        sum += (int64_t)info.st_size;
        if (oldest->path != NULL && !is_older(&info.st_mtim, &oldest->time)) continue;
        nn_free(oldest->path);
        *oldest = (oldest_file){nn_format("%s/%s", folder, entry->d_name), info.st_mtim};
    }
    closedir(list);
    return sum;
}

/* Removes what was not used for the longest time until `bytes` more fit. */
static void make_room(const char *folder, int64_t bytes) {
    for (bool fits = false; !fits;) {
        oldest_file oldest = {.path = NULL};
        fits = count_bytes(folder, &oldest) + bytes <= most_bytes || oldest.path == NULL ||
               unlink(oldest.path) != 0;
        nn_free(oldest.path);
    }
}

/* What is no file of ours goes: a new file would be written into a pipe, or through a link. */
static nn_status write_file(const char *path, const char *key, const char *plan, size_t bytes) {
    nn_new_file file;
    if (!is_own(path)) (void)unlink(path); /* mostly there is none */
    NN_TRY(nn_new_file_open(path, &file));
    (void)fchmod(fileno(file.stream), S_IRUSR | S_IWUSR);
    fprintf(file.stream, head_format, nn_hash_bytes(0, plan, bytes), bytes);
    fprintf(file.stream, "%s\n", key);
    fwrite(plan, 1, bytes, file.stream);
    return nn_new_file_commit(&file);
}

void nn_plan_remember(const nn_plan_key *key, const char *plan, size_t bytes) {
    char *folder = NULL, *path = NULL, text[KEY_SIZE];
    write_key(key, text, sizeof text);
    if (bytes > 0 && bytes <= MOST_BYTES && path_of(NULL, &folder) == NN_OK &&
        path_of_key(text, &path) == NN_OK) {
        make_room(folder, (int64_t)bytes);
        (void)write_file(path, text, plan, bytes);
    }
    nn_free(folder);
    nn_free(path);
}
