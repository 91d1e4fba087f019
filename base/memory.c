#include "base/memory.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* What large memory is aligned to, so that the system may map it in pages of this size: a walk over
 * weights then misses the TLB a five-hundredth as often. */
enum { LARGE_PAGE = 2 << 20 };

static nnopt_allocator custom;
static _Atomic uint64_t allocation_count;
static _Atomic uint64_t fail_countdown;

void nnopt_set_allocator(const nnopt_allocator *allocator) {
    if (allocator != NULL)
        custom = *allocator;
    else
        memset(&custom, 0, sizeof custom);
}

uint64_t nn_allocation_count(void) {
    return atomic_load(&allocation_count);
}

void nn_fail_allocation(uint64_t countdown) {
    atomic_store(&fail_countdown, countdown);
}

/* True when this allocation is the one that a test wants to fail. */
static bool must_fail(void) {
    uint64_t left = atomic_load_explicit(&fail_countdown, memory_order_relaxed);
    if (left == 0) return false;
    return atomic_fetch_sub(&fail_countdown, 1) == 1;
}

static void *allocate(size_t size) {
    void *memory;
    const bool is_large = size >= LARGE_PAGE;
    if (posix_memalign(&memory, is_large ? LARGE_PAGE : NN_ALIGNMENT, size) != 0) return NULL;
#ifdef MADV_HUGEPAGE
    /* A hint: whether it is taken changes only speed. The rest behind the last whole page stays in
     * small ones. */
    if (is_large) madvise(memory, size / LARGE_PAGE * LARGE_PAGE, MADV_HUGEPAGE);
#endif
    return memory;
}

void *nn_alloc(size_t size) {
    if (size == 0 || size > (size_t)INT64_MAX - NN_ALIGNMENT) return NULL;
    atomic_fetch_add_explicit(&allocation_count, 1, memory_order_relaxed);
    if (must_fail()) return NULL;
    if (custom.allocate != NULL) return custom.allocate(size, NN_ALIGNMENT, custom.user);
    return allocate(size);
}

/* A mapping that begins with a whole large page, where it is as large as one. */
static void *map_pages(size_t size) {
    const size_t slack = size >= LARGE_PAGE ? LARGE_PAGE : 0;
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), used = (size + page - 1) / page * page;
    char *memory =
        mmap(NULL, used + slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return NULL;
    if (slack == 0) return memory;
    const size_t before = -(uintptr_t)memory & (LARGE_PAGE - 1);
    if (before > 0) munmap(memory, before);
    if (slack > before) munmap(memory + before + used, slack - before);
    memory += before;
#ifdef MADV_HUGEPAGE
    madvise(memory, size / LARGE_PAGE * LARGE_PAGE, MADV_HUGEPAGE);
#endif
    return memory;
}

void *nn_alloc_pages(size_t size) {
    if (custom.allocate != NULL) return nn_alloc_zero(size);
    if (size == 0 || size > (size_t)INT64_MAX - 2 * LARGE_PAGE) return NULL;
    atomic_fetch_add_explicit(&allocation_count, 1, memory_order_relaxed);
    return must_fail() ? NULL : map_pages(size);
}

void nn_free_pages(void *memory, size_t size) {
    if (memory == NULL) return;
    if (custom.release != NULL)
        nn_free(memory);
    else
        munmap(memory, size);
}

void *nn_alloc_zero(size_t size) {
    void *memory = nn_alloc(size);
    if (memory != NULL) memset(memory, 0, size);
    return memory;
}

void *nn_realloc(void *memory, size_t old_size, size_t new_size) {
    void *grown = nn_alloc(new_size);
    if (grown == NULL) return NULL;
    size_t kept = old_size < new_size ? old_size : new_size;
    if (memory != NULL && kept > 0) memcpy(grown, memory, kept);
    nn_free(memory);
    return grown;
}

void nn_free(void *memory) {
    if (memory == NULL) return;
    if (custom.release != NULL)
        custom.release(memory, custom.user);
    else
        free(memory);
}

char *nn_strdup(const char *text) {
    size_t size = strlen(text) + 1;
    char *copy = nn_alloc(size);
    if (copy != NULL) memcpy(copy, text, size);
    return copy;
}

