/* Copies to shared memory that go on while a thread works. They are made when the thread waits, the
 * latest moment that CUDA allows, and until then garbage lies where they lead. */
#include "tests/cuda_emulator/internal.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_THREADS = 1024, GARBAGE = 0xff };

typedef struct copy {
    void *to;
    const void *from; /* NULL: zeros */
    int bytes, group;
} copy;

typedef struct copy_list {
    copy *items;
    int count, room;
    int group; /* that the next copy belongs to */
} copy_list;

static copy_list lists[MOST_THREADS];

void nn_emulator_begin_copies(int thread) {
    lists[thread].count = lists[thread].group = 0;
}

void nn_emulator_check_copies(int thread) {
    if (lists[thread].count > 0)
        nn_emulator_die("thread %d ends with %d copies to shared memory that it did not wait for",
                        thread, lists[thread].count);
}

void nn_emulator_copy(void *to, const void *from, int bytes, int line) {
    copy_list *list = &lists[nn_emulator_current_thread()];
    const uintptr_t places = (uintptr_t)to | (uintptr_t)from;
    if (places % (uintptr_t)bytes != 0)
        nn_emulator_die("line %d: a copy of %d bytes is not aligned to them", line, bytes);
    if (!nn_emulator_is_shared(to, (size_t)bytes))
        nn_emulator_die("line %d: a copy leaves the shared memory of the block", line);
    if (from != NULL && !nn_emulator_is_device_memory(from, (size_t)bytes))
        nn_emulator_die("line %d: a copy reads memory that is no block", line);
    if (list->count == list->room) {
        list->room = 2 * list->room + 16;
        list->items = realloc(list->items, (size_t)list->room * sizeof *list->items);
        if (list->items == NULL) nn_emulator_die("no memory for a list of copies");
    }
    memset(to, GARBAGE, (size_t)bytes);
    list->items[list->count++] = (copy){to, from, bytes, list->group};
}

void nn_emulator_end_group(void) {
    lists[nn_emulator_current_thread()].group++;
}

void nn_emulator_wait_groups(int left) {
    copy_list *list = &lists[nn_emulator_current_thread()];
    int done = 0;
    while (done < list->count && list->items[done].group < list->group - left) {
        const copy *item = &list->items[done++];
        if (item->from != NULL)
            memcpy(item->to, item->from, (size_t)item->bytes);
        else
            memset(item->to, 0, (size_t)item->bytes);
    }
    list->count -= done;
    memmove(list->items, list->items + done, (size_t)list->count * sizeof *list->items);
}
