/* Memory: every allocation of the library goes through here. */
#ifndef NN_MEMORY_H
#define NN_MEMORY_H

#include "base/status.h"

#include <string.h>

enum { NN_ALIGNMENT = 64 }; /* a cache line and a zmm register */

/* Return NULL on failure or when size is 0; memory is aligned to NN_ALIGNMENT. */
void *nn_alloc(size_t size);
void *nn_alloc_zero(size_t size);
void *nn_realloc(void *memory, size_t old_size,
                 size_t new_size); /* the old block stays on failure */
void nn_free(void *memory);
/* Zeroed memory of its own pages, which no other allocation shares; end it with the same size.
 * Pages come into being when they are touched. */
void *nn_alloc_pages(size_t size);
void nn_free_pages(void *memory, size_t size);
char *nn_strdup(const char *text);
char *nn_format(const char *format, ...) __attribute__((format(printf, 1, 2))); /* heap text */

/* Allocations since the process started: `run` on a planned shape must not move it. */
uint64_t nn_allocation_count(void);
/* Test hook: the allocation with this number from now (1 = next) fails, once; 0: none does. */
void nn_fail_allocation(uint64_t countdown);

/* a * b and a + b for sizes that come from files: false on overflow or a negative operand. */
bool nn_mul_size(int64_t a, int64_t b, int64_t *out);
bool nn_add_size(int64_t a, int64_t b, int64_t *out);

/* Arena: many small objects with one life. Init with {0}; clear frees all. */
typedef struct nn_arena {
    struct nn_arena_block *first;
    size_t used; /* bytes of the first block in use */
} nn_arena;

void *nn_arena_alloc(nn_arena *arena, size_t size); /* zeroed, 16-byte aligned; NULL on failure */
/* In builds with AddressSanitizer whoever touches these bytes of an arena is stopped. */
void nn_arena_forbid(void *memory, size_t bytes);
char *nn_arena_strdup(nn_arena *arena, const char *text);
char *nn_arena_strndup(nn_arena *arena, const char *text, size_t length);
void *nn_arena_copy(nn_arena *arena, const void *bytes, size_t size);
void nn_arena_clear(nn_arena *arena);

/* Growing array: `items` of `item_size` bytes; false on failure (nothing changed). */
#define NN_GROW(items, count, capacity)                                                            \
    nn_grow((void **)&(items), sizeof *(items), (count), &(capacity))
bool nn_grow(void **items, size_t item_size, int64_t count, int64_t *capacity);

#endif
