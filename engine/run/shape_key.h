/* Types and shapes of a set of inputs: what a plan was made for. */
#ifndef NN_SHAPE_KEY_H
#define NN_SHAPE_KEY_H

#include "base/tensor.h"

typedef struct nn_shape_key {
    int64_t *words; /* of each input: type, rank, dims */
    int64_t count;
} nn_shape_key;

nn_status nn_shape_key_init(nn_shape_key *key, const nn_tensor *inputs, size_t input_count);
void nn_shape_key_clear(nn_shape_key *key);
/* Allocates nothing. */
bool nn_shape_key_matches(const nn_shape_key *key, const nn_tensor *inputs, size_t input_count);

#endif
