/* Arithmetic of sizes: not negative, and far from the ends of their type (callers check products
 * before). */
#ifndef NN_BASE_INTEGERS_H
#define NN_BASE_INTEGERS_H

#include <stddef.h>
#include <stdint.h>

#include "base/memory.h"

static inline int64_t nn_min(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static inline int64_t nn_max(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/* How many parts of `size` hold `count`. */
static inline int64_t nn_divide_up(int64_t count, int64_t size) {
    return count / size + (count % size != 0);
}

/* The least multiple of `multiple` that holds `count`. */
static inline int64_t nn_round_up(int64_t count, int64_t multiple) {
    return nn_divide_up(count, multiple) * multiple;
}

/* Bytes of a part of a block, such that the next part is aligned as nn_alloc aligns. */
static inline size_t nn_aligned(size_t bytes) {
    return (bytes + NN_ALIGNMENT - 1) / NN_ALIGNMENT * NN_ALIGNMENT;
}

#endif
