/* A run of a planned shape allocates nothing, and a further session of a model little. */
#include "engine/plan/weight_cache.h"
#include "tests/support/maker.h"

#include <stdio.h>
#include <stdlib.h>

/* A function of every layer of a small network: convolution, pool, sums, views, matrix product. */
static nn_model *network(void) {
    maker m = make(13);
    static const int64_t flat[2] = {0, -1};
    make_input(&m, "x", NNOPT_FLOAT, "N,3,16,16");
    make_random(&m, "w1", "8,3,3,3", 1);
    make_random(&m, "b1", "8", 2);
    make_random(&m, "w2", "8,8,3,3", 3);
    make_random(&m, "w3", "512,10", 4);
    make_ints(&m, "flat", NNOPT_INT64, "2", flat);
    make_node(&m, "Conv", "conv1", "x,w1,b1", "a", "pads=[1,1,1,1]");
    make_node(&m, "Relu", "relu1", "a", "b", NULL);
    make_node(&m, "Conv", "conv2", "b,w2", "c", "pads=[1,1,1,1]");
    make_node(&m, "Add", "sum", "c,b", "d", NULL);
    make_node(&m, "Relu", "relu2", "d", "e", NULL);
    make_node(&m, "MaxPool", "pool", "e", "f", "kernel_shape=[2,2] strides=[2,2]");
    make_node(&m, "Reshape", "flatten", "f,flat", "g", NULL);
    make_node(&m, "MatMul", "dense", "g,w3", "y", NULL);
    return make_model(&m, "y,e");
}

static void check_runs(int threads, bool no_fusion, nn_precision precision) {
    nn_model *model = network();
    nn_session_options options = {
        .threads = threads, .no_fusion = no_fusion, .precision = precision};
    nn_session *session;
    ck_assert_ok(nn_session_open(model, &options, &session));
    nn_tensor small = random_tensor("1,3,16,16", 1), large = random_tensor("5,3,16,16", 2);
    nn_tensor outputs[2];
    ck_assert_ok(nnopt_session_run(session, &small, 1, outputs));
    ck_assert_ok(nnopt_session_run(session, &large, 1, outputs));
    uint64_t before = nn_allocation_count();
    for (int i = 0; i < 5; i++) {
        ck_assert_ok(nnopt_session_run(session, &small, 1, outputs));
        ck_assert_ok(nnopt_session_run(session, &large, 1, outputs));
        ck_assert_ok(nnopt_session_run(session, &large, 1, outputs));
    }
    ck_assert_uint_eq(nn_allocation_count(), before);
    nn_tensor_clear(&small);
    nn_tensor_clear(&large);
    nnopt_session_destroy(session);
    nnopt_model_destroy(model);
}

START_TEST(one_thread) {
    check_runs(1, false, NN_PRECISION_FP32);
    check_runs(1, true, NN_PRECISION_FP32);
}
END_TEST

START_TEST(two_threads) {
    check_runs(2, false, NN_PRECISION_FP32);
}
END_TEST

START_TEST(in_bf16) {
    if (nn_cpu_get()->isa < NN_ISA_BF16) {
        printf("skipped: no %s, this CPU has %s\n", nn_isa_name(NN_ISA_BF16),
               nn_isa_name(nn_cpu_get()->isa));
        return;
    }
    check_runs(1, false, NN_PRECISION_BF16);
    check_runs(2, false, NN_PRECISION_BF16);
}
END_TEST

START_TEST(sessions_leave_no_packed_weights_behind) {
    nn_model *model = network();
    nn_session *session;
    nn_session_options options = {.threads = 1};
    ck_assert_ok(nn_session_open(model, &options, &session));
    nn_tensor x = random_tensor("1,3,16,16", 1), outputs[2];
    ck_assert_ok(nnopt_session_run(session, &x, 1, outputs));
    nnopt_session_destroy(session);
    ck_assert_int_eq(nn_weight_cache_count(model->weights), 0);
    nn_tensor_clear(&x);
    nnopt_model_destroy(model);
}
END_TEST

