/* Memory of the device: blocks in one range of addresses that only work of the device may touch. */
#include "tests/cuda_emulator/internal.h"

#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#    include <sanitizer/asan_interface.h>
static const bool HAS_GUARDS = false; /* AddressSanitizer knows the bytes between blocks */
#else
#    define ASAN_POISON_MEMORY_REGION(address, bytes)   ((void)(address), (void)(bytes))
#    define ASAN_UNPOISON_MEMORY_REGION(address, bytes) ((void)(address), (void)(bytes))
static const bool HAS_GUARDS = true;
#endif

enum {
    ALIGNMENT = 256,
    LARGE_PAGE = 2 << 20,
    GUARD_BYTES = 256, /* at least, behind each block */
    GUARD = 0xa7,
    GARBAGE = 0xff, /* floats of all sizes: NaN */
};

typedef struct block {
    char *start;
    size_t bytes;
} block;

typedef struct block_list {
    block *items; /* by address */
    size_t count, room;
    size_t used;
} block_list;

static struct {
    char *arena;
    size_t arena_bytes;
    size_t touched; /* bytes of the arena that were ever part of a block */
    int open;
    block_list blocks, pinned;
} memory;

/* ---- lists ---- */

/* The first block behind `address`. */
static size_t place_of(const block_list *list, const char *address) {
    size_t low = 0, high = list->count;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (list->items[middle].start <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void insert(block_list *list, size_t place, block item) {
    if (list->count == list->room) {
        list->room = 2 * list->room + 16;
        list->items = realloc(list->items, list->room * sizeof *list->items);
        if (list->items == NULL) nn_emulator_die("no memory for a list of blocks");
    }
    memmove(&list->items[place + 1], &list->items[place],
            (list->count - place) * sizeof *list->items);
    list->items[place] = item;
    list->count++;
    list->used += item.bytes;
}

/* The block that holds all of these bytes, or NULL. */
static block *find(const block_list *list, const void *address, size_t bytes) {
    const size_t place = place_of(list, address);
    if (place == 0) return NULL;
    block *item = &list->items[place - 1];
    const size_t offset = (size_t)((const char *)address - item->start);
    return offset <= item->bytes && bytes <= item->bytes - offset ? item : NULL;
}

static bool take(block_list *list, const void *start, block *out) {
    const size_t place = place_of(list, start);
    if (place == 0 || list->items[place - 1].start != start) return false;
    *out = list->items[place - 1];
    memmove(&list->items[place - 1], &list->items[place],
            (list->count - place) * sizeof *list->items);
    list->count--;
    list->used -= out->bytes;
    return true;
}

/* Other threads allocate meanwhile. */
static bool holds(const block_list *list, const void *address, size_t bytes) {
    (void)nn_emulator_begin_release();
    const bool found = find(list, address, bytes) != NULL;
    (void)nn_emulator_end_call(cudaSuccess);
    return found;
}

bool nn_emulator_is_device_memory(const void *address, size_t bytes) {
    return holds(&memory.blocks, address, bytes);
}

bool nn_emulator_is_pinned(const void *address, size_t bytes) {
    return holds(&memory.pinned, address, bytes);
}

bool nn_emulator_is_arena(const void *address) {
    const char *byte = address;
    return byte >= memory.arena && byte < memory.arena + memory.arena_bytes;
}

/* ---- the arena ---- */

static void report_fault(int number, siginfo_t *info, void *context) {
    static const char text[] =
        "cuda emulator: code of the host touches memory of the device, or a kernel memory that is "
        "no block\n";
    (void)context;
    if (nn_emulator_is_arena(info->si_addr)) {
        ssize_t written = write(STDERR_FILENO, text, sizeof text - 1);
        (void)written;
    }
    signal(number, SIG_DFL); /* happens again when this returns */
}

static void make_arena(void) {
    if (memory.arena != NULL) return;
    memory.arena_bytes = 2 * nn_emulator_memory_bytes() + ((size_t)1 << 30);
    char *map = mmap(NULL, memory.arena_bytes + LARGE_PAGE, PROT_NONE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (map == MAP_FAILED) nn_emulator_die("no addresses for the memory of the device");
    memory.arena = map + (-(uintptr_t)map & (LARGE_PAGE - 1));
    /* fewer pages to protect and release; without them it is only slower */
    (void)madvise(memory.arena, memory.arena_bytes, MADV_HUGEPAGE);
    struct sigaction old, action = {.sa_sigaction = report_fault, .sa_flags = SA_SIGINFO};
    if (sigaction(SIGSEGV, NULL, &old) == 0 && old.sa_handler == SIG_DFL)
        sigaction(SIGSEGV, &action, NULL);
}

static void protect(int protection) {
    if (memory.touched > 0 && mprotect(memory.arena, memory.touched, protection) != 0)
        nn_emulator_die("mprotect fails");
}

void nn_emulator_open_memory(void) {
    if (memory.open++ == 0) protect(PROT_READ | PROT_WRITE);
}

void nn_emulator_close_memory(void) {
    if (--memory.open == 0) protect(PROT_NONE);
}

/* Bytes from the start of a block to that of the next. */
static size_t span(size_t bytes) {
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT + GUARD_BYTES;
}

static char *find_room(size_t bytes, size_t *place) {
    char *start = memory.arena;
    for (*place = 0; *place < memory.blocks.count; ++*place) {
        const block *next = &memory.blocks.items[*place];
        if ((size_t)(next->start - start) >= span(bytes)) return start;
        start = next->start + span(next->bytes);
    }
    const size_t left = (size_t)(memory.arena + memory.arena_bytes - start);
    return left >= span(bytes) ? start : NULL;
}

static void touch(const char *end) {
    const size_t bytes = ((size_t)(end - memory.arena) + LARGE_PAGE - 1) / LARGE_PAGE * LARGE_PAGE;
    if (bytes > memory.touched) memory.touched = bytes;
}

static void check_guard(const block *item) {
    for (size_t i = item->bytes; HAS_GUARDS && i < span(item->bytes); i++)
        if ((unsigned char)item->start[i] != GUARD)
            nn_emulator_die("a kernel or a copy wrote byte %zu of a block of %zu bytes", i,
                            item->bytes);
}

void nn_emulator_check_memory(void) {
    for (size_t i = 0; i < memory.blocks.count; i++) check_guard(&memory.blocks.items[i]);
}

/* ---- CUDA's calls ---- */

cudaError_t cudaMalloc(void **out, size_t bytes) {
    cudaError_t error = nn_emulator_begin_call();
    if (error == cudaSuccess) error = nn_emulator_refuse_in_recording();
    if (error != cudaSuccess) return nn_emulator_end_call(error);
    make_arena();
    size_t place;
    const size_t limit = nn_emulator_memory_bytes();
    if (bytes > limit || span(bytes) > limit - memory.blocks.used)
        return nn_emulator_end_call(cudaErrorMemoryAllocation);
    char *start = find_room(bytes, &place);
    if (start == NULL) return nn_emulator_end_call(cudaErrorMemoryAllocation);
    touch(start + span(bytes));
    insert(&memory.blocks, place, (block){start, bytes});
    nn_emulator_open_memory();
    ASAN_UNPOISON_MEMORY_REGION(start, span(bytes));
    memset(start, GARBAGE, bytes);
    memset(start + bytes, GUARD, span(bytes) - bytes);
    ASAN_POISON_MEMORY_REGION(start + bytes, span(bytes) - bytes);
    nn_emulator_close_memory();
    *out = start;
    return nn_emulator_end_call(cudaSuccess);
}

/* Waits for the device, as CUDA does. */
cudaError_t cudaFree(void *pointer) {
    cudaError_t error = nn_emulator_begin_release();
    if (error == cudaSuccess) error = nn_emulator_refuse_in_recording();
    if (error != cudaSuccess || pointer == NULL) return nn_emulator_end_call(error);
    nn_emulator_finish_all();
    block item;
    if (!take(&memory.blocks, pointer, &item))
        nn_emulator_die("cudaFree gets %p, which is no block", pointer);
    nn_emulator_open_memory();
    check_guard(&item);
    memset(item.start, GARBAGE, item.bytes);
    ASAN_POISON_MEMORY_REGION(item.start, item.bytes);
    nn_emulator_close_memory();
    return nn_emulator_end_call(cudaSuccess);
}

cudaError_t cudaMallocHost(void **out, size_t bytes) {
    cudaError_t error = nn_emulator_begin_call();
    if (error == cudaSuccess) error = nn_emulator_refuse_in_recording();
    if (error != cudaSuccess) return nn_emulator_end_call(error);
    char *start = bytes > 0 && bytes <= SIZE_MAX / 2 ? malloc(bytes) : NULL;
    if (start == NULL) return nn_emulator_end_call(cudaErrorMemoryAllocation);
    memset(start, GARBAGE, bytes);
    insert(&memory.pinned, place_of(&memory.pinned, start), (block){start, bytes});
    *out = start;
    return nn_emulator_end_call(cudaSuccess);
}

cudaError_t cudaHostAlloc(void **out, size_t bytes, unsigned flags) {
    (void)flags;
    return cudaMallocHost(out, bytes);
}

cudaError_t cudaFreeHost(void *pointer) {
    cudaError_t error = nn_emulator_begin_release();
    if (error == cudaSuccess) error = nn_emulator_refuse_in_recording();
    if (error != cudaSuccess || pointer == NULL) return nn_emulator_end_call(error);
    nn_emulator_finish_all();
    block item;
    if (!take(&memory.pinned, pointer, &item))
        nn_emulator_die("cudaFreeHost gets %p, which is no such memory", pointer);
    free(item.start);
    return nn_emulator_end_call(cudaSuccess);
}

cudaError_t cudaMemGetInfo(size_t *free_bytes, size_t *total) {
    cudaError_t error = nn_emulator_begin_call();
    *total = nn_emulator_memory_bytes();
    *free_bytes = *total - memory.blocks.used;
    return nn_emulator_end_call(error);
}
