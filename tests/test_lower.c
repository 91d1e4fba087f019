/* Lowering: activations that are spelled out, weights, padding, constants, taps, whose work a step
 * does. */
#include "tests/support/maker.h"
#include "tests/support/steps.h"

#include <stdio.h>

static const nn_session_options fused = {.threads = 1}, reference = {.reference_only = true};

/* ---- activations ---- */

typedef void (*spelling)(maker *m);

static void number(maker *m, const char *name, float value) {
    make_floats(m, name, "", &value);
}

static void hard_swish_divided_last(maker *m) {
    number(m, "three", 3), number(m, "zero", 0), number(m, "six", 6);
    make_node(m, "Add", "add", "x,three", "a", NULL);
    make_node(m, "Clip", "clip", "a,zero,six", "b", NULL);
    make_node(m, "Mul", "mul", "x,b", "c", NULL);
    make_node(m, "Div", "div", "c,six", "y", NULL);
}

static void hard_swish_multiplied_first(maker *m) {
    number(m, "three", 3), number(m, "zero", 0), number(m, "six", 6), number(m, "sixth", 1.0f / 6);
    make_node(m, "Add", "add", "three,x", "a", NULL);
    make_node(m, "Clip", "clip", "a,zero,six", "b", NULL);
    make_node(m, "Mul", "scale", "b,sixth", "c", NULL);
    make_node(m, "Mul", "mul", "c,x", "y", NULL);
}

static void hard_swish_of_hard_sigmoid(maker *m) {
    make_node(m, "HardSigmoid", "gate", "x", "a", "alpha=0.166666667 beta=0.5");
    make_node(m, "Mul", "mul", "a,x", "y", NULL);
}

static void silu(maker *m) {
    make_node(m, "Sigmoid", "gate", "x", "a", NULL);
    make_node(m, "Mul", "mul", "x,a", "y", NULL);
}

static void gelu_halved_last(maker *m) {
    number(m, "root", 1.41421356f), number(m, "one", 1), number(m, "half", 0.5f);
    make_node(m, "Div", "div", "x,root", "a", NULL);
    make_node(m, "Erf", "erf", "a", "b", NULL);
    make_node(m, "Add", "add", "b,one", "c", NULL);
    make_node(m, "Mul", "mul", "x,c", "d", NULL);
    make_node(m, "Mul", "halve", "d,half", "y", NULL);
}

static void gelu_halved_first(maker *m) {
    number(m, "root", 0.70710678f), number(m, "one", 1), number(m, "half", 0.5f);
    make_node(m, "Mul", "halve", "half,x", "h", NULL);
    make_node(m, "Mul", "div", "x,root", "a", NULL);
    make_node(m, "Erf", "erf", "a", "b", NULL);
    make_node(m, "Add", "add", "one,b", "c", NULL);
    make_node(m, "Mul", "mul", "c,h", "y", NULL);
}

static void linear(maker *m) {
    number(m, "two", 2), number(m, "three", 3), number(m, "four", 4), number(m, "five", 5);
    make_node(m, "Mul", "mul", "two,x", "a", NULL);
    make_node(m, "Add", "add", "a,three", "b", NULL);
    make_node(m, "Div", "div", "b,four", "c", NULL);
    make_node(m, "Sub", "sub", "five,c", "y", NULL);
}

static void hard_sigmoid(maker *m) {
    number(m, "three", 3), number(m, "zero", 0), number(m, "six", 6);
    make_node(m, "Add", "add", "x,three", "a", NULL);
    make_node(m, "Clip", "clip", "a,zero,six", "b", NULL);
    make_node(m, "Div", "div", "b,six", "y", NULL);
}

