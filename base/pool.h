/* One thread pool per process. The calling thread works too. */
#ifndef NN_POOL_H
#define NN_POOL_H

#include "base/status.h"

/* How many threads one piece of work may use; sessions own one each, the workers are shared. */
typedef struct nn_pool nn_pool;

/* `threads` 0: all usable cores. */
nn_status nn_pool_create(int threads, nn_pool **out);
void nn_pool_destroy(nn_pool *pool);
int nn_pool_threads(const nn_pool *pool); /* NULL: 1 */

/* Handles [begin, end); `worker` is 0 .. threads-1 and unique among those running at once, so that
 * it may index per-thread workspace. */
typedef void (*nn_task)(void *argument, int64_t begin, int64_t end, int worker);

/* Calls task over [0, count) in chunks of at least `grain`, taken from a shared counter. Returns
 * when all are done. Runs on the caller alone when the pool is NULL, has one thread, is in use by
 * another caller, or count <= grain. Choose grain so that a chunk takes 10 microseconds or more. */
void nn_parallel(nn_pool *pool, int64_t count, int64_t grain, nn_task task, void *argument);

/* Seconds of the process so far, while it was watched. */
typedef struct nn_pool_load {
    double shared; /* that callers spent in work shared out to threads */
    double busy;   /* that threads, callers too, had tasks in it */
} nn_pool_load;

/* For profiles: counts from now on, or no longer. */
void nn_pool_watch(bool on);
nn_pool_load nn_pool_watched(void);

#endif
