/* What a model gave over a data set, feed after feed, to be written. */
#ifndef NN_OUTPUTS_H
#define NN_OUTPUTS_H

#include "engine/graph/model.h"

typedef struct nn_collected {
    const char *name; /* of the model's output; borrowed */
    nn_tensor tensor; /* of all feeds so far; own data, texts of strings in `texts` */
    int64_t capacity; /* bytes */
} nn_collected;

typedef struct nn_outputs {
    nn_collected *items;
    int64_t count;
    int64_t feeds; /* collected so far */
    nn_arena texts;
} nn_outputs;

nn_status nn_outputs_init(nn_outputs *outputs, const nn_model *model);
void nn_outputs_clear(nn_outputs *outputs);
/* Adds the outputs of one run: later feeds go behind the earlier ones along axis 0, scalars become
 * a list, sequences follow one another, other containers have only one feed. `only` is the one feed
 * of the data set, kept as it is. NN_BAD_INPUT when shapes differ. */
nn_status nn_outputs_add(nn_outputs *outputs, const nn_tensor *tensors, bool only);
/* OUT.npz by output name, or output_N.pb in a folder when `path` ends in '/'; the folder is made.
 */
nn_status nn_outputs_write(const nn_outputs *outputs, const char *path);

#endif
