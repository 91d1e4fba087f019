/* Choices of engines that took time to make, kept between processes: a file in the cache folder for
 * each GPU and version of a library, with one line each:
 *
 *     KEY<tab>CHOICE
 *
 * Whoever reads a choice checks it; a damaged file costs time, nothing else. */
#ifndef NN_CHOICE_FILE_H
#define NN_CHOICE_FILE_H

#include "base/device.h"

/* Texts have no tab and no end of line. */
typedef struct nn_choice_key {
    nn_device *device;
    const char *library; /* "cudnn" */
    size_t version;
    const char *key;
} nn_choice_key;

/* Copies what is known of the key; false: nothing, or more than fits. */
bool nn_choice_recall(const nn_choice_key *key, char *out, size_t size);
/* Adds it, without a word where the file cannot be written. */
void nn_choice_remember(const nn_choice_key *key, const char *choice);

#endif
