/* Bytes that blobs point into: mapped files and heap blocks. */
#ifndef NN_MAPPING_H
#define NN_MAPPING_H

#include "base/tensor.h"

/* Maps a whole regular file for reading; one reference. An empty file has base NULL. NN_IO names
 * `path`. The file must not shrink while it is mapped. */
nn_status nn_mapping_open(const char *path, nn_storage **out);
/* A storage that owns a block of nn_alloc (NULL allowed when size is 0), which it takes also on
 * failure. */
nn_status nn_storage_take(void *block, size_t size, nn_storage **out);

#endif
