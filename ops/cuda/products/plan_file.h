/* Compiled plans of a vendor's library, kept between processes: a file for each in the folder
 * "plans" of the cache folder, named by a digest of its key. A file is a line of text and the plan:
 *
 *     nnopt plan 1 CHECKSUM BYTES KEY
 *
 * A plan is code that the GPU runs, so a file that another user owns or may write is not read, nor
 * one whose key or checksum differs. Beyond 256 MiB those that were not used for the longest time
 * go. Whatever is wrong with a file or the folder costs time, nothing else. */
#ifndef NN_PLAN_FILE_H
#define NN_PLAN_FILE_H

#include "base/device.h"

#include <stdint.h>

/* All that a plan depends on. */
typedef struct nn_plan_key {
    nn_device *device;
    const char *library; /* "cudnn" */
    size_t version;
    uint64_t graph;     /* a digest */
    const char *engine; /* with its knobs; no end of line */
} nn_plan_key;

/* The plan of this key; false: there is none. Free with nn_free. */
bool nn_plan_recall(const nn_plan_key *key, char **out, size_t *bytes);
/* Keeps it. */
void nn_plan_remember(const nn_plan_key *key, const char *plan, size_t bytes);

#endif
