#include "engine/run/block_pool.h"

/* Blocks that wait. A linear search over them costs less than a page fault. */
enum { MOST_FREE = 64 };

nn_status nn_block_pool_take(nn_block_pool *pool, int64_t bytes, nn_block *out) {
    int64_t best = -1;
    for (int64_t i = 0; i < pool->count; i++) {
        int64_t capacity = pool->free[i].capacity;
        if (capacity < bytes || capacity / 2 > bytes) continue;
        if (best < 0 || capacity < pool->free[best].capacity) best = i;
    }
    if (best >= 0) {
        *out = pool->free[best];
        pool->free[best] = pool->free[--pool->count];
        return NN_OK;
    }
    void *data = nn_alloc((size_t)bytes);
    if (data == NULL) return nn_fail_memory((size_t)bytes);
    *out = (nn_block){data, bytes};
    return NN_OK;
}

void nn_block_pool_give(nn_block_pool *pool, nn_block block) {
    if (block.data == NULL) return;
    if (pool->count >= MOST_FREE || !NN_GROW(pool->free, pool->count, pool->capacity)) {
        nn_free(block.data);
        return;
    }
    pool->free[pool->count++] = block;
}

void nn_block_pool_clear(nn_block_pool *pool) {
    for (int64_t i = 0; i < pool->count; i++) nn_free(pool->free[i].data);
    nn_free(pool->free);
    *pool = (nn_block_pool){0};
}
