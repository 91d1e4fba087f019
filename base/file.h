/* Whole files: read up to a limit, replaced so that nobody ever sees half of one. */
#ifndef NN_FILE_H
#define NN_FILE_H

#include "base/status.h"

#include <stdio.h>

/* A file being written. Its bytes go to a temporary file beside `path`, which takes that name on
 * commit. Where `path` is a pipe or a device they go there at once. */
typedef struct nn_new_file {
    FILE *stream;
    char *path;
    char *temporary; /* NULL: written in place */
} nn_new_file;

nn_status nn_new_file_open(const char *path, nn_new_file *out);
/* Checks every write so far, then renames. Ends the object, also on failure. NN_IO names `path`. */
nn_status nn_new_file_commit(nn_new_file *file);
/* Removes the temporary file; nothing after a commit. */
void nn_new_file_discard(nn_new_file *file);

nn_status nn_file_write(const char *path, const void *bytes, size_t size);

/* The bytes of a regular file with a zero after them; free with nn_free. Larger than `limit` bytes
 * is NN_BAD_INPUT. */
nn_status nn_file_read(const char *path, size_t limit, char **out, size_t *size);

/* $XDG_CACHE_HOME/nnopt/NAME (or below ~/.cache), the folder made when missing; NN_IO when there is
 * no such place. Free with nn_free. */
nn_status nn_cache_path(const char *name, char **out);

#endif
