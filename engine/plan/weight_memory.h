/* Memory of packed constants: many of any size side by side in few large chunks, so that the system
 * may map them in large pages and a network's layers follow each other in memory. Not safe from
 * several threads at a time. */
#ifndef NN_WEIGHT_MEMORY_H
#define NN_WEIGHT_MEMORY_H

#include "base/memory.h"

typedef struct nn_weight_chunk nn_weight_chunk;

/* Init with {0}; all that was taken must be given back before its life ends. */
typedef struct nn_weight_memory {
    nn_weight_chunk *newest;
    size_t held; /* bytes of all chunks */
} nn_weight_memory;

/* `bytes` zeroed bytes aligned to NN_ALIGNMENT, and the chunk they lie in; NULL when out of memory.
 */
void *nn_weight_memory_take(nn_weight_memory *memory, size_t bytes, nn_weight_chunk **chunk);
/* Gives back one piece of a chunk, which goes with its last one. */
void nn_weight_memory_give(nn_weight_memory *memory, nn_weight_chunk *chunk);

#endif
