/* Every call of CUDA, cuDNN and cuBLASLt fails once, and every allocation: while a device is
 * opened, a model planned, run for the first time, recorded, run again and closed. Each time
 * either nothing is wrong with the results, or the failure is named; nothing is left behind, and
 * what comes after works. Each try is a process of its own, for what a process has chosen it keeps.
 */
#include "engine/plan/weight_cache.h"
#include "ops/device_kernels.h"
#include "tests/support/maker.h"

#include <dlfcn.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SKIPPED = 77, RUNS = 3, SURVIVED = 0, NOT_REACHED = 1, WRONG = 2 };

/* ---- what fails ---- */

static bool counts_allocations;
static long long until_failure; /* allocations; 0: none fails */

/* All of nnopt's memory, in the library of the device too, comes from here. */
int posix_memalign(void **out, size_t alignment, size_t size) {
    if (counts_allocations && until_failure > 0 && --until_failure == 0) return ENOMEM;
    *out = aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
    return *out != NULL ? 0 : ENOMEM;
}

typedef bool fail_function(long long number);

/* Of the emulator, which the library of the device brings along; NULL: it is a real device. */
static fail_function *find_fail_call(void) {
    void *library = dlopen(getenv("NNOPT_CUDA_LIBRARY"), RTLD_NOW);
    return library != NULL ? (fail_function *)dlsym(library, "nn_emulator_fail_call") : NULL;
}

static fail_function *fail_call;

typedef enum failing { CALLS, ALLOCATIONS } failing;

static void want_failure(failing what, long long number) {
    if (what == CALLS) (void)fail_call(number);
    until_failure = what == ALLOCATIONS ? number : 0;
    counts_allocations = what == ALLOCATIONS;
}

static bool was_reached(failing what) {
    return what == CALLS ? fail_call(0) : until_failure == 0;
}

/* ---- the model ---- */

/* A convolution with an epilogue, a 1x1 convolution that is a product, a pool, a product
 * with a bias, a normalisation, a softmax, and an operator of the CPU between them. */
static nn_model *network(void) {
    maker m = make(17);
    static const int64_t flat[2] = {1, -1}, matrices[3] = {4, 8, 8};
    make_input(&m, "x", NNOPT_FLOAT, "1,4,8,8");
    make_random(&m, "w1", "8,4,3,3", 1);
    make_random(&m, "b1", "8", 2);
    make_random(&m, "w2", "8,8,1,1", 3);
    make_random(&m, "w3", "128,16", 4);
    make_random(&m, "b3", "16", 5);
    make_random(&m, "scale", "16", 6);
    make_ints(&m, "flat", NNOPT_INT64, "2", flat);
    make_ints(&m, "matrices", NNOPT_INT64, "3", matrices);
    make_node(&m, "Conv", "conv1", "x,w1,b1", "a", "pads=[1,1,1,1]");
    make_node(&m, "Relu", "relu1", "a", "b", NULL);
    make_node(&m, "Conv", "conv2", "b,w2", "c", NULL);
    make_node(&m, "Add", "sum", "c,b", "d", NULL);
    make_node(&m, "MaxPool", "pool", "d", "e", "kernel_shape=[2,2] strides=[2,2]");
    make_node(&m, "Reshape", "flatten", "e,flat", "f", NULL);
    make_node(&m, "Reshape", "square", "x,matrices", "m", NULL);
    make_node(&m, "Det", "determinant", "m", "z", NULL);
    make_node(&m, "MatMul", "dense", "f,w3", "g", NULL);
    make_node(&m, "Add", "bias", "g,b3", "h", NULL);
    make_node(&m, "LayerNormalization", "norm", "h,scale", "i", NULL);
    make_node(&m, "Softmax", "softmax", "i", "y", NULL);
    return make_model(&m, "y,z");
}

enum { OUTPUTS = 2 };

typedef struct trial {
    nn_model *model;
    nn_tensor x, expected[OUTPUTS];
    failing what;
    bool deterministic;
} trial;

static bool is_close(const nn_tensor *got, const nn_tensor *want) {
    const int64_t count = nn_tensor_count(want);
    if (nn_tensor_count(got) != count) return false;
    for (int64_t i = 0; i < count; i++) {
        const double a = nn_tensor_get(got, i), b = nn_tensor_get(want, i);
        if (!(fabs(a - b) <= 1e-4 + 1e-3 * fabs(b))) return false;
    }
    return true;
}

static nn_status run_all(const trial *t, nn_session *session) {
    nn_tensor outputs[OUTPUTS];
    for (int run = 0; run < RUNS; run++) {
        NN_TRY(nnopt_session_run(session, &t->x, 1, outputs));
        for (int i = 0; i < OUTPUTS; i++)
            if (!is_close(&outputs[i], &t->expected[i]))
                return nn_fail(NN_CHECK, "run %d: output %d is wrong", run, i);
    }
    return NN_OK;
}

static int64_t free_bytes(nn_device *device) {
    nn_device_info info;
    device->calls->info(device, &info);
    return info.free_bytes;
}

