/* Blocks in turn; the threads of a block on fibers, where they wait for each other.
 *
 * A fiber starts one thread after the other until one has to wait; the next fiber goes on with the
 * threads that are left. So a kernel whose threads never meet costs one call for each. */
#include "tests/cuda_emulator/internal.h"

#include "tests/cuda_emulator/fiber.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
    MOST_THREADS = 1024,
    WARP = 32,
    GUARD_BYTES = 64, /* behind dynamic shared memory */
    GUARD = 0xa7,
    GARBAGE = 0xff, /* floats of all sizes: NaN */
};

NN_EMULATOR_API nn_emulated_state nn_emulated;

typedef enum thread_phase { RUNS, WAITS_FOR_BLOCK, WAITS_FOR_WARP, DONE } thread_phase;

typedef enum warp_operation { WARP_BARRIER, SHUFFLE, BALLOT, TOGETHER } warp_operation;

typedef struct emulated_thread {
    thread_phase phase;
    fiber *fiber; /* NULL: not started */
    uint3 place;
    int line;   /* where it waits */
    int source; /* the lane it takes from */
    unsigned long long value, result;
} emulated_thread;

/* Lanes that meet; found by the lowest of their mask. */
typedef struct lane_group {
    unsigned mask, arrived;
    warp_operation operation;
    int line;
    void (*work)(void *const *lanes);
} lane_group;

typedef struct emulated_warp {
    unsigned ended;   /* lanes, those that the block does not have included */
    unsigned waiting; /* groups in which a lane waits */
    lane_group groups[WARP];
} emulated_warp;

/* The block that runs. */
static struct {
    void (*body)(const void *closure);
    const void *closure;
    bool backwards; /* threads start with the last: whoever relies on an order fails in one of both
                     */
    int count, started, alive, at_barrier, current;
    emulated_thread threads[MOST_THREADS];
    emulated_warp warps[MOST_THREADS / WARP];
    fiber *idle[MOST_THREADS + 1];
    int idle_count;
    unsigned char *shared;
    size_t shared_bytes, shared_room;
    long long launches;
} run;

long long nn_emulator_launch_count(void) {
    return run.launches;
}

/* ---- threads ---- */

static uint3 place_of(unsigned index) {
    const unsigned x = nn_emulated.block_size.x, y = nn_emulated.block_size.y;
    return (uint3){index % x, index / x % y, index / x / y};
}

static void set_current(int index) {
    run.current = index;
    nn_emulated.thread = run.threads[index].place;
}

static void release_barrier(void) {
    int line = 0; /* of the first that waits */
    for (int i = 0; i < run.count; i++) {
        emulated_thread *thread = &run.threads[i];
        if (thread->phase != WAITS_FOR_BLOCK) continue;
        if (line == 0) line = thread->line;
        if (thread->line != line)
            nn_emulator_die("threads of a block meet at different __syncthreads: line %d, line %d",
                            line, thread->line);
        thread->phase = RUNS;
    }
    run.at_barrier = 0;
}

/* The calling thread waits until its phase is RUNS again. */
static void wait_turn(void) {
    const int index = run.current;
    fiber_leave(run.threads[index].fiber);
    set_current(index);
}

/* ---- warps ---- */

static void finish_lane(emulated_thread *first, int lane, const lane_group *group) {
    emulated_thread *thread = &first[lane];
    thread->phase = RUNS;
    thread->result = 0;
    if (group->operation == SHUFFLE) {
        const int source = thread->source;
        if ((group->arrived >> source & 1) == 0)
            nn_emulator_die("line %d: lane %d takes from lane %d, which %s", thread->line, lane,
                            source,
                            group->mask >> source & 1 ? "has ended" : "its mask leaves out");
        thread->result = first[source].value;
    } else if (group->operation == BALLOT) {
        for (unsigned left = group->arrived; left != 0; left &= left - 1)
            if (first[__builtin_ctz(left)].value != 0) thread->result |= left & -left;
    }
}

