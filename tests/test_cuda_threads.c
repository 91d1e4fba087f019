/* Sessions of one model in several threads, on one device and on two, beside sessions that come and
 * go: choices, plans, packed weights and the workbench are shared. */
#include "ops/device_kernels.h"
#include "tests/support/maker.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { SKIPPED = 77, THREADS = 4, ROUNDS = 3, RUNS = 4 };

static nn_model *network(void) {
    maker m = make(17);
    static const int64_t flat[2] = {-1, 512};
    make_input(&m, "x", NNOPT_FLOAT, "N,4,8,8");
    make_random(&m, "w1", "8,4,3,3", 1);
    make_random(&m, "b1", "8", 2);
    make_random(&m, "w2", "8,8,1,1", 3);
    make_random(&m, "w3", "512,16", 4);
    make_random(&m, "scale", "16", 5);
    make_ints(&m, "flat", NNOPT_INT64, "2", flat);
    make_node(&m, "Conv", "conv1", "x,w1,b1", "a", "pads=[1,1,1,1]");
    make_node(&m, "Relu", "relu1", "a", "b", NULL);
    make_node(&m, "Conv", "conv2", "b,w2", "c", NULL);
    make_node(&m, "Add", "sum", "c,b", "d", NULL);
    make_node(&m, "Reshape", "flatten", "d,flat", "e", NULL);
    make_node(&m, "MatMul", "dense", "e,w3", "f", NULL);
    make_node(&m, "LayerNormalization", "norm", "f,scale", "y", NULL);
    return make_model(&m, "y");
}

typedef struct worker {
    pthread_t thread;
    nn_model *model;
    nn_device *device;
    const nn_tensor *inputs, *expected; /* of one and of three samples */
    nn_status status;
    char message[512];
} worker;

static bool is_close(const nn_tensor *got, const nn_tensor *want) {
    const int64_t count = nn_tensor_count(want);
    if (nn_tensor_count(got) != count) return false;
    for (int64_t i = 0; i < count; i++)
        if (!(fabs(nn_tensor_get(got, i) - nn_tensor_get(want, i)) <= 1e-3)) return false;
    return true;
}

/* Both shapes in turn: first runs, recorded ones, and plans that are made between them. */
static nn_status use_session(worker *own, nn_session *session) {
    for (int run = 0; run < RUNS; run++)
        for (int i = 0; i < 2; i++) {
            nn_tensor y;
            NN_TRY(nnopt_session_run(session, &own->inputs[i], 1, &y));
            if (!is_close(&y, &own->expected[i]))
                return nn_fail(NN_CHECK, "run %d of shape %d is wrong", run, i);
        }
    return NN_OK;
}

static void *work(void *argument) {
    worker *own = argument;
    const nn_session_options options = {.threads = 1, .device = own->device};
    for (int round = 0; round < ROUNDS && own->status == NN_OK; round++) {
        nn_session *session;
        own->status = nn_session_open(own->model, &options, &session);
        if (own->status == NN_OK) {
            own->status = use_session(own, session);
            snprintf(own->message, sizeof own->message, "%s", nnopt_last_error());
            nnopt_session_destroy(session);
        }
    }
    return NULL;
}

static void run_threads(int devices) {
    static const char *const names[] = {"cuda:0", "cuda:1"};
    const nn_session_options on_cpu = {.threads = 1};
    nn_model *model = network();
    nn_tensor inputs[2] = {random_tensor("1,4,8,8", 1), random_tensor("3,4,8,8", 2)}, expected[2];
    worker workers[THREADS] = {0};
    for (int i = 0; i < 2; i++) expected[i] = run_model(model, &on_cpu, &inputs[i], 1, 0);
    for (int i = 0; i < THREADS; i++) {
        workers[i].model = model;
        workers[i].inputs = inputs;
        workers[i].expected = expected;
        ck_assert_ok(nn_device_open_kernels(names[i % devices], &workers[i].device));
    }
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    for (int i = 0; i < THREADS; i++) ck_assert_int_eq(pthread_join(workers[i].thread, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        ck_assert_msg(workers[i].status == NN_OK, "thread %d: %s", i, workers[i].message);
    for (int i = 0; i < 2; i++) {
        nn_tensor_clear(&inputs[i]);
        nn_tensor_clear(&expected[i]);
    }
    nnopt_model_destroy(model);
}

START_TEST(one_device) {
    run_threads(1);
}
END_TEST

START_TEST(two_devices) {
    nn_device *second;
    if (nn_device_open_kernels("cuda:1", &second) != NN_OK) {
        printf("not run: %s\n", nnopt_last_error());
        return;
    }
    run_threads(2);
}
END_TEST

static void set_up(void) {
    const char *absent = getenv("NN_NO_CUDA_EMULATOR"), *library = getenv("NNOPT_CUDA_LIBRARY");
    if (library == NULL && absent != NULL) {
        printf("skipped: no CUDA emulator: %s\n", absent);
        exit(SKIPPED);
    }
    setenv("NN_EMULATED_DEVICES", "2", 1);
}

Suite *test_suite(void) {
    Suite *suite = suite_create("cuda_threads");
    TCase *tests = tcase_create("threads");
    set_up();
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, one_device);
    tcase_add_test(tests, two_devices);
    suite_add_tcase(suite, tests);
    return suite;
}
