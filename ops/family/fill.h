/* Filling memory with one element. */
#ifndef NN_FAMILY_FILL_H
#define NN_FAMILY_FILL_H

#include "ops/op.h"

/* Writes `count` copies of the element of `size` bytes at `value`. */
void nn_fill(nn_pool *pool, void *target, const void *value, size_t size, int64_t count);

/* `count` zeros of a type of whole bytes; strings become empty. */
void nn_fill_zero(nn_type type, void *target, int64_t count);

#endif
