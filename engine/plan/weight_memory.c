#include "engine/plan/weight_memory.h"

#include "base/integers.h"

/* Chunks are as large as all before together, within these bounds: small models hold little that
 * they do not use. */
enum { SMALLEST_CHUNK = 128 << 10, LARGEST_CHUNK = 32 << 20 };

struct nn_weight_chunk {
    char *data;
    size_t size, used;
    int64_t pieces; /* that are taken */
};

static nn_weight_chunk *create_chunk(size_t size) {
    nn_weight_chunk *chunk = nn_alloc_zero(sizeof *chunk);
    if (chunk == NULL) return NULL;
    chunk->size = size;
    chunk->data = nn_alloc_pages(size);
    if (chunk->data != NULL) return chunk;
    nn_free(chunk);
    return NULL;
}

/* A chunk with room for `bytes`; it becomes the newest unless it is filled at once. */
static nn_weight_chunk *chunk_for(nn_weight_memory *memory, size_t bytes) {
    nn_weight_chunk *newest = memory->newest;
    if (newest != NULL && newest->size - newest->used >= bytes) return newest;
    size_t size = memory->held;
    if (size < SMALLEST_CHUNK) size = SMALLEST_CHUNK;
    if (size > LARGEST_CHUNK) size = LARGEST_CHUNK;
    bool is_shared = bytes < size;
    nn_weight_chunk *chunk = create_chunk(is_shared ? size : bytes);
    if (chunk == NULL) return NULL;
    memory->held += chunk->size;
    if (is_shared) memory->newest = chunk;
    return chunk;
}

void *nn_weight_memory_take(nn_weight_memory *memory, size_t bytes, nn_weight_chunk **out) {
    if (bytes > (size_t)INT64_MAX - NN_ALIGNMENT) return NULL;
    size_t taken = nn_aligned(bytes > 0 ? bytes : 1);
    nn_weight_chunk *chunk = *out = chunk_for(memory, taken);
    if (chunk == NULL) return NULL;
    void *data = chunk->data + chunk->used;
    chunk->used += taken;
    chunk->pieces++;
    return data; /* pages are new, and no piece of a chunk is given twice */
}

void nn_weight_memory_give(nn_weight_memory *memory, nn_weight_chunk *chunk) {
    if (chunk == NULL || --chunk->pieces > 0) return;
    if (memory->newest == chunk) memory->newest = NULL;
    memory->held -= chunk->size;
    nn_free_pages(chunk->data, chunk->size);
    nn_free(chunk);
}