START_TEST(activations_that_are_spelled_out_become_one_step) {
    static const struct {
        spelling spell;
        nn_activation_kind kind;
        const char *last;
    } cases[] = {
        {hard_swish_divided_last, NN_ACT_HARD_SWISH, "div"},
        {hard_swish_multiplied_first, NN_ACT_HARD_SWISH, "mul"},
        {hard_swish_of_hard_sigmoid, NN_ACT_HARD_SWISH, "mul"},
        {silu, NN_ACT_SILU, "mul"},
        {gelu_halved_last, NN_ACT_GELU, "halve"},
        {gelu_halved_first, NN_ACT_GELU, "mul"},
        {hard_sigmoid, NN_ACT_HARD_SIGMOID, "div"},
        {linear, NN_ACT_LINEAR, "sub"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        maker m = make(13);
        make_input(&m, "x", NNOPT_FLOAT, "N,50");
        cases[i].spell(&m);
        nn_model *model = make_model(&m, "y");
        nn_tensor x = random_tensor("4,50", i);
        for (int64_t k = 0; k < 200; k++) ((float *)x.data)[k] *= 8;
        nn_tensor y = run_model(model, &fused, &x, 1, 0);
        nn_tensor expected = run_model(model, &reference, &x, 1, 0);
        check_close(&y, &expected, 1e-5, 1e-6);

        nn_session *session;
        nn_plan *plan;
        ck_assert_ok(nn_session_open(model, &fused, &session));
        ck_assert_ok(nn_session_plan(session, &x, 1, &plan));
        ck_assert_int_eq(count_steps(plan, ""), 1);
        nn_step_info info = step_of(plan, cases[i].last);
        ck_assert_int_eq(((const nn_activation *)info.node->attrs)->kind, cases[i].kind);
        ck_assert_int_eq(info.cover_count, model->graph->node_count);
        ck_assert_int_eq(nn_plan_absent_count(plan), model->graph->node_count - 1);
        char reason[32];
        snprintf(reason, sizeof reason, "fused into '%s'", cases[i].last);
        ck_assert_str_eq(absence(plan, model->graph->nodes[0]->name), reason);
        nnopt_session_destroy(session);
        nn_tensor_clear(&x);
        nn_tensor_clear(&y);
        nn_tensor_clear(&expected);
        nnopt_model_destroy(model);
    }
}
END_TEST

START_TEST(what_only_looks_like_an_activation_stays) {
    /* the gate is read elsewhere; 5 is not 6; another x; the clip starts at 1 */
    for (int variant = 0; variant < 4; variant++) {
        maker m = make(13);
        make_input(&m, "x", NNOPT_FLOAT, "8");
        make_input(&m, "x2", NNOPT_FLOAT, "8");
        number(&m, "three", 3), number(&m, "low", variant == 3 ? 1 : 0);
        number(&m, "six", 6), number(&m, "divisor", variant == 1 ? 5 : 6);
        make_node(&m, "Add", "add", "x,three", "a", NULL);
        make_node(&m, "Clip", "clip", "a,low,six", "b", NULL);
        make_node(&m, "Mul", "mul", variant == 2 ? "x2,b" : "x,b", "c", NULL);
        make_node(&m, "Div", "div", "c,divisor", "d", NULL);
        make_node(&m, "Add", "last", "d,x2", "y", NULL);
        nn_model *model = make_model(&m, variant == 0 ? "y,b" : "y");
        nn_tensor x[2] = {random_tensor("8", 1), random_tensor("8", 2)};
        nn_tensor y = run_model(model, &fused, x, 2, 0);
        nn_tensor expected = run_model(model, &reference, x, 2, 0);
        check_close(&y, &expected, 0, 0);
        for (int i = 0; i < 2; i++) nn_tensor_clear(&x[i]);
        nn_tensor_clear(&y);
        nn_tensor_clear(&expected);
        nnopt_model_destroy(model);
    }
}
END_TEST

START_TEST(taps_inside_patterns_are_kept) {
    maker m = make(13);
    make_input(&m, "x", NNOPT_FLOAT, "8");
    hard_swish_divided_last(&m);
    nn_model *model = make_model(&m, "y");
    static const char *const taps[] = {"b", "six"};
    nn_session_options options = {.taps = taps, .tap_count = 2};
    nn_session *session;
    ck_assert_ok(nn_session_open(model, &options, &session));
    nn_tensor x = random_tensor("8", 3), y, tap;
    ck_assert_ok(nnopt_session_run(session, &x, 1, &y));
    ck_assert_ok(nn_session_tap(session, 0, &tap));
    for (int i = 0; i < 8; i++) {
        float b = ((float *)x.data)[i] + 3;
        b = b < 0 ? 0 : b > 6 ? 6 : b;
        ck_assert_float_eq(((float *)tap.data)[i], b);
    }
    ck_assert_ok(nn_session_tap(session, 1, &tap));
    ck_assert_float_eq(*(float *)tap.data, 6);
    nn_tensor_clear(&x);
    nnopt_session_destroy(session);
    nnopt_model_destroy(model);
}
END_TEST

/* ---- epilogues ---- */

START_TEST(convolutions_take_activations_and_sums) {
    maker m = make(13);
    make_input(&m, "x", NNOPT_FLOAT, "N,4,9,9");
    make_random(&m, "w1", "4,4,3,3", 1);
    make_random(&m, "w2", "4,4,3,3", 2);
    make_random(&m, "b2", "4", 3);
    make_node(&m, "Conv", "conv1", "x,w1", "a", "pads=[1,1,1,1]");
    make_node(&m, "Relu", "relu1", "a", "b", NULL);
    make_node(&m, "Conv", "conv2", "b,w2,b2", "c", "pads=[1,1,1,1]");
    make_node(&m, "Add", "sum", "x,c", "d", NULL);
    make_node(&m, "LeakyRelu", "leaky", "d", "y", "alpha=0.1");
    nn_model *model = make_model(&m, "y");
    nn_tensor x = random_tensor("2,4,9,9", 4);
    nn_tensor y = run_model(model, &fused, &x, 1, 0);
    nn_tensor expected = run_model(model, &reference, &x, 1, 0);
    check_close(&y, &expected, 1e-5, 1e-5);

    nn_session *session;
    nn_plan *plan;
    ck_assert_ok(nn_session_open(model, &fused, &session));
    ck_assert_ok(nn_session_plan(session, &x, 1, &plan));
    ck_assert_int_eq(count_steps(plan, "Conv"), 2);
    ck_assert_int_eq(count_steps(plan, "Conv") + count_steps(plan, "Reorder"),
                     count_steps(plan, ""));
    nn_step_info info = step_of(plan, "conv1");
    ck_assert_int_eq(info.node->epilogue.before.kind, NN_ACT_RELU);
    info = step_of(plan, "conv2");
    ck_assert(info.node->epilogue.has_residual);
    ck_assert_int_eq(info.node->epilogue.after.kind, NN_ACT_LEAKY_RELU);
    ck_assert(covers(&info, "conv2") && covers(&info, "sum") && covers(&info, "leaky"));
    ck_assert_str_eq(absence(plan, "sum"), "fused into 'conv2'");
    nnopt_session_destroy(session);
    nn_tensor_clear(&x);
    nn_tensor_clear(&y);
    nn_tensor_clear(&expected);
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(the_later_of_two_convolutions_takes_their_sum) {
    maker m = make(13);
    make_input(&m, "x", NNOPT_FLOAT, "1,3,6,6");
    make_random(&m, "w1", "5,3,1,1", 1);
    make_random(&m, "w2", "5,3,3,3", 2);
    make_node(&m, "Conv", "shortcut", "x,w1", "a", NULL);
    make_node(&m, "Conv", "branch", "x,w2", "b", "pads=[1,1,1,1]");
    make_node(&m, "Add", "sum", "a,b", "c", NULL);
    make_node(&m, "Relu", "relu", "c", "y", NULL);
    nn_model *model = make_model(&m, "y");
    nn_tensor x = random_tensor("1,3,6,6", 4);
    nn_tensor y = run_model(model, &fused, &x, 1, 0);
    nn_tensor expected = run_model(model, &reference, &x, 1, 0);
    check_close(&y, &expected, 1e-5, 1e-5);
    nn_session *session;
    nn_plan *plan;
    ck_assert_ok(nn_session_open(model, &fused, &session));
    ck_assert_ok(nn_session_plan(session, &x, 1, &plan));
    nn_step_info info = step_of(plan, "branch");
    ck_assert(info.node->epilogue.has_residual && covers(&info, "relu"));
    info = step_of(plan, "shortcut");
    ck_assert(!info.node->epilogue.has_residual);
    nnopt_session_destroy(session);
    nn_tensor_clear(&x);
    nn_tensor_clear(&y);
    nn_tensor_clear(&expected);
    nnopt_model_destroy(model);
}
END_TEST

/* ---- weights ---- */

/* A node with constant weights, then Mul or Div, Add, and Mul by constants: one step is left. */
static void check_scales(const char *op_type, const char *x_dims, const char *w_dims,
                         const char *attrs, const char *scale_op, const char *scale_dims,
                         const char *shift_dims, int64_t steps) {
    maker m = make(13);
    make_input(&m, "x", NNOPT_FLOAT, x_dims);
    make_random(&m, "w", w_dims, 1);
    make_random(&m, "s", scale_dims, 2);
    make_random(&m, "t", shift_dims, 3);
    number(&m, "u", 0.75f);
    make_node(&m, op_type, "front", "x,w", "a", attrs);
    make_node(&m, scale_op, "scale", "a,s", "b", NULL);
    make_node(&m, "Add", "shift", "t,b", "c", NULL);
    make_node(&m, "Mul", "last", "u,c", "y", NULL);
    nn_model *model = make_model(&m, "y");
    nn_tensor x = random_tensor(x_dims, 4);
    nn_tensor y = run_model(model, &fused, &x, 1, 0);
    nn_tensor expected = run_model(model, &reference, &x, 1, 0);
    check_close(&y, &expected, 1e-4, 1e-4);
    nn_session *session;
    nn_plan *plan;
    ck_assert_ok(nn_session_open(model, &fused, &session));
    ck_assert_ok(nn_session_plan(session, &x, 1, &plan));
    ck_assert_int_eq(count_steps(plan, "") - count_steps(plan, "Reorder"), steps);
    nn_step_info info = step_of(plan, "front");
    ck_assert(steps > 1 || (covers(&info, "scale") && covers(&info, "shift")));
    nnopt_session_destroy(session);
    nn_tensor_clear(&x);
    nn_tensor_clear(&y);
    nn_tensor_clear(&expected);
    nnopt_model_destroy(model);
}

START_TEST(scales_and_shifts_join_the_weights) {
    check_scales("Conv", "1,2,5,5", "3,2,3,3", NULL, "Mul", "3,1,1", "1,3,1,1", 1);
    check_scales("Conv", "1,4,5", "6,2,3", "group=2", "Div", "1,6,1", "1", 1);
    check_scales("ConvTranspose", "1,4,5", "4,3,2", "group=2", "Mul", "6,1", "6,1", 1);
    check_scales("MatMul", "4,8", "8,5", NULL, "Mul", "5", "1,5", 1);
    check_scales("Gemm", "4,8", "5,8", "transB=1 alpha=0.5", "Div", "5", "5", 1);
    /* not one a channel: the last axis of a convolution, the rows of a product */
    check_scales("Conv", "1,2,5,5", "3,2,3,3", NULL, "Mul", "3", "3", 4);
    check_scales("MatMul", "4,8", "8,5", NULL, "Mul", "4,1", "4,1", 4);
}
END_TEST

/* ---- padding ---- */

/* Does the model's Pad in front of its Conv vanish? The results must agree either way. */
static void check_padding(int opset, const char *pad_attrs, const char *pad_inputs,
                          const int64_t *pads, const char *pads_dims, float value,
                          const char *conv_attrs, bool vanishes) {
    maker m = make(opset);
    static const int64_t axes[1] = {-1};
    make_input(&m, "x", NNOPT_FLOAT, "1,2,5,6");
    if (pads != NULL) make_ints(&m, "pads", NNOPT_INT64, pads_dims, pads);
    number(&m, "value", value);
    make_ints(&m, "axes", NNOPT_INT64, "1", axes);
    make_random(&m, "w", "3,2,3,3", 1);
    make_node(&m, "Pad", "pad", pad_inputs, "p", pad_attrs);
    make_node(&m, "Conv", "conv", "p,w", "y", conv_attrs);
    nn_model *model = make_model(&m, "y");
    nn_tensor x = random_tensor("1,2,5,6", 2);
    nn_tensor y = run_model(model, &fused, &x, 1, 0);
    nn_tensor expected = run_model(model, &reference, &x, 1, 0);
    check_close(&y, &expected, 1e-5, 1e-5);
    nn_session *session;
    nn_plan *plan;
    ck_assert_ok(nn_session_open(model, &fused, &session));
    ck_assert_ok(nn_session_plan(session, &x, 1, &plan));
    ck_assert_int_eq(count_steps(plan, "Pad"), vanishes ? 0 : 1);
    if (vanishes) ck_assert_str_eq(absence(plan, "pad"), "fused into 'conv'");
    nnopt_session_destroy(session);
    nn_tensor_clear(&x);
    nn_tensor_clear(&y);
    nn_tensor_clear(&expected);
    nnopt_model_destroy(model);
}

START_TEST(padding_with_zeros_joins_the_convolution) {
    static const int64_t spatial[8] = {0, 0, 1, 2, 0, 0, 3, 0};
    static const int64_t channels[8] = {0, 0, 0, 0, 0, 0, 1, 1}, last[2] = {2, 1};
    static const int64_t crop[8] = {0, 0, 1, 0, 0, 0, -1, 0};
    check_padding(13, NULL, "x,pads", spatial, "8", 0, NULL, true);
    check_padding(13, NULL, "x,pads,value", spatial, "8", 0, "pads=[1,0,0,1] strides=[2,1]", true);
    check_padding(18, NULL, "x,pads,,axes", last, "2", 0, "pads=[1,1,1,1]", true);
    check_padding(9, "pads=[0,0,1,2,0,0,3,0]", "x", NULL, NULL, 0, NULL, true);
    check_padding(13, NULL, "x,pads,value", spatial, "8", 1, NULL, false);
    check_padding(13, "mode='edge'", "x,pads", spatial, "8", 0, NULL, false);
    check_padding(13, NULL, "x,pads", crop, "8", 0, NULL, false);
    check_padding(13, NULL, "x,pads", channels, "8", 0, "auto_pad='SAME_UPPER'", false);
}
END_TEST

/* ---- constants ---- */

START_TEST(constants_and_shapes_are_folded) {
    maker m = make(13);
    static const float w[2] = {1, 2};
    static const int64_t last[1] = {1}, minus_one[1] = {-1};
    make_input(&m, "x", NNOPT_FLOAT, "N,2,3");
    make_floats(&m, "w", "2,1", w);
    make_ints(&m, "one", NNOPT_INT64, "1", last);
    make_ints(&m, "rest", NNOPT_INT64, "1", minus_one);
    make_node(&m, "Neg", "negate", "w", "v", NULL);
    make_node(&m, "Shape", "shape", "x", "s", NULL);
    make_node(&m, "Gather", "batch", "s,zero_index", "n", "axis=0");
    static const int64_t zero_index[1] = {0};
    make_ints(&m, "zero_index", NNOPT_INT64, "1", zero_index);
    make_node(&m, "Concat", "target", "n,rest", "t", "axis=0");
    make_node(&m, "Mul", "scale", "x,v", "y", NULL);
    make_node(&m, "Reshape", "flat", "y,t", "z", NULL);
    nn_model *model = make_model(&m, "z");
    nn_session *session;
    nn_plan *plan;
    ck_assert_ok(nn_session_open(model, &fused, &session));
    nn_tensor x = random_tensor("4,2,3", 1), z;
    ck_assert_ok(nnopt_session_run(session, &x, 1, &z));
    ck_assert_int_eq(z.rank, 2);
    ck_assert_int_eq(z.dims[1], 6);
    for (int i = 0; i < 24; i++) {
        ck_assert_float_eq(((float *)z.data)[i],
                           ((float *)x.data)[i] * (i / 3 % 2 ? -2.0f : -1.0f));
    }
    ck_assert_ok(nn_session_plan(session, &x, 1, &plan));
    ck_assert_int_eq(nn_plan_step_count(plan), 1);
    static const char *const folded[] = {"negate", "shape", "batch", "target"};
    for (int i = 0; i < 4; i++) ck_assert_str_eq(absence(plan, folded[i]), "folded");
    ck_assert_str_eq(absence(plan, "flat"), "view");
    nnopt_session_destroy(session);

    static const char *const taps[] = {"v", "t"};
    nn_session_options options = {.taps = taps, .tap_count = 2};
    nn_tensor tap;
    ck_assert_ok(nn_session_open(model, &options, &session));
    ck_assert_ok(nnopt_session_run(session, &x, 1, &z));
    ck_assert_ok(nn_session_tap(session, 0, &tap));
    ck_assert_float_eq(((float *)tap.data)[1], -2);
    ck_assert_ok(nn_session_tap(session, 1, &tap));
    ck_assert_int_eq(((int64_t *)tap.data)[0], 4);
    nnopt_session_destroy(session);
    nn_tensor_clear(&x);
    nnopt_model_destroy(model);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("lower");
    TCase *tests = tcase_create("lower");
    tcase_add_test(tests, activations_that_are_spelled_out_become_one_step);
    tcase_add_test(tests, what_only_looks_like_an_activation_stays);
    tcase_add_test(tests, taps_inside_patterns_are_kept);
    tcase_add_test(tests, convolutions_take_activations_and_sums);
    tcase_add_test(tests, the_later_of_two_convolutions_takes_their_sum);
    tcase_add_test(tests, scales_and_shifts_join_the_weights);
    tcase_add_test(tests, padding_with_zeros_joins_the_convolution);
    tcase_add_test(tests, constants_and_shapes_are_folded);
    suite_add_tcase(suite, tests);
    return suite;
}
