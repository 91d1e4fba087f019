/* The process has one set of workers and runs one job on them at a time. A job has a number of
 * seats, each with a share of consecutive items; a worker that takes one works through the chunks
 * of its share, then through what is left of the others'. So neighbours mostly stay on one core,
 * from job to job, and nobody waits for a worker that wakes late. The caller, done with its own
 * chunks, closes the job and waits only for the workers that sat down, so a worker that wakes late
 * costs nothing. */
#include "base/pool.h"

#include "base/cpu.h"
#include "base/integers.h"
#include "base/memory.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct nn_pool {
    int threads;
};

enum {
    MAX_WORKERS = 255,
    /* What a wait may spin before it sleeps: a wake-up through the system costs some tens of
     * microseconds. A wait of a thread whose last one spun in vain gives up sooner: nothing is
     * coming, or the core is wanted by somebody else. */
    SPIN_NANOSECONDS = 100000,
    SHORT_SPIN_NANOSECONDS = 5000,
    CHUNKS_PER_THREAD = 8,
    /* A chunk of many items has elements for items: it starts with a line of a cache, whatever
     * their size. */
    MANY_ITEMS = 4096,
    LINE_ITEMS = 64,
};

enum { CACHE_LINE = 64 };

typedef struct pool_share {
    _Alignas(CACHE_LINE) _Atomic int64_t next;
    int64_t end;
} pool_share;

typedef struct pool_job {
    nn_task task;
    void *argument;
    int64_t chunk;
    int shares;
    pool_share share[MAX_WORKERS + 1];
} pool_job;

static struct {
    pthread_mutex_t lock; /* over pools, workers, threads */
    int pools;
    pthread_t threads[MAX_WORKERS];
    _Atomic int workers; /* running */
    _Atomic bool stop;

    _Atomic bool busy; /* a caller owns `job` */
    pool_job job;
    _Alignas(
        CACHE_LINE) _Atomic int seats; /* open places; the number taken is the worker's index */
    _Atomic uint32_t finished;         /* workers done with this job; a futex */
    _Atomic uint32_t caller_sleeps;    /* on `finished` */
    _Atomic uint32_t epoch;            /* grows with each job; a futex */
    _Atomic uint32_t sleepers;         /* workers asleep on `epoch` */

    _Alignas(CACHE_LINE) _Atomic bool watched;
    _Atomic int64_t shared_time, busy_time; /* nanoseconds, while watched */
} shared = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* The index this thread works under, which nested calls keep. */
static _Thread_local int current_worker;
static _Thread_local bool inside_job;

