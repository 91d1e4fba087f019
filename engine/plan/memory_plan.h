/* Places blocks of known lifetimes in one slab.
 *
 * Greedy by size (Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference",
 * 2020): the largest block first, each into the smallest gap between the blocks that live at the
 * same time. */
#ifndef NN_MEMORY_PLAN_H
#define NN_MEMORY_PLAN_H

#include "base/memory.h"

typedef struct nn_memory_block {
    int64_t bytes;
    int64_t first, last; /* the steps between which it is in use, both included */
    int64_t offset;      /* out: a multiple of NN_ALIGNMENT */
} nn_memory_block;

/* Sets all offsets. NN_NO_MEMORY also when the slab's size would overflow. */
nn_status nn_memory_plan(nn_memory_block *blocks, int64_t count, int64_t *slab_bytes);

/* Bytes of the blocks in use at `step`, each rounded up to NN_ALIGNMENT as in the slab. */
int64_t nn_memory_live(const nn_memory_block *blocks, int64_t count, int64_t step);

#endif
