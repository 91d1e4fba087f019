/* Sessions: inputs, outputs, plans by shape, taps, errors. */
#include "engine/plan/plan_parts.h"
#include "engine/plan/weight_cache.h"
#include "tests/support/maker.h"

#include <pthread.h>
#include <stdio.h>

/* y = relu(x w + b) elementwise, and its sum with x. */
static nn_model *small_model(const char *dims) {
    maker m = make(13);
    static const float w[3] = {1, -2, 3}, b[3] = {0.5f, 0.5f, -1};
    make_input(&m, "x", NNOPT_FLOAT, dims);
    make_floats(&m, "w", "3", w);
    make_floats(&m, "b", "3", b);
    make_node(&m, "Mul", "scale", "x,w", "scaled", NULL);
    make_node(&m, "Add", "shift", "scaled,b", "shifted", NULL);
    make_node(&m, "Relu", "relu", "shifted", "y", NULL);
    make_node(&m, "Add", "sum", "y,x", "z", NULL);
    return make_model(&m, "y,z");
}

static nn_tensor float_tensor(float *data, int rank, int64_t d0, int64_t d1) {
    return (nn_tensor){.type = NNOPT_FLOAT, .rank = rank, .dims = {d0, d1}, .data = data};
}

START_TEST(outputs_come_in_order_and_hold_the_result) {
    nn_model *model = small_model("2,3");
    nn_session *session;
    ck_assert_ok(nnopt_session_create(model, NULL, &session));
    float x[6] = {1, 2, 3, -1, -2, -3};
    nn_tensor input = float_tensor(x, 2, 2, 3), outputs[2];
    for (int round = 0; round < 3; round++) {
        ck_assert_ok(nnopt_session_run(session, &input, 1, outputs));
        static const float y[6] = {1.5f, 0, 8, 0, 4.5f, 0}, z[6] = {2.5f, 2, 11, -1, 2.5f, -3};
        ck_assert_int_eq(outputs[0].rank, 2);
        ck_assert_int_eq(outputs[0].dims[1], 3);
        for (int i = 0; i < 6; i++) {
            ck_assert_float_eq(((float *)outputs[0].data)[i], y[i]);
            ck_assert_float_eq(((float *)outputs[1].data)[i], z[i]);
        }
    }
    nnopt_session_destroy(session);
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(each_set_of_shapes_gets_a_plan_and_keeps_it) {
    nn_model *model = small_model("N,3");
    nn_session_options options = {.threads = 1};
    nn_session *session;
    ck_assert_ok(nn_session_open(model, &options, &session));
    float x[300];
    for (int i = 0; i < 300; i++) x[i] = (float)(i % 7) - 3;
    nn_plan *plans[3];
    static const int64_t sizes[] = {1, 100, 7};
    for (int round = 0; round < 2; round++) {
        for (int s = 0; s < 3; s++) {
            nn_tensor input = float_tensor(x, 2, sizes[s], 3), outputs[2];
            nn_plan *plan;
            ck_assert_ok(nn_session_plan(session, &input, 1, &plan));
            ck_assert(round == 0 || plan == plans[s]);
            plans[s] = plan;
            ck_assert_ok(nnopt_session_run(session, &input, 1, outputs));
            ck_assert_int_eq(outputs[0].dims[0], sizes[s]);
            for (int64_t i = 0; i < 3 * sizes[s]; i++) {
                static const float w[3] = {1, -2, 3}, b[3] = {0.5f, 0.5f, -1};
                float y = x[i] * w[i % 3] + b[i % 3];
                y = y > 0 ? y : 0;
                ck_assert_float_eq(((float *)outputs[0].data)[i], y);
                ck_assert_float_eq(((float *)outputs[1].data)[i], y + x[i]);
            }
        }
    }
    nnopt_session_destroy(session);
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(wrong_inputs_are_refused_by_name_and_rule) {
    maker m = make(13);
    make_input(&m, "image", NNOPT_FLOAT, "N,3");
    make_input(&m, "mask", NNOPT_FLOAT, "N,1");
    make_node(&m, "Mul", "masked", "image,mask", "y", NULL);
    nn_model *model = make_model(&m, "y");
    nn_session *session;
    ck_assert_ok(nnopt_session_create(model, NULL, &session));
    float data[12] = {0};
    nn_tensor good[2] = {float_tensor(data, 2, 2, 3), float_tensor(data, 2, 2, 1)}, output;
    nn_tensor bad[2];
    ck_assert_ok(nnopt_session_run(session, good, 2, &output));
    ck_assert_fails(nnopt_session_run(session, good, 1, &output), NNOPT_USAGE,
                    "the model takes 2 inputs, got 1");
    memcpy(bad, good, sizeof bad);
    bad[0].type = NNOPT_DOUBLE;
    ck_assert_fails(nnopt_session_run(session, bad, 2, &output), NNOPT_USAGE,
                    "input 'image': the model takes float32, got float64");
    memcpy(bad, good, sizeof bad);
    bad[0].rank = 1;
    ck_assert_fails(nnopt_session_run(session, bad, 2, &output), NNOPT_USAGE,
                    "input 'image': rank must be 2");
    memcpy(bad, good, sizeof bad);
    bad[0].dims[1] = 4;
    ck_assert_fails(nnopt_session_run(session, bad, 2, &output), NNOPT_USAGE,
                    "input 'image': axis 1 must be 3");
    memcpy(bad, good, sizeof bad);
    bad[1].dims[0] = 4;
    ck_assert_fails(nnopt_session_run(session, bad, 2, &output), NNOPT_USAGE,
                    "input 'mask': axis 0 is 'N', which is 2 already, got 4");
    memcpy(bad, good, sizeof bad);
    bad[0].dims[0] = -1;
    ck_assert_fails(nnopt_session_run(session, bad, 2, &output), NNOPT_USAGE, "input 'image'");
    memcpy(bad, good, sizeof bad);
    bad[0].rank = 100;
    ck_assert_fails(nnopt_session_run(session, bad, 2, &output), NNOPT_USAGE,
                    "rank must be 0 to 12");
    memcpy(bad, good, sizeof bad);
    bad[1].data = NULL;
    ck_assert_fails(nnopt_session_run(session, bad, 2, &output), NNOPT_USAGE,
                    "input 'mask': data is NULL");
    memcpy(bad, good, sizeof bad);
    bad[1].data = (char *)data + 1;
    ck_assert_fails(nnopt_session_run(session, bad, 2, &output), NNOPT_USAGE, "aligned to 4 bytes");
    ck_assert_ok(nnopt_session_run(session, good, 2, &output));
    memcpy(bad, good, sizeof bad);
    bad[0].data = output.data;
    ck_assert_fails(nnopt_session_run(session, bad, 2, &output), NNOPT_USAGE,
                    "input 'image': data is an output of this session");
    nnopt_session_destroy(session);
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(outputs_that_are_inputs_or_constants_are_copies) {
    maker m = make(13);
    static const float w[2] = {5, 6};
    static const int64_t shape[2] = {2, 1};
    make_input(&m, "x", NNOPT_FLOAT, "2");
    make_floats(&m, "w", "2", w);
    make_ints(&m, "shape", NNOPT_INT64, "2", shape);
    make_node(&m, "Identity", "same", "x", "y", NULL);
    make_node(&m, "Reshape", "column", "x,shape", "z", NULL);
    nn_model *model = make_model(&m, "x,y,z,w");
    nn_session *session;
    ck_assert_ok(nnopt_session_create(model, NULL, &session));
    float x[2] = {1, 2};
    nn_tensor input = float_tensor(x, 1, 2, 0), outputs[4];
    ck_assert_ok(nnopt_session_run(session, &input, 1, outputs));
    for (int i = 0; i < 4; i++) {
        ck_assert_ptr_ne(outputs[i].data, x);
        ck_assert_float_eq(((float *)outputs[i].data)[0], i == 3 ? 5 : 1);
        ck_assert_float_eq(((float *)outputs[i].data)[1], i == 3 ? 6 : 2);
    }
    ck_assert_int_eq(outputs[2].rank, 2);
    ck_assert_ptr_ne(outputs[3].data, nn_graph_find(model->graph, "w")->fact.constant->data);
    nnopt_session_destroy(session);
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(taps_give_values_of_the_model) {
    nn_model *model = small_model("2,3");
    static const char *const taps[] = {"shifted", "w", "x", "scaled", "y"};
    nn_session_options options = {.threads = 1, .taps = taps, .tap_count = 5};
    nn_session *session;
    ck_assert_ok(nn_session_open(model, &options, &session));
    nn_tensor tap, outputs[2];
    ck_assert_int_eq(nn_session_tap(session, 9, &tap), NNOPT_USAGE);
    float x[6] = {1, 2, 3, -1, -2, -3};
    nn_tensor input = float_tensor(x, 2, 2, 3);
    ck_assert_ok(nnopt_session_run(session, &input, 1, outputs));
    static const float expected[5][6] = {{1.5f, -3.5f, 8, -0.5f, 4.5f, -10},
                                         {1, -2, 3},
                                         {1, 2, 3, -1, -2, -3},
                                         {1, -4, 9, -1, 4, -9},
                                         {1.5f, 0, 8, 0, 4.5f, 0}};
    for (int t = 0; t < 5; t++) {
        ck_assert_ok(nn_session_tap(session, t, &tap));
        ck_assert_int_eq(nn_tensor_count(&tap), t == 1 ? 3 : 6);
        for (int64_t i = 0; i < nn_tensor_count(&tap); i++) {
            ck_assert_float_eq(((float *)tap.data)[i], expected[t][i]);
        }
    }
    ck_assert_fails(nn_session_tap(session, 5, &tap), NNOPT_USAGE, "no tap 5");
    nnopt_session_destroy(session);

    static const char *const missing[] = {"nowhere"};
    options = (nn_session_options){.taps = missing, .tap_count = 1};
    ck_assert_fails(nn_session_open(model, &options, &session), NNOPT_USAGE,
                    "tap 'nowhere': the model has no such value");
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(all_unsupported_operators_are_listed_at_once) {
    maker m = make(13);
    make_input(&m, "x", NNOPT_FLOAT, "2");
    make_node(&m, "Foo", "first", "x", "a", NULL);
    make_node(&m, "com.microsoft:Bar", "second", "a", "b", NULL);
    make_node(&m, "Foo", "third", "b", "y", NULL);
    nn_model *model = make_model(&m, "y");
    nn_session *session;
    ck_assert_int_eq(nnopt_session_create(model, NULL, &session), NNOPT_UNSUPPORTED);
    ck_assert_str_eq(
        nnopt_last_error(),
        "unsupported operators: 'Foo' (domain 'ai.onnx', opset 13) at node 'first' and "
        "1 more, 'Bar' (domain 'com.microsoft', opset 1) at node 'second'");
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(options_are_checked) {
    nn_model *model = small_model("2,3");
    nn_session *session;
    nnopt_options *options;
    ck_assert_ok(nnopt_options_create(&options));
    ck_assert_ok(nnopt_options_set(options, "threads", "2"));
    ck_assert_ok(nnopt_session_create(model, options, &session));
    ck_assert_int_eq(nn_session_threads(session), 2);
    ck_assert_ptr_eq(nn_session_model(session), model);
    nnopt_session_destroy(session);
    ck_assert_ok(nnopt_options_set(options, "device", "toaster"));
    ck_assert_int_eq(nnopt_session_create(model, options, &session), NNOPT_USAGE);
    nnopt_options_destroy(options);
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(plans_of_many_shapes_come_and_go) {
    nn_model *model = small_model("N,3");
    nn_session_options options = {.threads = 1};
    nn_session *session;
    ck_assert_ok(nn_session_open(model, &options, &session));
    float x[600];
    for (int i = 0; i < 600; i++) x[i] = (float)(i % 5);
    nn_plan *borrowed, *again;
    nn_tensor input = float_tensor(x, 2, 200, 3), outputs[2];
    ck_assert_ok(nn_session_plan(session, &input, 1, &borrowed));
    for (int round = 0; round < 2; round++) {
        for (int64_t rows = 1; rows <= 100; rows++) {
            input = float_tensor(x, 2, rows, 3);
            ck_assert_ok(nnopt_session_run(session, &input, 1, outputs));
            ck_assert_int_eq(outputs[0].dims[0], rows);
            ck_assert_float_eq(((float *)outputs[0].data)[3 * rows - 1],
                               3 * x[3 * rows - 1] - 1 > 0 ? 3 * x[3 * rows - 1] - 1 : 0);
        }
    }
    input = float_tensor(x, 2, 200, 3);
    ck_assert_ok(nn_session_plan(session, &input, 1, &again));
    ck_assert_ptr_eq(borrowed, again);
    nnopt_session_destroy(session);
    nnopt_model_destroy(model);
}
END_TEST

enum { LARGE_SIZE = 256, LARGE_LAYERS = 5 };

/* More than a megabyte of weights; those of the last layer are those of the first. */
static nn_model *large_model(void) {
    maker m = make(13);
    make_input(&m, "x", NNOPT_FLOAT, "2,256");
    for (int i = 0; i < LARGE_LAYERS; i++) {
        char name[16];
        snprintf(name, sizeof name, "w%d", i);
        make_random(&m, name, "256,256", (uint64_t)i + 1);
    }
    make_node(&m, "MatMul", "first", "x,w0", "a", NULL);
    make_node(&m, "MatMul", "second", "a,w1", "b", NULL);
    make_node(&m, "MatMul", "third", "b,w2", "c", NULL);
    make_node(&m, "MatMul", "fourth", "c,w3", "d", NULL);
    make_node(&m, "MatMul", "fifth", "d,w4", "e", NULL);
    make_node(&m, "MatMul", "last", "e,w0", "y", NULL);
    return make_model(&m, "y");
}

static void *run_sessions(void *model) {
    for (int i = 0; i < 5; i++) {
        nn_session_options options = {.threads = 1, .no_fusion = i % 2 == 0};
        nn_session *session;
        float x[6] = {1, 2, 3, -1, -2, -3};
        nn_tensor input = float_tensor(x, 2, 2, 3), outputs[2];
        if (nn_session_open(model, &options, &session) != NN_OK) return NULL;
        nn_status status = nnopt_session_run(session, &input, 1, outputs);
        bool right = status == NN_OK && ((float *)outputs[1].data)[2] == 11;
        nnopt_session_destroy(session);
        if (!right) return NULL;
    }
    return model;
}

START_TEST(threads_share_a_model) {
    nn_model *model = small_model("2,3");
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, run_sessions, model), 0);
    }
    for (int i = 0; i < 4; i++) {
        void *result;
        pthread_join(threads[i], &result);
        ck_assert_ptr_eq(result, model);
    }
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(a_thousand_sessions_share_the_packed_weights_of_a_model) {
    enum { SESSIONS = 1000 };
    nn_model *model = large_model();
    static nn_session *sessions[SESSIONS];
    const nn_session_options options = {.threads = 1};
    int64_t bytes = 0;
    for (int i = 0; i < SESSIONS; i++) {
        ck_assert_ok(nn_session_open(model, &options, &sessions[i]));
        if (i == 0) bytes = nn_weight_cache_bytes(model->weights);
    }
    ck_assert_int_gt(bytes, LARGE_LAYERS * LARGE_SIZE * LARGE_SIZE * (int64_t)sizeof(float));
    ck_assert_int_eq(nn_weight_cache_bytes(model->weights), bytes);
    for (int i = 0; i < SESSIONS; i++) nnopt_session_destroy(sessions[i]);
    ck_assert_int_eq(nn_weight_cache_bytes(model->weights), 0);
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(weights_packed_on_many_threads_are_the_same) {
    nn_model *model = large_model();
    nn_tensor x = random_tensor("2,256", 9);
    nn_tensor first = {0};
    for (int threads = 1; threads <= 4; threads += 3) {
        const nn_session_options options = {.threads = threads, .deterministic = true};
        nn_tensor y = run_model(model, &options, &x, 1, 0);
        if (threads == 1) {
            first = y;
            continue;
        }
        ck_assert_int_eq(memcmp(y.data, first.data, (size_t)nn_tensor_bytes(&y)), 0);
        nn_tensor_clear(&y);
    }
    nn_tensor_clear(&first);
    nn_tensor_clear(&x);
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(a_failed_allocation_on_any_thread_is_an_error_and_leaks_nothing) {
    nn_model *model = large_model();
    const nn_session_options options = {.threads = 3};
    nn_status status = NN_NO_MEMORY;
    for (uint64_t n = 1; status != NN_OK; n++) {
        nn_session *session = NULL;
        nn_fail_allocation(n);
        status = nn_session_open(model, &options, &session);
        nn_fail_allocation(0);
        ck_assert_msg(status == NN_OK || status == NN_NO_MEMORY, "allocation %d: %s", (int)n,
                      nnopt_last_error());
        nnopt_session_destroy(session);
        ck_assert_int_eq(nn_weight_cache_bytes(model->weights), 0);
    }
    nnopt_model_destroy(model);
}
END_TEST

typedef struct hook_calls {
    int64_t begins, ends, last;
} hook_calls;

static void count_calls(void *user, const nn_plan *plan, int64_t step, bool begin) {
    hook_calls *calls = user;
    ck_assert_int_lt(step, nn_plan_step_count(plan));
    if (begin) {
        calls->begins++;
        calls->last = step;
    } else {
        calls->ends++;
        ck_assert_int_eq(step, calls->last);
    }
}

START_TEST(the_hook_sees_every_step) {
    nn_model *model = small_model("2,3");
    nn_session_options options = {.threads = 1};
    nn_session *session;
    ck_assert_ok(nn_session_open(model, &options, &session));
    hook_calls calls = {0};
    nn_session_set_hook(session, count_calls, &calls);
    float x[6] = {0};
    nn_tensor input = float_tensor(x, 2, 2, 3), outputs[2];
    nn_plan *plan;
    ck_assert_ok(nn_session_plan(session, &input, 1, &plan));
    ck_assert_ok(nnopt_session_run(session, &input, 1, outputs));
    ck_assert_int_eq(calls.begins, nn_plan_step_count(plan));
    ck_assert_int_eq(calls.ends, nn_plan_step_count(plan));
    nn_session_set_hook(session, NULL, NULL);
    ck_assert_ok(nnopt_session_run(session, &input, 1, outputs));
    ck_assert_int_eq(calls.begins, nn_plan_step_count(plan));
    nnopt_session_destroy(session);
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(every_failed_allocation_is_an_error_and_leaks_nothing) {
    nn_model *model = small_model("N,3");
    float x[6] = {1, 2, 3, -1, -2, -3};
    nn_tensor input = float_tensor(x, 2, 2, 3), outputs[2];
    static const char *const taps[] = {"shifted"};
    nn_session_options options = {.threads = 1, .taps = taps, .tap_count = 1};
    nn_status status = NN_NO_MEMORY;
    for (uint64_t n = 1; status != NN_OK; n++) {
        nn_session *session = NULL;
        nn_fail_allocation(n);
        status = nn_session_open(model, &options, &session);
        if (status == NN_OK) status = nnopt_session_run(session, &input, 1, outputs);
        nn_fail_allocation(0);
        ck_assert_msg(status == NN_OK || status == NN_NO_MEMORY, "allocation %d: %s", (int)n,
                      nnopt_last_error());
        if (status == NN_OK) ck_assert_float_eq(((float *)outputs[0].data)[2], 8);
        nnopt_session_destroy(session);
    }
    nnopt_model_destroy(model);
}
END_TEST

/* The last floats of a file: the data of a tensor's message. */
static void read_floats(const char *relative, float *out, size_t count) {
    FILE *file = fopen(test_data_path(relative), "rb");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fseek(file, -(long)(count * sizeof *out), SEEK_END), 0);
    ck_assert_uint_eq(fread(out, sizeof *out, count, file), count);
    fclose(file);
}

START_TEST(mnist_8_gives_its_reference_outputs) {
    if (test_data_path("") == NULL) {
        printf("NNOPT_TEST_DATA is not set: mnist-8 is not run\n");
        return;
    }
    static const nn_session_options kinds[] = {
        {.threads = 1}, {.threads = 2}, {.no_fusion = true}, {.reference_only = true}};
    nn_model *model;
    ck_assert_ok(nnopt_model_load(test_data_path("mnist-8/model.onnx"), &model));
    for (size_t kind = 0; kind < sizeof kinds / sizeof *kinds; kind++) {
        nn_session *session;
        ck_assert_ok(nn_session_open(model, &kinds[kind], &session));
        for (int set = 0; set < 3; set++) {
            char path[64];
            float image[784], expected[10];
            snprintf(path, sizeof path, "mnist-8/test_data_set_%d/input_0.pb", set);
            read_floats(path, image, 784);
            snprintf(path, sizeof path, "mnist-8/test_data_set_%d/output_0.pb", set);
            read_floats(path, expected, 10);
            nn_tensor input = {NNOPT_FLOAT, 4, {1, 1, 28, 28}, image}, output;
            nn_tensor wanted = {NNOPT_FLOAT, 2, {1, 10}, expected};
            ck_assert_ok(nnopt_session_run(session, &input, 1, &output));
            check_close(&output, &wanted, 1e-5, 1e-2);
        }
        nnopt_session_destroy(session);
    }
    nnopt_model_destroy(model);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("session");
    TCase *tests = tcase_create("session");
    tcase_add_test(tests, outputs_come_in_order_and_hold_the_result);
    tcase_add_test(tests, each_set_of_shapes_gets_a_plan_and_keeps_it);
    tcase_add_test(tests, wrong_inputs_are_refused_by_name_and_rule);
    tcase_add_test(tests, outputs_that_are_inputs_or_constants_are_copies);
    tcase_add_test(tests, taps_give_values_of_the_model);
    tcase_add_test(tests, all_unsupported_operators_are_listed_at_once);
    tcase_add_test(tests, options_are_checked);
    tcase_add_test(tests, plans_of_many_shapes_come_and_go);
    tcase_add_test(tests, threads_share_a_model);
    tcase_add_test(tests, a_thousand_sessions_share_the_packed_weights_of_a_model);
    tcase_add_test(tests, weights_packed_on_many_threads_are_the_same);
    tcase_add_test(tests, a_failed_allocation_on_any_thread_is_an_error_and_leaks_nothing);
    tcase_add_test(tests, the_hook_sees_every_step);
    tcase_add_test(tests, every_failed_allocation_is_an_error_and_leaks_nothing);
    tcase_add_test(tests, mnist_8_gives_its_reference_outputs);
    suite_add_tcase(suite, tests);
    return suite;
}