/* ---- many sessions of one model ---- */

static int64_t live_bytes;

/* Memory with its size in front. */
static void *count_allocate(size_t size, size_t alignment, void *user) {
    void *block;
    (void)user;
    if (posix_memalign(&block, alignment, size + alignment) != 0) return NULL;
    *(size_t *)block = size;
    live_bytes += (int64_t)size;
    return (char *)block + alignment;
}

static void count_release(void *memory, void *user) {
    size_t *block = (size_t *)((char *)memory - NN_ALIGNMENT);
    (void)user;
    live_bytes -= (int64_t)*block;
    free(block);
}

/* A convolution, a recurrent layer and a matrix product, with some megabytes of weights. */
static nn_model *heavy_network(void) {
    maker m = make(13);
    make_input(&m, "x", NNOPT_FLOAT, "1,64,5,10");
    make_input(&m, "s", NNOPT_FLOAT, "4,1,128");
    make_random(&m, "w1", "64,64,3,3", 1);
    make_random(&m, "w2", "10,16", 2);
    make_random(&m, "w", "1,1024,128", 3);
    make_random(&m, "r", "1,1024,256", 4);
    make_node(&m, "Conv", "conv", "x,w1", "a", "pads=[1,1,1,1]");
    make_node(&m, "Relu", "relu", "a", "b", NULL);
    make_node(&m, "MatMul", "dense", "b,w2", "y", NULL);
    make_node(&m, "LSTM", "lstm", "s,w,r", "z", "hidden_size=256");
    return make_model(&m, "y,z");
}

START_TEST(sessions_share_weights_and_packed_weights) {
    enum { SESSIONS = 1000 };
    static nn_session *sessions[SESSIONS];
    const nnopt_allocator counting = {.allocate = count_allocate, .release = count_release};
    nnopt_set_allocator(&counting);
    nn_model *model = heavy_network();
    nn_session_options options = {.threads = 1};
    nn_tensor inputs[2] = {random_tensor("1,64,5,10", 1), random_tensor("4,1,128", 2)};
    nn_tensor outputs[2];
    int64_t first = 0, second = 0, packed = 0;
    for (int i = 0; i < SESSIONS; i++) {
        ck_assert_ok(nn_session_open(model, &options, &sessions[i]));
        if (i < 2 || i == SESSIONS - 1)
            ck_assert_ok(nnopt_session_run(sessions[i], inputs, 2, outputs));
        if (i == 0) {
            first = live_bytes;
            packed = nn_weight_cache_bytes(model->weights);
        } else if (i == 1) {
            second = live_bytes - first;
        }
    }
    /* R may take three bytes a weight. */
    ck_assert_int_gt(packed, (1024 * 128 + 64 * 64 * 9) * 4 + 1024 * 256 * 3);
    ck_assert_int_eq(nn_weight_cache_bytes(model->weights), packed);
    /* A session has its plan, its activations and its workspace. */
    ck_assert_int_lt(second, packed / 3);
    ck_assert_int_le(live_bytes, first + (SESSIONS - 1) * second);
    for (int i = 0; i < SESSIONS; i++) nnopt_session_destroy(sessions[i]);
    ck_assert_int_eq(nn_weight_cache_count(model->weights), 0);
    nn_tensor_clear(&inputs[0]);
    nn_tensor_clear(&inputs[1]);
    nnopt_model_destroy(model);
    ck_assert_int_eq(live_bytes, 0);
    nnopt_set_allocator(NULL);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("no_allocation");
    TCase *tests = tcase_create("no_allocation");
    tcase_add_test(tests, one_thread);
    tcase_add_test(tests, two_threads);
    tcase_add_test(tests, in_bf16);
    tcase_add_test(tests, sessions_leave_no_packed_weights_behind);
    tcase_add_test(tests, sessions_share_weights_and_packed_weights);
    suite_add_tcase(suite, tests);
    return suite;
}