static void work_together(int warp, const lane_group *group) {
    void *lanes[WARP];
    if (group->arrived != group->mask)
        nn_emulator_die("line %d: lanes %08x have ended where a warp works together", group->line,
                        group->mask & ~group->arrived);
    for (int i = 0; i < WARP; i++) lanes[i] = (void *)(uintptr_t)run.threads[warp * WARP + i].value;
    group->work(lanes);
}

/* When all lanes of the mask have come, or ended. */
static bool finish_group(int warp, int index) {
    emulated_warp *own = &run.warps[warp];
    lane_group *group = &own->groups[index];
    if ((group->mask & ~(group->arrived | own->ended)) != 0) return false;
    if (group->operation == TOGETHER) work_together(warp, group);
    for (unsigned left = group->arrived; left != 0; left &= left - 1)
        finish_lane(&run.threads[warp * WARP], __builtin_ctz(left), group);
    group->arrived = 0;
    own->waiting &= ~(1u << index);
    return true;
}

static void end_lane(int index) {
    const int warp = index / WARP;
    emulated_warp *own = &run.warps[warp];
    own->ended |= 1u << index % WARP;
    for (unsigned left = own->waiting; left != 0; left &= left - 1)
        (void)finish_group(warp, __builtin_ctz(left));
}

static void end_thread(int index) {
    nn_emulator_check_copies(index);
    run.threads[index].phase = DONE;
    run.alive--;
    end_lane(index);
    if (run.at_barrier > 0 && run.at_barrier == run.alive) release_barrier();
}

/* Waits for the lanes of the mask, of which the last one does the work. */
static unsigned long long meet(const lane_group *kind, unsigned long long value, int source) {
    const warp_operation operation = kind->operation;
    const unsigned mask = kind->mask;
    const int line = kind->line;
    const int index = run.current, lane = index % WARP;
    emulated_thread *own = &run.threads[index];
    if ((mask >> lane & 1) == 0)
        nn_emulator_die("line %d: lane %d is not in its own mask %08x", line, lane, mask);
    const int place = __builtin_ctz(mask);
    emulated_warp *warp = &run.warps[index / WARP];
    lane_group *group = &warp->groups[place];
    if (group->arrived == 0) *group = *kind;
    if (group->mask != mask || group->operation != operation || group->line != line)
        nn_emulator_die("lanes of a warp meet at different places: line %d with mask %08x, line %d "
                        "with mask %08x",
                        line, mask, group->line, group->mask);
    own->phase = WAITS_FOR_WARP;
    own->line = line;
    own->source = source;
    own->value = value;
    group->arrived |= 1u << lane;
    warp->waiting |= 1u << place;
    if (!finish_group(index / WARP, place)) wait_turn();
    return own->result;
}

/* ---- threads, from start to end ---- */

static void run_threads(fiber *own, void *argument) {
    (void)argument;
    for (;;) {
        while (run.started < run.count) {
            const int order = run.started++, index = run.backwards ? run.count - 1 - order : order;
            run.threads[index].fiber = own;
            run.threads[index].place = place_of((unsigned)index);
            set_current(index);
            nn_emulator_begin_copies(index);
            run.body(run.closure);
            end_thread(run.current);
        }
        run.idle[run.idle_count++] = own;
        fiber_leave(own);
    }
}

void nn_emulator_block_barrier(int line) {
    emulated_thread *own = &run.threads[run.current];
    own->phase = WAITS_FOR_BLOCK;
    own->line = line;
    run.at_barrier++;
    if (run.at_barrier == run.alive)
        release_barrier();
    else
        wait_turn();
}

void nn_emulator_warp_barrier(unsigned mask, int line) {
    (void)meet(&(lane_group){.mask = mask, .operation = WARP_BARRIER, .line = line}, 0, 0);
}

unsigned long long nn_emulator_shuffle(unsigned mask, unsigned long long value, int source,
                                       int line) {
    return meet(&(lane_group){.mask = mask, .operation = SHUFFLE, .line = line}, value, source);
}

unsigned nn_emulator_ballot(unsigned mask, bool predicate, int line) {
    const lane_group kind = {.mask = mask, .operation = BALLOT, .line = line};
    return (unsigned)meet(&kind, predicate, 0);
}

