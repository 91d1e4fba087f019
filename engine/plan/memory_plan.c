#include "engine/plan/memory_plan.h"

#include "base/integers.h"

#include <stdlib.h>

static int compare_size(const void *a, const void *b) {
    const nn_memory_block *x = *(nn_memory_block *const *)a, *y = *(nn_memory_block *const *)b;
    if (x->bytes != y->bytes) return x->bytes > y->bytes ? -1 : 1;
    if (x->first != y->first) return x->first < y->first ? -1 : 1;
    return (x > y) - (x < y);
}

static bool lives_with(const nn_memory_block *a, const nn_memory_block *b) {
    return a->first <= b->last && b->first <= a->last;
}

/* Finds the offset for `block`; `placed` are those that have theirs, by rising offset. */
static void find_offset(nn_memory_block *block, nn_memory_block *const *placed, int64_t count) {
    int64_t size = nn_aligned(block->bytes), end = 0, smallest_gap = INT64_MAX;
    block->offset = -1;
    for (int64_t i = 0; i < count; i++) {
        if (!lives_with(block, placed[i])) continue;
        int64_t gap = placed[i]->offset - end;
        if (gap >= size && gap < smallest_gap) {
            smallest_gap = gap;
            block->offset = end;
        }
        int64_t next = placed[i]->offset + nn_aligned(placed[i]->bytes);
        if (next > end) end = next;
    }
    if (block->offset < 0) block->offset = end;
}

nn_status nn_memory_plan(nn_memory_block *blocks, int64_t count, int64_t *slab_bytes) {
    *slab_bytes = 0;
    if (count == 0) return NN_OK;
    int64_t total = 0;
    for (int64_t i = 0; i < count; i++) {
        if (blocks[i].bytes > INT64_MAX - NN_ALIGNMENT ||
            !nn_add_size(total, nn_aligned(blocks[i].bytes), &total)) {
            return nn_fail(NN_NO_MEMORY,
                           "out of memory: the tensors of the plan exceed 2^63 bytes");
        }
    }
    nn_memory_block **order = nn_alloc(2 * (size_t)count * sizeof *order);
    if (order == NULL) return nn_fail_memory(2 * (size_t)count * sizeof *order);
    nn_memory_block **placed = order + count;
    for (int64_t i = 0; i < count; i++) order[i] = &blocks[i];
    qsort(order, (size_t)count, sizeof *order, compare_size);

    int64_t slab = 0;
    for (int64_t i = 0; i < count; i++) {
        nn_memory_block *block = order[i];
        find_offset(block, placed, i);
        int64_t position = i;
        for (; position > 0 && placed[position - 1]->offset > block->offset; position--) {
            placed[position] = placed[position - 1];
        }
        placed[position] = block;
        int64_t end = block->offset + nn_aligned(block->bytes);
        if (end > slab) slab = end;
    }
    nn_free(order);
    *slab_bytes = slab;
    return NN_OK;
}

int64_t nn_memory_live(const nn_memory_block *blocks, int64_t count, int64_t step) {
    int64_t live = 0;
    for (int64_t i = 0; i < count; i++) {
        if (blocks[i].first <= step && step <= blocks[i].last) live += nn_aligned(blocks[i].bytes);
    }
    return live;
}
