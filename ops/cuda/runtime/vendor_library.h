/* Shared libraries of the vendor, found where the loader does not look: next to an installation of
 * the toolkit ($CUDA_HOME, /usr/local/cuda) and in Python's packages (below $VIRTUAL_ENV, ~/.local,
 * /usr/local, /usr), which is where pip puts them. */
#ifndef NN_VENDOR_LIBRARY_H
#define NN_VENDOR_LIBRARY_H

#include <stddef.h>

/* A library and its places. */
typedef struct nn_vendor_library {
    const char *variable;      /* of the environment, naming a file to be taken instead */
    const char *const *names;  /* as the loader knows it, newest first, NULL ends them */
    const char *const *python; /* folders below site-packages, NULL ends them */
} nn_vendor_library;

/* What dlopen gives for the first that loads; NULL writes why the last one did not. */
void *nn_vendor_library_load(const nn_vendor_library *library, char *reason, size_t size);

#endif