static void futex_wait(_Atomic uint32_t *word, uint32_t value) {
    syscall(SYS_futex, (uint32_t *)word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

static void futex_wake(_Atomic uint32_t *word, int count) {
    syscall(SYS_futex, (uint32_t *)word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
}

static inline void cpu_relax(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static int64_t nanoseconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

typedef struct spin {
    int64_t start;
    int steps;
    bool is_short;
} spin;

/* Where threads outnumber cores, whoever spins keeps the core from whom it waits for. */
static bool has_core_each(void) {
    return atomic_load_explicit(&shared.workers, memory_order_relaxed) < nn_cpu_get()->cores;
}

/* One step of a wait; false when it is time to sleep. */
static bool spin_on(spin *self) {
    cpu_relax();
    if (++self->steps % 64 != 1) return true;
    if (!has_core_each()) return false;
    int64_t now = nanoseconds();
    if (self->start == 0) self->start = now;
    return now - self->start < (self->is_short ? SHORT_SPIN_NANOSECONDS : SPIN_NANOSECONDS);
}

static void empty_share(const pool_job *job, pool_share *share, int worker) {
    while (atomic_load_explicit(&share->next, memory_order_relaxed) < share->end) {
        int64_t begin = atomic_fetch_add_explicit(&share->next, job->chunk, memory_order_relaxed);
        if (begin >= share->end) break;
        int64_t end = share->end - begin > job->chunk ? begin + job->chunk : share->end;
        job->task(job->argument, begin, end, worker);
    }
}

/* 0: nobody watches. */
static int64_t watched_since(void) {
    return atomic_load_explicit(&shared.watched, memory_order_relaxed) ? nanoseconds() : 0;
}

static void count_time(_Atomic int64_t *time, int64_t since) {
    if (since == 0) return;
    atomic_fetch_add_explicit(time, nanoseconds() - since, memory_order_relaxed);
}

static void work(int worker) {
    pool_job *job = &shared.job;
    const int64_t since = watched_since();
    current_worker = worker;
    inside_job = true;
    for (int i = 0; i < job->shares; i++)
        empty_share(job, &job->share[(worker + i) % job->shares], worker);
    inside_job = false;
    current_worker = 0;
    count_time(&shared.busy_time, since);
}

/* Takes a seat; 0 when there is none. */
static int sit_down(void) {
    int seat = atomic_load_explicit(&shared.seats, memory_order_relaxed);
    while (seat > 0 &&
           !atomic_compare_exchange_weak_explicit(&shared.seats, &seat, seat - 1,
                                                  memory_order_acquire, memory_order_relaxed)) {
    }
    return seat;
}

static void *worker_main(void *unused) {
    (void)unused;
    spin wait = {0};
    for (;;) {
        /* Before what it stands for is looked at: whatever comes later changes it, so no sleep
         * misses it. */
        uint32_t epoch = atomic_load(&shared.epoch);
        if (atomic_load(&shared.stop)) break;
        int seat = sit_down();
        if (seat > 0) {
            work(seat);
            atomic_fetch_add(&shared.finished, 1);
            if (atomic_load(&shared.caller_sleeps)) futex_wake(&shared.finished, 1);
            wait = (spin){0};
        } else if (!spin_on(&wait)) {
            atomic_fetch_add(&shared.sleepers, 1);
            futex_wait(&shared.epoch, epoch);
            atomic_fetch_sub(&shared.sleepers, 1);
            wait = (spin){.is_short = true};
        }
    }
    return NULL;
}

/* A child of fork has no workers and must not wait for any; the next parallel call starts new ones.
 */
static void forget_workers(void) {
    shared.lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    atomic_store(&shared.workers, 0);
    atomic_store(&shared.busy, false);
    atomic_store(&shared.seats, 0);
    atomic_store(&shared.sleepers, 0);
    atomic_store(&shared.caller_sleeps, 0);
    inside_job = false;
    current_worker = 0;
}

/* Brings the number of workers up to `wanted`, as far as the system allows. Lock held. */
static void start_workers(int wanted) {
    static bool watching_forks;
    if (!watching_forks) watching_forks = pthread_atfork(NULL, NULL, forget_workers) == 0;

    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old); /* signals are the caller's */
    int workers = atomic_load(&shared.workers);
    while (workers < wanted && workers < MAX_WORKERS) {
        pthread_t *thread = &shared.threads[workers];
        if (pthread_create(thread, NULL, worker_main, NULL) != 0) break;
        pthread_setname_np(*thread, "nnopt-worker");
        workers++;
    }
    atomic_store(&shared.workers, workers);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

static void stop_workers(void) {
    atomic_store(&shared.stop, true);
    atomic_fetch_add(&shared.epoch, 1);
    futex_wake(&shared.epoch, INT_MAX);
    int workers = atomic_load(&shared.workers);
    for (int i = 0; i < workers; i++) pthread_join(shared.threads[i], NULL);
    atomic_store(&shared.workers, 0);
    atomic_store(&shared.stop, false);
}

nn_status nn_pool_create(int threads, nn_pool **out) {
    if (threads < 0 || threads > MAX_WORKERS + 1) {
        return nn_fail(NN_USAGE, "threads must be from 0 to %d, got %d", MAX_WORKERS + 1, threads);
    }
    nn_pool *pool = nn_alloc_zero(sizeof *pool);
    if (pool == NULL) return nn_fail_memory(sizeof *pool);
    pool->threads = threads > 0 ? threads : nn_cpu_get()->cores;
    if (pool->threads > MAX_WORKERS + 1) pool->threads = MAX_WORKERS + 1;
    pthread_mutex_lock(&shared.lock);
    shared.pools++;
    start_workers(pool->threads - 1);
    pthread_mutex_unlock(&shared.lock);
    *out = pool;
    return NN_OK;
}

void nn_pool_destroy(nn_pool *pool) {
    if (pool == NULL) return;
    pthread_mutex_lock(&shared.lock);
    if (--shared.pools == 0) stop_workers();
    pthread_mutex_unlock(&shared.lock);
    nn_free(pool);
}

int nn_pool_threads(const nn_pool *pool) {
    return pool ? pool->threads : 1;
}

/* Workers there are for a job that would use `wanted`; starts them again in a child of fork. */
static int available_workers(int wanted) {
    int workers = atomic_load_explicit(&shared.workers, memory_order_relaxed);
    if (workers == 0) {
        pthread_mutex_lock(&shared.lock);
        start_workers(wanted);
        pthread_mutex_unlock(&shared.lock);
        workers = atomic_load(&shared.workers);
    }
    return workers < wanted ? workers : wanted;
}

static void wait_for_workers(uint32_t joined) {
    static _Thread_local bool slept;
    spin wait = {.is_short = slept};
    slept = false;
    uint32_t finished;
    while ((finished = atomic_load(&shared.finished)) != joined) {
        if (spin_on(&wait)) continue;
        slept = true;
        atomic_store(&shared.caller_sleeps, 1);
        if ((finished = atomic_load(&shared.finished)) != joined) {
            futex_wait(&shared.finished, finished);
        }
        atomic_store(&shared.caller_sleeps, 0);
    }
}

/* Items of a chunk: some chunks for each thread, so that whoever is done finds something to take,
 * of `grain` at least. Larger ones, as many for each thread, where the largest share is smaller so:
 * of three chunks for two threads one would have two. Fewer chunks than threads are alike. */
static int64_t chunk_items(int64_t count, int64_t grain, int64_t threads) {
    const int64_t chunk = nn_max(count / (threads * CHUNKS_PER_THREAD), grain);
    const int64_t chunks = nn_divide_up(count, chunk);
    const int64_t rounds = count / chunk / threads;
    const int64_t even = nn_divide_up(count, rounds > 0 ? rounds * threads : chunks);
    const int64_t larger = even < MANY_ITEMS ? even : nn_round_up(even, LINE_ITEMS);
    const int64_t share = nn_divide_up(chunks, threads) * chunk;
    return nn_max(rounds, 1) * larger < share ? larger : chunk;
}

/* Gives each of `shares` its part of the chunks. */
static void divide(pool_job *job, int64_t chunks, int64_t count, int shares) {
    job->shares = shares;
    for (int i = 0; i < shares; i++) {
        const int64_t begin = chunks * i / shares * job->chunk;
        const int64_t end = chunks * (i + 1) / shares * job->chunk;
        atomic_store_explicit(&job->share[i].next, begin, memory_order_relaxed);
        job->share[i].end = end < count ? end : count;
    }
}

void nn_parallel(nn_pool *pool, int64_t count, int64_t grain, nn_task task, void *argument) {
    if (count <= 0) return;
    int threads = nn_pool_threads(pool);
    if (grain < 1) grain = 1;
    bool alone =
        threads == 1 || inside_job || count <= grain || atomic_exchange(&shared.busy, true);
    if (alone) {
        task(argument, 0, count, current_worker < threads ? current_worker : 0);
        return;
    }

    const int64_t since = watched_since();
    const int64_t chunk = chunk_items(count, grain, threads);
    const int64_t chunks = nn_divide_up(count, chunk);
    int helpers = available_workers(chunks < threads ? (int)chunks - 1 : threads - 1);

    pool_job *job = &shared.job;
    job->task = task;
    job->argument = argument;
    job->chunk = chunk;
    divide(job, chunks, count, helpers + 1);
    atomic_store_explicit(&shared.finished, 0, memory_order_relaxed);
    atomic_store(&shared.seats, helpers);
    atomic_fetch_add(&shared.epoch, 1);
    if (atomic_load(&shared.sleepers) > 0) futex_wake(&shared.epoch, helpers);

    work(0);
    int unused = atomic_exchange(&shared.seats, 0);
    wait_for_workers((uint32_t)(helpers - unused));
    atomic_store(&shared.busy, false);
    count_time(&shared.shared_time, since);
}

void nn_pool_watch(bool on) {
    atomic_store(&shared.watched, on);
}

nn_pool_load nn_pool_watched(void) {
    return (nn_pool_load){.shared = 1e-9 * (double)atomic_load(&shared.shared_time),
                          .busy = 1e-9 * (double)atomic_load(&shared.busy_time)};
}