char *nn_format(const char *format, ...) {
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *text = length < 0 ? NULL : nn_alloc((size_t)length + 1);
    if (text != NULL) vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    return text;
}

bool nn_mul_size(int64_t a, int64_t b, int64_t *out) {
    return a >= 0 && b >= 0 && !__builtin_mul_overflow(a, b, out);
}

bool nn_add_size(int64_t a, int64_t b, int64_t *out) {
    return a >= 0 && b >= 0 && !__builtin_add_overflow(a, b, out);
}

/* ---- arena ---- */

#if defined(__has_feature)
#    if __has_feature(address_sanitizer)
#        define CHECKS_ADDRESSES 1
#    endif
#elif defined(__SANITIZE_ADDRESS__)
#    define CHECKS_ADDRESSES 1
#endif

/* Each object has forbidden bytes behind it where somebody looks. */
#if defined(CHECKS_ADDRESSES)
#    include <sanitizer/asan_interface.h>
enum { ARENA_BLOCK = 64 * 1024, ARENA_GAP = 32 };
void nn_arena_forbid(void *memory, size_t bytes) {
    ASAN_POISON_MEMORY_REGION(memory, bytes);
}
#else
enum { ARENA_BLOCK = 64 * 1024, ARENA_GAP = 0 };
void nn_arena_forbid(void *memory, size_t bytes) {
    (void)memory;
    (void)bytes;
}
#endif

struct nn_arena_block {
    struct nn_arena_block *next;
    size_t size; /* usable bytes behind the header */
};

static const size_t block_header = (sizeof(struct nn_arena_block) + 15) / 16 * 16;

static void *take(nn_arena *arena, size_t size) {
    struct nn_arena_block *block = arena->first;
    if (block == NULL || block->size - arena->used < size) {
        size_t usable = size > ARENA_BLOCK / 4 ? size : ARENA_BLOCK - block_header;
        struct nn_arena_block *fresh = nn_alloc_zero(block_header + usable);
        if (fresh == NULL) return NULL;
        fresh->size = usable;
        /* A big object gets a block of its own behind the current one, which keeps being filled. */
        if (usable == size && block != NULL) {
            fresh->next = block->next;
            block->next = fresh;
            return (char *)fresh + block_header;
        }
        fresh->next = block;
        arena->first = block = fresh;
        arena->used = 0;
    }
    void *memory = (char *)block + block_header + arena->used;
    arena->used += size;
    return memory;
}

void *nn_arena_alloc(nn_arena *arena, size_t size) {
    if (size > (size_t)INT64_MAX / 2) return NULL;
    const size_t whole = (size == 0 ? 16 : (size + 15) / 16 * 16) + ARENA_GAP;
    char *memory = take(arena, whole);
    if (memory != NULL) nn_arena_forbid(memory + size, whole - size);
    return memory;
}

char *nn_arena_strndup(nn_arena *arena, const char *text, size_t length) {
    char *copy = nn_arena_alloc(arena, length + 1);
    if (copy != NULL && length > 0) memcpy(copy, text, length);
    return copy;
}

char *nn_arena_strdup(nn_arena *arena, const char *text) {
    return nn_arena_strndup(arena, text, strlen(text));
}

void *nn_arena_copy(nn_arena *arena, const void *bytes, size_t size) {
    void *copy = nn_arena_alloc(arena, size);
    if (copy != NULL && size > 0) memcpy(copy, bytes, size);
    return copy;
}

void nn_arena_clear(nn_arena *arena) {
    struct nn_arena_block *block = arena->first;
    while (block != NULL) {
        struct nn_arena_block *next = block->next;
        nn_free(block);
        block = next;
    }
    memset(arena, 0, sizeof *arena);
}

bool nn_grow(void **items, size_t item_size, int64_t count, int64_t *capacity) {
    if (count < *capacity) return true;
    int64_t wanted = *capacity < 8 ? 8 : *capacity * 2;
    int64_t bytes;
    if (!nn_mul_size(wanted, (int64_t)item_size, &bytes)) return false;
    void *grown = nn_realloc(*items, (size_t)*capacity * item_size, (size_t)bytes);
    if (grown == NULL) return false;
    *items = grown;
    *capacity = wanted;
    return true;
}
