/* ScaledConv: when plans use it, and what it refuses. Its kernels are among the cases of
 * engine/select/kernel_case_table.def. */
#include "tests/support/maker.h"

#include "engine/plan/plan_parts.h"
#include "ops/family/scaled_conv.h"

#include <stdio.h>

/* Two images of 20 channels, scaled by what a 1x1 convolution makes of their means, then a 1x1
 * convolution to `outputs` channels with a sum behind it. */
static nn_model *make_scaled_model(int64_t outputs, bool scale_first) {
    char dims[64];
    maker m = make(13);
    make_input(&m, "x", NNOPT_FLOAT, "2,20,6,7");
    make_random(&m, "gate_w", "20,20,1,1", 1);
    snprintf(dims, sizeof dims, "%lld,20,1,1", (long long)outputs);
    make_random(&m, "w", dims, 2);
    snprintf(dims, sizeof dims, "%lld", (long long)outputs);
    make_random(&m, "bias", dims, 3);
    snprintf(dims, sizeof dims, "%lld,20,1,1", (long long)outputs);
    make_random(&m, "other_w", dims, 4);
    make_node(&m, "GlobalAveragePool", "mean", "x", "a", NULL);
    make_node(&m, "Conv", "gate", "a,gate_w", "b", NULL);
    make_node(&m, "Sigmoid", "sigmoid", "b", "c", NULL);
    make_node(&m, "Conv", "other", "x,other_w", "d", NULL);
    make_node(&m, "Mul", "scale", scale_first ? "c,x" : "x,c", "e", NULL);
    make_node(&m, "Conv", "project", "e,w,bias", "f", NULL);
    make_node(&m, "Add", "sum", "f,d", "g", NULL);
    make_node(&m, "Relu", "relu", "g", "y", NULL);
    return make_model(&m, "y");
}

/* The step that runs ScaledConv. */
static bool find_scaled(nn_session *session, const nn_tensor *x, nn_step_info *out) {
    nn_plan *plan;
    ck_assert_ok(nn_session_plan(session, x, 1, &plan));
    for (int64_t i = 0; i < nn_plan_step_count(plan); i++) {
        nn_plan_step(plan, i, out);
        if (out->node->op == &nn_op_scaled_conv) return true;
    }
    return false;
}

START_TEST(a_scale_goes_into_the_weights_behind_it) {
    nn_model *model = make_scaled_model(14, _i == 1);
    nn_session_options plain = {.threads = 1, .no_fusion = true};
    nn_tensor x = random_tensor("2,20,6,7", 5), want = run_model(model, &plain, &x, 1, 0);
    for (int threads = 1; threads <= 2; threads++) {
        nn_session_options options = {.threads = threads};
        nn_tensor got = run_model(model, &options, &x, 1, 0);
        check_close(&got, &want, 1e-5, 1e-5);
        nn_tensor_clear(&got);
        nn_session *session;
        nn_step_info step;
        ck_assert_ok(nn_session_open(model, &options, &session));
        ck_assert(find_scaled(session, &x, &step));
        ck_assert_int_eq(step.cover_count, 4); /* scale, project, sum, relu */
        ck_assert_str_eq(step.origin, "project");
        nnopt_session_destroy(session);
    }
    nn_tensor_clear(&want);
    nn_tensor_clear(&x);
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(weights_for_few_pixels_stay_as_they_are) {
    nn_model *model = make_scaled_model(15, false);
    nn_session_options options = {.threads = 1};
    nn_tensor x = random_tensor("2,20,6,7", 5);
    nn_session *session;
    nn_step_info step;
    ck_assert_ok(nn_session_open(model, &options, &session));
    ck_assert(!find_scaled(session, &x, &step));
    nnopt_session_destroy(session);
    nn_tensor_clear(&x);
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(what_does_not_fit_is_refused) {
    const int64_t x[] = {2, 4, 8, 8}, w[] = {6, 5, 1, 1}, scale[] = {1, 4, 1, 1};
    nn_fact in[3] = {nn_fact_make(NNOPT_FLOAT, 4, x), nn_fact_make(NNOPT_FLOAT, 4, w),
                     nn_fact_make(NNOPT_FLOAT, 4, scale)};
    nn_fact out = nn_fact_make(NNOPT_FLOAT, 4, x);
    const nn_fact *ins[3] = {&in[0], &in[1], &in[2]};
    nn_fact *outs[1] = {&out};
    nn_node_view node = {.name = "scaled",
                         .op = &nn_op_scaled_conv,
                         .opset = 1,
                         .in_count = 3,
                         .out_count = 1,
                         .in = ins,
                         .out = outs};
    ck_assert_fails(nn_op_scaled_conv.infer(&node), NNOPT_BAD_INPUT, "no 1x1 convolution");
    in[NN_SCALED_W].dims[1] = 4;
    ck_assert_fails(nn_op_scaled_conv.infer(&node), NNOPT_BAD_INPUT, "one factor for each channel");
    in[NN_SCALED_SCALE].dims[0] = 2;
    ck_assert_ok(nn_op_scaled_conv.infer(&node));
    ck_assert_int_eq(out.dims[1], 6);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("scaled convolution");
    TCase *tests = tcase_create("scaled convolution");
    tcase_add_loop_test(tests, a_scale_goes_into_the_weights_behind_it, 0, 2);
    tcase_add_test(tests, weights_for_few_pixels_stay_as_they_are);
    tcase_add_test(tests, what_does_not_fit_is_refused);
    suite_add_tcase(suite, tests);
    return suite;
}