void nn_emulator_together(void *own, void (*work)(void *const *lanes), int line) {
    const lane_group kind = {.mask = ~0u, .operation = TOGETHER, .line = line, .work = work};
    (void)meet(&kind, (unsigned long long)(uintptr_t)own, 0);
}

int nn_emulator_current_thread(void) {
    return run.current;
}

bool nn_emulator_is_shared(const void *memory, size_t bytes) {
    const unsigned char *byte = memory;
    return run.shared != NULL && byte >= run.shared && bytes <= run.shared_bytes &&
           byte <= run.shared + run.shared_bytes - bytes;
}

/* ---- blocks ---- */

static fiber *take_fiber(void) {
    return run.idle_count > 0 ? run.idle[--run.idle_count] : fiber_create(run_threads, NULL);
}

static void die_of_deadlock(void) {
    for (int i = 0; i < run.count; i++) {
        const emulated_thread *thread = &run.threads[i];
        if (thread->phase == WAITS_FOR_BLOCK || thread->phase == WAITS_FOR_WARP)
            nn_emulator_die(
                "block (%u, %u, %u): thread %d waits for ever at line %d (%s), %d of %d "
                "threads have ended",
                nn_emulated.block.x, nn_emulated.block.y, nn_emulated.block.z, i, thread->line,
                thread->phase == WAITS_FOR_BLOCK ? "__syncthreads" : "its warp",
                run.count - run.alive, run.count);
    }
    nn_emulator_die("a block does not end");
}

static void run_block(void) {
    run.started = run.at_barrier = 0;
    run.alive = run.count;
    for (int i = 0; i < run.count; i++) run.threads[i] = (emulated_thread){0};
    for (int first = 0; first < run.count; first += WARP) {
        emulated_warp *warp = &run.warps[first / WARP];
        warp->waiting = 0;
        warp->ended = run.count - first < WARP ? ~0u << (run.count - first) : 0;
        for (int i = 0; i < WARP; i++) warp->groups[i].arrived = 0;
    }
    while (run.started < run.count) fiber_enter(take_fiber());
    while (run.alive > 0) {
        bool moved = false;
        for (int order = 0; order < run.count; order++) {
            const int i = run.backwards ? run.count - 1 - order : order;
            if (run.threads[i].phase != RUNS) continue;
            moved = true;
            fiber_enter(run.threads[i].fiber);
        }
        if (!moved) die_of_deadlock();
    }
}

static void prepare_shared(size_t bytes) {
    const size_t room = (bytes + 15) / 16 * 16 + GUARD_BYTES;
    if (room > run.shared_room) {
        free(run.shared);
        run.shared = aligned_alloc(256, (room + 255) / 256 * 256);
        if (run.shared == NULL) nn_emulator_die("no memory for the shared memory of a block");
        run.shared_room = room;
    }
    memset(run.shared, GARBAGE, bytes);
    memset(run.shared + bytes, GUARD, GUARD_BYTES);
    nn_emulated.dynamic_shared = run.shared;
    run.shared_bytes = bytes;
}

static void check_shared(size_t bytes) {
    for (int i = 0; i < GUARD_BYTES; i++)
        if (run.shared[bytes + (size_t)i] != GUARD)
            nn_emulator_die("a kernel wrote behind its %zu bytes of dynamic shared memory", bytes);
}

void nn_emulator_run_launch(const emulated_launch *launch) {
    run.body = launch->body;
    run.closure = launch->closure;
    run.count = (int)(launch->block.x * launch->block.y * launch->block.z);
    nn_emulated.block_size = launch->block;
    nn_emulated.grid_size = launch->grid;
    for (unsigned z = 0; z < launch->grid.z; z++)
        for (unsigned y = 0; y < launch->grid.y; y++)
            for (unsigned x = 0; x < launch->grid.x; x++) {
                nn_emulated.block = (uint3){x, y, z};
                run.backwards = ((x + y + z + (unsigned)run.launches) & 1) != 0;
                prepare_shared(launch->shared_bytes);
                run_block();
                check_shared(launch->shared_bytes);
            }
    run.launches++;
}
