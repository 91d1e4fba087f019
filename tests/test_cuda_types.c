/* Which values of a plan in fp16 on a device are kept in 16 bits. */
#include "engine/plan/plan_parts.h"
#include "ops/device_kernels.h"
#include "tests/support/device_host.h"
#include "tests/support/maker.h"
#include "tests/support/steps.h"

/* conv, a bound, conv, twice the size, a filled border, conv: the bound, the scales, which are
 * floats always, and what fills in are constants. */
static nn_model *network(float factor) {
    maker m = make(17);
    static const int64_t pads[8] = {0, 0, 1, 0, 0, 0, 0, 2};
    const float filling = 0.25F, scales[4] = {1, 1, 2, 2};
    make_input(&m, "x", NNOPT_FLOAT, "1,8,6,6");
    for (int i = 0; i < 3; i++) {
        const char *const names[] = {"w0", "w1", "w2"};
        make_random(&m, names[i], "8,8,3,3", (uint64_t)i + 1);
    }
    make_floats(&m, "factor", "", &factor);
    make_floats(&m, "filling", "", &filling);
    make_floats(&m, "scales", "4", scales);
    make_ints(&m, "pads", NNOPT_INT64, "8", pads);
    make_node(&m, "Conv", "first", "x,w0", "a", "pads=[1,1,1,1]");
    make_node(&m, "Relu", "relu", "a", "b", NULL);
    make_node(&m, "Max", "bound", "b,factor", "c", NULL);
    make_node(&m, "Conv", "second", "c,w1", "d", "pads=[1,1,1,1]");
    make_node(&m, "Resize", "grow", "d,,scales", "r", "mode='nearest'");
    make_node(&m, "Pad", "border", "r,pads,filling", "e", NULL);
    make_node(&m, "Conv", "third", "e,w2", "y", "pads=[1,1,1,1]");
    return make_model(&m, "y");
}

static void check(float factor, nn_type bound) {
    const nn_session_options on_cpu = {.threads = 1}, on_device = {.threads = 1,
                                                                   .device = device_host_open(),
                                                                   .precision = NN_PRECISION_FP16};
    nn_model *model = network(factor);
    nn_session *session;
    nn_plan *plan;
    nn_tensor x = random_tensor("1,8,6,6", 4), y;
    nn_tensor expected = run_model(model, &on_cpu, &x, 1, 0);
    ck_assert_ok(nn_session_open(model, &on_device, &session));
    ck_assert_ok(nn_session_plan(session, &x, 1, &plan));
    ck_assert_int_eq(step_of(plan, "bound").node->out[0]->type, bound);
    ck_assert_int_eq(step_of(plan, "grow").node->out[0]->type, NNOPT_FLOAT16);
    ck_assert_int_eq(step_of(plan, "border").node->out[0]->type, NNOPT_FLOAT16);
    ck_assert_ok(nnopt_session_run(session, &x, 1, &y));
    check_close(&y, &expected, 1e-2, 0.2); /* outputs reach some hundreds */
    nn_tensor_clear(&x);
    nn_tensor_clear(&expected);
    nnopt_session_destroy(session);
    nnopt_model_destroy(model);
}

START_TEST(rounds_constants) {
    check(0.5F, NNOPT_FLOAT16);
}
END_TEST

/* 1e-9 would become 0. */
START_TEST(keeps_constants_out_of_range) {
    check(1e-9F, NNOPT_FLOAT);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("cuda_types");
    TCase *tests = tcase_create("types");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, rounds_constants);
    tcase_add_test(tests, keeps_constants_out_of_range);
    suite_add_tcase(suite, tests);
    return suite;
}
