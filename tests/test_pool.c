/* The thread pool: every index once, unique workers, nesting, contention, fork. */
#include "tests/support/runner.h"

#include "base/pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_COUNT = 2000 };

typedef struct pool_tally {
    _Atomic int seen[MAX_COUNT];
    _Atomic int inside[64]; /* calls running now, per worker */
    _Atomic bool clash, bad_worker;
    int threads;
    nn_pool *pool;
    int64_t nested;
} pool_tally;

static void count_indices(void *argument, int64_t begin, int64_t end, int worker) {
    pool_tally *tally = argument;
    if (worker < 0 || worker >= tally->threads) tally->bad_worker = true;
    if (atomic_fetch_add(&tally->inside[worker], 1) != 0) tally->clash = true;
    for (int64_t i = begin; i < end; i++) atomic_fetch_add(&tally->seen[i], 1);
    atomic_fetch_sub(&tally->inside[worker], 1);
}

static pool_tally *new_tally(int threads) {
    pool_tally *out = calloc(1, sizeof *out);
    ck_assert_ptr_nonnull(out);
    out->threads = threads;
    return out;
}

static void check_tally(const pool_tally *tally, int64_t count) {
    ck_assert(!tally->bad_worker);
    ck_assert(!tally->clash);
    int wrong = 0;
    for (int64_t i = 0; i < MAX_COUNT; i++) wrong += tally->seen[i] != (i < count);
    ck_assert_int_eq(wrong, 0);
}

START_TEST(every_index_runs_once) {
    static const int64_t counts[] = {0, 1, 2, 3, 7, 63, 64, 1000, MAX_COUNT};
    for (int threads = 1; threads <= 5; threads++) {
        nn_pool *pool;
        ck_assert_ok(nn_pool_create(threads, &pool));
        ck_assert_int_eq(nn_pool_threads(pool), threads);
        for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
            for (int64_t grain = 1; grain <= 100; grain += 33) {
                pool_tally *tally = new_tally(threads);
                nn_parallel(pool, counts[i], grain, count_indices, tally);
                check_tally(tally, counts[i]);
                free(tally);
            }
        }
        nn_pool_destroy(pool);
    }
}
END_TEST

typedef struct share_tally {
    _Atomic int calls;
    _Atomic int64_t longest;
} share_tally;

static void note_length(void *argument, int64_t begin, int64_t end, int worker) {
    share_tally *tally = argument;
    (void)worker;
    atomic_fetch_add(&tally->calls, 1);
    int64_t longest = atomic_load(&tally->longest);
    while (end - begin > longest &&
           !atomic_compare_exchange_weak(&tally->longest, &longest, end - begin)) {
    }
}

START_TEST(few_chunks_come_out_even) {
    static const struct {
        int threads;
        int64_t count, grain;
        int calls;
        int64_t longest;
    } cases[] = {
        {2, 3 * 16384, 16384, 2, 24576}, /* three chunks for two threads */
        {2, 128, 42, 2, 64},             /* three and a bit */
        {2, 60, 42, 2, 30},              /* one and a bit */
        {4, 5 * 16384, 16384, 4, 20480}, /* one thread would have two */
        {4, 3 * 16384, 16384, 3, 16384}, /* fewer than threads */
        {2, 33, 1, 17, 2},               /* many: who is done takes from the other */
        {2, 246420, 1, 16, 15424},       /* elements: whole lines */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        nn_pool *pool;
        ck_assert_ok(nn_pool_create(cases[i].threads, &pool));
        share_tally tally = {0};
        nn_parallel(pool, cases[i].count, cases[i].grain, note_length, &tally);
        ck_assert_int_eq(tally.calls, cases[i].calls);
        ck_assert_int_eq(tally.longest, cases[i].longest);
        nn_pool_destroy(pool);
    }
}
END_TEST

START_TEST(without_a_pool_the_caller_works) {
    pool_tally *tally = new_tally(1);
    nn_parallel(NULL, 100, 1, count_indices, tally);
    check_tally(tally, 100);
    free(tally);
    ck_assert_int_eq(nn_pool_threads(NULL), 1);
}
END_TEST

START_TEST(thread_counts_are_checked) {
    nn_pool *pool;
    ck_assert_fails(nn_pool_create(-1, &pool), NNOPT_USAGE, "threads must be from 0");
    ck_assert_fails(nn_pool_create(100000, &pool), NNOPT_USAGE, "got 100000");
    ck_assert_ok(nn_pool_create(0, &pool));
    ck_assert_int_ge(nn_pool_threads(pool), 1);
    nn_pool_destroy(pool);
    nn_pool_destroy(NULL);
}
END_TEST

typedef struct cell_grid {
    nn_pool *pool;
    pool_tally *rows; /* of cells, by row */
} cell_grid;

typedef struct grid_row {
    cell_grid *grid;
    int64_t row;
} grid_row;

static void nested_cells(void *argument, int64_t begin, int64_t end, int worker) {
    const grid_row *row = argument;
    for (int64_t i = begin; i < end; i++) {
        count_indices(row->grid->rows, row->row * 50 + i, row->row * 50 + i + 1, worker);
    }
}

