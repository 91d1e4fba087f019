/* Blocks of memory that are used again: for tensors whose sizes are found in a run. */
#ifndef NN_BLOCK_POOL_H
#define NN_BLOCK_POOL_H

#include "base/memory.h"

typedef struct nn_block {
    void *data; /* aligned to NN_ALIGNMENT */
    int64_t capacity;
} nn_block;

/* Starts as {0}; owns only what was given back. */
typedef struct nn_block_pool {
    nn_block *free;
    int64_t count, capacity;
} nn_block_pool;

/* A block of at least `bytes` (> 0): the smallest free one of up to twice that, else a new one.
 * Contents undefined. */
nn_status nn_block_pool_take(nn_block_pool *pool, int64_t bytes, nn_block *out);
/* Keeps the block for the next taker, or frees it when there are too many. */
void nn_block_pool_give(nn_block_pool *pool, nn_block block);
void nn_block_pool_clear(nn_block_pool *pool);

#endif
