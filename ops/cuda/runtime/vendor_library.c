#include "ops/cuda/runtime/vendor_library.h"

#include <dlfcn.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

enum { PATH_SIZE = 4096 };

static void *load(const char *path, char *reason, size_t size) {
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    const char *error = library == NULL ? dlerror() : NULL;
    if (error != NULL) snprintf(reason, size, "%s", error);
    return library;
}

/* The first file that matches and loads. */
static void *load_matching(const char *pattern, char *reason, size_t size) {
    glob_t found;
    void *library = NULL;
    if (glob(pattern, 0, NULL, &found) != 0) return NULL;
    for (size_t i = 0; library == NULL && i < found.gl_pathc; i++)
        library = load(found.gl_pathv[i], reason, size);
    globfree(&found);
    return library;
}

static void *load_below(const char *root, const char *rest, const char *name, char *reason,
                        size_t size) {
    char pattern[PATH_SIZE];
    if (root == NULL || root[0] == '\0') return NULL;
    int length = snprintf(pattern, sizeof pattern, "%s/%s/%s", root, rest, name);
    if (length < 0 || length >= PATH_SIZE) return NULL;
    return load_matching(pattern, reason, size);
}

static void *load_of_toolkit(const char *name, char *reason, size_t size) {
    const char *const roots[] = {getenv("CUDA_HOME"), "/usr/local/cuda"};
    static const char *const folders[] = {"lib64", "lib"};
    void *library = NULL;
    for (int i = 0; library == NULL && i < 4; i++)
        library = load_below(roots[i / 2], folders[i % 2], name, reason, size);
    return library;
}

static void *load_of_python(const char *folder, const char *name, char *reason, size_t size) {
    const char *home = getenv("HOME");
    char local[PATH_SIZE] = "", rest[PATH_SIZE];
    if (home != NULL) snprintf(local, sizeof local, "%s/.local", home);
    const char *const roots[] = {getenv("VIRTUAL_ENV"), local, "/usr/local", "/usr"};
    static const char *const packages[] = {"site-packages", "dist-packages"};
    void *library = NULL;
    for (int i = 0; library == NULL && i < 8; i++) {
        snprintf(rest, sizeof rest, "lib/python3*/%s/%s", packages[i % 2], folder);
        library = load_below(roots[i / 2], rest, name, reason, size);
    }
    return library;
}

void *nn_vendor_library_load(const nn_vendor_library *from, char *reason, size_t size) {
    const char *named = getenv(from->variable);
    void *library = NULL;
    snprintf(reason, size, "not found");
    if (named != NULL && named[0] != '\0') return load(named, reason, size);
    for (int i = 0; library == NULL && from->names[i] != NULL; i++) {
        library = load(from->names[i], reason, size);
        if (library == NULL) library = load_of_toolkit(from->names[i], reason, size);
        for (int j = 0; library == NULL && from->python[j] != NULL; j++)
            library = load_of_python(from->python[j], from->names[i], reason, size);
    }
    return library;
}