static void nested_rows(void *argument, int64_t begin, int64_t end, int worker) {
    cell_grid *grid = argument;
    (void)worker;
    for (int64_t i = begin; i < end; i++) {
        grid_row row = {grid, i};
        nn_parallel(grid->pool, 50, 1, nested_cells, &row);
    }
}

START_TEST(nested_calls_run_inline_under_the_same_worker) {
    nn_pool *pool;
    ck_assert_ok(nn_pool_create(3, &pool));
    cell_grid grid = {pool, new_tally(3)};
    nn_parallel(pool, 40, 1, nested_rows, &grid);
    check_tally(grid.rows, 2000);
    free(grid.rows);
    nn_pool_destroy(pool);
}
END_TEST

static void *contend(void *unused) {
    (void)unused;
    nn_pool *pool;
    if (nn_pool_create(2, &pool) != NN_OK) return "create";
    for (int i = 0; i < 300; i++) {
        pool_tally *tally = new_tally(2);
        nn_parallel(pool, 200, 1, count_indices, tally);
        check_tally(tally, 200);
        free(tally);
    }
    nn_pool_destroy(pool);
    return NULL;
}

START_TEST(callers_on_many_threads_do_not_disturb_each_other) {
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, contend, NULL), 0);
    for (int i = 0; i < 4; i++) {
        void *result;
        pthread_join(threads[i], &result);
        ck_assert_ptr_null(result);
    }
}
END_TEST

START_TEST(sleeping_workers_wake_up) {
    nn_pool *pool;
    ck_assert_ok(nn_pool_create(2, &pool));
    for (int i = 0; i < 20; i++) {
        usleep(1000); /* longer than a worker spins */
        pool_tally *tally = new_tally(2);
        nn_parallel(pool, 1000, 1, count_indices, tally);
        check_tally(tally, 1000);
        free(tally);
    }
    nn_pool_destroy(pool);
}
END_TEST

/* Ends pools at every moment between a worker's last job and its sleep. */
START_TEST(workers_end_whatever_they_are_at) {
    for (int i = 0; i < 400; i++) {
        nn_pool *pool;
        ck_assert_ok(nn_pool_create(2, &pool));
        pool_tally *tally = new_tally(2);
        nn_parallel(pool, 100, 1, count_indices, tally);
        check_tally(tally, 100);
        free(tally);
        usleep((useconds_t)(i % 100));
        nn_pool_destroy(pool);
    }
}
END_TEST

START_TEST(a_child_of_fork_gets_its_own_workers) {
    nn_pool *pool;
    ck_assert_ok(nn_pool_create(3, &pool));
    pool_tally *before = new_tally(3);
    nn_parallel(pool, 1000, 1, count_indices, before);
    check_tally(before, 1000);
    free(before);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        alarm(20);
        pool_tally *tally = calloc(1, sizeof *tally);
        if (tally == NULL) _exit(2);
        tally->threads = 3;
        nn_parallel(pool, 1000, 1, count_indices, tally);
        bool good = !tally->clash && !tally->bad_worker;
        for (int i = 0; i < 1000; i++) good = good && tally->seen[i] == 1;
        nn_pool_destroy(pool);
        free(tally);
        _exit(good ? 0 : 1);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), 0);
    nn_pool_destroy(pool);
}
END_TEST

static void sleep_each(void *argument, int64_t begin, int64_t end, int worker) {
    (void)argument, (void)worker;
    for (int64_t i = begin; i < end; i++) usleep(2000);
}

/* Sleep is a task, too: bounds that hold however late a worker wakes. */
START_TEST(watched_time_is_that_of_tasks) {
    nn_pool *pool;
    ck_assert_ok(nn_pool_create(2, &pool));
    nn_parallel(pool, 4, 1, sleep_each, NULL);
    nn_pool_load before = nn_pool_watched();
    ck_assert_double_eq(before.busy, 0);
    nn_pool_watch(true);
    nn_parallel(pool, 4, 1, sleep_each, NULL);
    nn_pool_load load = nn_pool_watched();
    ck_assert_double_ge(load.busy, 8e-3);
    ck_assert_double_ge(load.shared, 4e-3);
    ck_assert_double_le(load.busy, 2 * load.shared);
    nn_parallel(NULL, 4, 1, sleep_each, NULL); /* not shared */
    ck_assert_double_eq(nn_pool_watched().busy, load.busy);
    nn_pool_watch(false);
    nn_parallel(pool, 4, 1, sleep_each, NULL);
    ck_assert_double_eq(nn_pool_watched().busy, load.busy);
    nn_pool_destroy(pool);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("pool");
    TCase *pool = tcase_create("pool");
    tcase_set_timeout(pool, 60);
    tcase_add_test(pool, every_index_runs_once);
    tcase_add_test(pool, few_chunks_come_out_even);
    tcase_add_test(pool, without_a_pool_the_caller_works);
    tcase_add_test(pool, thread_counts_are_checked);
    tcase_add_test(pool, nested_calls_run_inline_under_the_same_worker);
    tcase_add_test(pool, callers_on_many_threads_do_not_disturb_each_other);
    tcase_add_test(pool, sleeping_workers_wake_up);
    tcase_add_test(pool, workers_end_whatever_they_are_at);
    tcase_add_test(pool, a_child_of_fork_gets_its_own_workers);
    tcase_add_test(pool, watched_time_is_that_of_tasks);
    suite_add_tcase(suite, pool);
    return suite;
}