static nn_status open_and_use(const trial *t) {
    nn_device *device;
    nn_session *session;
    NN_TRY(nn_device_open_kernels("cuda", &device));
    const nn_session_options options = {
        .threads = 1, .device = device, .deterministic = t->deterministic};
    NN_TRY(nn_session_open(t->model, &options, &session));
    nn_status status = run_all(t, session);
    nnopt_session_destroy(session);
    return status;
}

/* ---- one process ---- */

static bool is_named(const trial *t, nn_status status, const char *message) {
    if (t->what == ALLOCATIONS)
        return status == NN_NO_MEMORY && strstr(message, "out of memory") != NULL;
    return (status == NN_INTERNAL || status == NN_NO_MEMORY) &&
           (strstr(message, "CUDA") != NULL || strstr(message, "cuDNN: ") != NULL ||
            strstr(message, "cuBLASLt: ") != NULL || strstr(message, "out of memory") != NULL);
}

static int complain(const trial *t, long long number, const char *what, nn_status status) {
    printf("%s %lld%s: %s (status %d): %s\n", t->what == CALLS ? "call" : "allocation", number,
           t->deterministic ? ", deterministic" : "", what, (int)status, nnopt_last_error());
    fflush(stdout);
    return WRONG;
}

/* Where the program is built with the sanitizer. */
extern int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

static int try_once(const trial *t, long long number) {
    nn_device *device;
    want_failure(t->what, number);
    nn_status status = open_and_use(t);
    const bool reached = was_reached(t->what);
    want_failure(t->what, 0);
    if (status != NN_OK && (!reached || !is_named(t, status, nnopt_last_error())))
        return complain(t, number, "the failure is not named", status);
    status = nn_device_open_kernels("cuda", &device);
    if (status != NN_OK) return complain(t, number, "the device does not open again", status);
    const int64_t before = free_bytes(device);
    status = open_and_use(t);
    if (status != NN_OK) return complain(t, number, "what comes after fails", status);
    if (free_bytes(device) != before || nn_weight_cache_count(t->model->weights) != 0)
        return complain(t, number, "memory of the device is left behind", status);
    if (__lsan_do_recoverable_leak_check != NULL && __lsan_do_recoverable_leak_check() != 0)
        return complain(t, number, "memory is left behind", status);
    return reached ? SURVIVED : NOT_REACHED;
}

static int try_in_child(const trial *t, long long number) {
    int result;
    fflush(NULL);
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) _exit(try_once(t, number));
    ck_assert_int_eq(waitpid(child, &result, 0), child);
    ck_assert_msg(WIFEXITED(result), "try %lld ended by signal %d", number, WTERMSIG(result));
    ck_assert_int_ne(WEXITSTATUS(result), WRONG);
    ck_assert_int_le(WEXITSTATUS(result), NOT_REACHED);
    return WEXITSTATUS(result);
}

/* Every `step`-th, until there is nothing left that could fail. */
static void sweep(failing what, bool deterministic, long long step) {
    trial t = {.model = network(), .what = what, .deterministic = deterministic};
    const nn_session_options options = {.threads = 1};
    long long number = 1;
    t.x = random_tensor("1,4,8,8", 9);
    for (int i = 0; i < OUTPUTS; i++) t.expected[i] = run_model(t.model, &options, &t.x, 1, i);
    while (try_in_child(&t, number) == SURVIVED) number += step;
    printf("%lld places\n", number);
    ck_assert_int_gt(number, 10 * step);
    for (int i = 0; i < OUTPUTS; i++) nn_tensor_clear(&t.expected[i]);
    nn_tensor_clear(&t.x);
    nnopt_model_destroy(t.model);
}

START_TEST(calls) {
    sweep(CALLS, true, 1);
}
END_TEST

/* With timing there are thousands of calls, most of them alike. */
START_TEST(calls_of_timing) {
    sweep(CALLS, false, 41);
}
END_TEST

START_TEST(allocations) {
    sweep(ALLOCATIONS, true, 1);
}
END_TEST

static void set_up(void) {
    const char *absent = getenv("NN_NO_CUDA_EMULATOR"), *library = getenv("NNOPT_CUDA_LIBRARY");
    if (library == NULL || absent != NULL) {
        printf("skipped: no CUDA emulator: %s\n", absent != NULL ? absent : "not built");
        exit(SKIPPED);
    }
    fail_call = find_fail_call();
    if (fail_call == NULL) {
        printf("skipped: a real device does not fail on demand\n");
        exit(SKIPPED);
    }
    setenv("XDG_CACHE_HOME", "/dev/null", 1); /* what a process has chosen the next does not know */
}

Suite *test_suite(void) {
    Suite *suite = suite_create("cuda_failures");
    TCase *tests = tcase_create("failures");
    set_up();
    tcase_set_timeout(tests, 300);
    tcase_add_test(tests, calls);
    tcase_add_test(tests, calls_of_timing);
    tcase_add_test(tests, allocations);
    suite_add_tcase(suite, tests);
    return suite;
}
