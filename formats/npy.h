/* numpy's array files: .npy, and .npz, a zip archive of them.
 *
 * Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html */
#ifndef NN_NPY_H
#define NN_NPY_H

#include "base/tensor.h"

typedef struct nn_named_array {
    char *name;
    nn_blob *blob;
} nn_named_array;

/* Arrays of one file, in its order. Starts as {0}. */
typedef struct nn_named_arrays {
    nn_named_array *items;
    int64_t count, capacity;
} nn_named_arrays;
void nn_named_arrays_clear(nn_named_arrays *arrays);
/* Takes `blob` also on failure; copies the name. */
nn_status nn_named_arrays_add(nn_named_arrays *arrays, const char *name, nn_blob *blob);
nn_blob *nn_named_arrays_find(const nn_named_arrays *arrays, const char *name); /* or NULL */

/* Reads up to `size` bytes, fewer only at the end; -1: an error whose message is set. */
typedef struct nn_byte_reader {
    int64_t (*read)(struct nn_byte_reader *self, void *out, int64_t size);
    int64_t size;     /* bytes in all */
    const char *name; /* for messages */
} nn_byte_reader;

/* One array of `reader`: C or Fortran order, either byte order, numbers, bools, complex numbers,
 * and strings (which become UTF-8). Pickled objects and records are NN_UNSUPPORTED. */
nn_status nn_npy_read(nn_byte_reader *reader, nn_blob **out);
nn_status nn_npy_load(const char *path, nn_blob **out);
/* The header that stands before the data of `tensor`; NN_UNSUPPORTED for types that numpy lacks.
 * Free with nn_free. */
nn_status nn_npy_header(const nn_tensor *tensor, const char *name, char **out, size_t *size);

/* Arrays keyed by their names without ".npy". */
nn_status nn_npz_load(const char *path, nn_named_arrays *out);
nn_status nn_npz_save(const char *path, const char *const *names, const nn_tensor *tensors,
                      size_t count, bool compress);

#endif
