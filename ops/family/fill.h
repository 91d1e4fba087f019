/* Filling memory with one element. */
#ifndef NN_FAMILY_FILL_H
#define NN_FAMILY_FILL_H

#include "ops/op.h"

/* Writes `count` copies of the element of `size` bytes at `value`. */
void nn_fill(nn_pool *pool, void *target, const void *value, size_t size, int64_t count);

#endif
