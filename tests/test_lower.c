/* Lowering: activations that are spelled out, integer operators, constants, taps, whose work a step
 * does. */
#include "engine/plan_parts.h"
#include "ops/cpu/int8_loops.h"
#include "tests/support/maker.h"

#include <stdio.h>

static const nn_session_options fused = {.threads = 1}, reference = {.reference_only = true};

/* Steps of the plan with this operator ("" counts all). */
static int64_t count_steps(const nn_plan *plan, const char *op_type) {
    int64_t count = 0;
    for (int64_t i = 0; i < nn_plan_step_count(plan); i++) {
        nn_step_info info;
        nn_plan_step(plan, i, &info);
        if (op_type[0] == '\0' || strcmp(info.node->op->name, op_type) == 0) count++;
    }
    return count;
}

/* The step with this origin. */
static nn_step_info step_of(const nn_plan *plan, const char *origin) {
    nn_step_info info = {0};
    for (int64_t i = 0; i < nn_plan_step_count(plan); i++) {
        nn_plan_step(plan, i, &info);
        if (strcmp(info.origin, origin) == 0 && !info.is_conversion) return info;
    }
    ck_abort_msg("no step has origin '%s'", origin);
    return info;
}

static bool covers(const nn_step_info *info, const char *node) {
    for (int64_t i = 0; i < info->cover_count; i++) {
        if (strcmp(info->covers[i], node) == 0) return true;
    }
    return false;
}

static const char *absence(const nn_plan *plan, const char *node) {
    for (int64_t i = 0; i < nn_plan_absent_count(plan); i++) {
        const char *reason;
        if (strcmp(nn_plan_absent(plan, i, &reason), node) == 0) return reason;
    }
    return NULL;
}

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

/* ---- integers ---- */

/* Quantises `from` to 8 bits and back as `name`. */
static void requantise(maker *m, const char *from, const char *name, float scale, int64_t zero) {
    char text[8][64];
    static const char *const suffixes[] = {"_s", "_z", "_q", "_quant", "_dequant"};
    for (int i = 0; i < 5; i++) snprintf(text[i], sizeof text[i], "%s%s", name, suffixes[i]);
    make_floats(m, text[0], "", &scale);
    make_ints(m, text[1], NNOPT_UINT8, "", &zero);
    char inputs[2][256];
    snprintf(inputs[0], sizeof inputs[0], "%s,%s,%s", from, text[0], text[1]);
    snprintf(inputs[1], sizeof inputs[1], "%s,%s,%s", text[2], text[0], text[1]);
    make_node(m, "QuantizeLinear", text[3], inputs[0], text[2], NULL);
    make_node(m, "DequantizeLinear", text[4], inputs[1], name, NULL);
}

static int64_t test_weight(int64_t index, int64_t seed) {
    return (index * 37 + seed * 11) % 251 - 125;
}

/* Integer constant `name` dequantised along `axis`; `zero` points are 0. */
static void dequantise(maker *m, const char *name, nn_type type, const char *dims, int64_t seed,
                       const char *scale_dims, const float *scales, int axis) {
    char text[4][64], inputs[256], attrs[32];
    static const char *const suffixes[] = {"_s", "_z", "_q", "_dequant"};
    for (int i = 0; i < 4; i++) snprintf(text[i], sizeof text[i], "%s%s", name, suffixes[i]);
    int64_t values[256], zeros[8] = {0};
    for (int64_t i = 0; i < 256; i++) {
        values[i] = test_weight(i, seed) * (type == NNOPT_INT32 ? 7 : 1);
    }
    make_ints(m, text[2], type, dims, values);
    make_floats(m, text[0], scale_dims, scales);
    make_ints(m, text[1], type, scale_dims, zeros);
    snprintf(inputs, sizeof inputs, "%s,%s,%s", text[2], text[0], text[1]);
    snprintf(attrs, sizeof attrs, "axis=%d", axis);
    make_node(m, "DequantizeLinear", text[3], inputs, name, attrs);
}

/* One of every operator that has an integer form. */
static nn_model *quantised_model(void) {
    maker m = make(13);
    static const float s1[4] = {0.01f, 0.012f, 0.008f, 0.015f}, s2 = 0.02f, s4 = 0.012f;
    static const float s3[5] = {0.01f, 0.02f, 0.015f, 0.011f, 0.013f};
    float sb1[4], sb3[5];
    for (int i = 0; i < 4; i++) sb1[i] = 0.02f * s1[i];
    for (int i = 0; i < 5; i++) sb3[i] = 0.04f * s3[i];
    make_input(&m, "input", NNOPT_FLOAT, "1,3,8,8");
    requantise(&m, "input", "x", 0.02f, 128);
    dequantise(&m, "w1", NNOPT_INT8, "4,3,3,3", 1, "4", s1, 0);
    dequantise(&m, "b1", NNOPT_INT32, "4", 2, "4", sb1, 0);
    make_node(&m, "Conv", "conv1", "x,w1,b1", "a", "pads=[1,1,1,1]");
    make_node(&m, "Relu", "relu", "a", "r", NULL);
    requantise(&m, "r", "d1", 0.03f, 0);
    make_node(&m, "MaxPool", "pool", "d1", "p", "kernel_shape=[2,2] strides=[2,2]");
    requantise(&m, "p", "d2", 0.03f, 0);
    dequantise(&m, "w2", NNOPT_INT8, "4,4,1,1", 3, "", &s2, 0);
    make_node(&m, "Conv", "conv2", "d2,w2", "c", NULL);
    requantise(&m, "c", "d3", 0.05f, 120);
    make_node(&m, "Add", "add", "d2,d3", "e", NULL);
    requantise(&m, "e", "d4", 0.06f, 60);
    make_node(&m, "Concat", "concat", "d4,d2", "f", "axis=1");
    requantise(&m, "f", "d5", 0.06f, 60);
    make_node(&m, "Sigmoid", "sigmoid", "d5", "g", NULL);
    requantise(&m, "g", "d6", 0x1p-8f, 0);
    make_node(&m, "Mul", "mul", "d5,d6", "k", NULL);
    requantise(&m, "k", "d7", 0.05f, 40);
    make_node(&m, "AveragePool", "average", "d7", "l", "kernel_shape=[2,2] strides=[2,2]");
    requantise(&m, "l", "d8", 0.05f, 40);
    make_node(&m, "GlobalAveragePool", "global", "d8", "m", NULL);
    requantise(&m, "m", "d9", 0.04f, 40);
    make_node(&m, "Flatten", "flatten", "d9", "o", NULL);
    requantise(&m, "o", "d10", 0.04f, 40);
    dequantise(&m, "w3", NNOPT_INT8, "5,8", 4, "5", s3, 0);
    dequantise(&m, "b3", NNOPT_INT32, "5", 5, "5", sb3, 0);
    make_node(&m, "Gemm", "gemm", "d10,w3,b3", "t", "transB=1");
    requantise(&m, "t", "y", 0.1f, 128);
    dequantise(&m, "w4", NNOPT_INT8, "8,3", 6, "", &s4, 1);
    make_node(&m, "MatMul", "matmul", "d10,w4", "u", NULL);
    requantise(&m, "u", "z", 0.2f, 140);
    return make_model(&m, "y,z,d7");
}

static nn_tensor quantised_input(void) {
    nn_tensor x = random_tensor("1,3,8,8", 0);
    for (int i = 0; i < 192; i++) {
        ((float *)x.data)[i] = (float)((double)(i * 29 % 101) / 101 * 5 - 2.5);
    }
    return x;
}

START_TEST(quantised_models_run_on_integers) {
    /* the outputs that ONNX Runtime 1.31 gives */
    static const float y[5] = {-2.1f, -2.8f, 1.2f, -8.6f, 6.6f}, z[3] = {-13.2f, -12.6f, -0.6f};
    static const int d7[128] = {
        27,  27,  -5,  -4,  1,   -6,  -5,  27,  27,  -6,  27,  47,  -4,  11,  -5,  27,
        27,  27,  -2,  -5,  60,  -3,  164, 27,  27,  -3,  27,  -2,  -5,  43,  -5,  27,
        215, 215, 214, 209, 191, 209, 67,  215, 215, 210, 215, 134, 207, 215, 186, 215,
        21,  27,  27,  27,  27,  27,  -2,  27,  27,  27,  27,  30,  27,  27,  27,  27,
        153, 153, 92,  75,  121, 94,  88,  153, 153, 89,  153, 1,   74,  136, 88,  153,
        153, 153, 115, 100, 140, 115, 115, 153, 153, 114, 153, 0,   99,  153, 98,  153,
        153, 139, 83,  73,  89,  80,  80,  153, 153, 78,  146, 0,   70,  117, 59,  134,
        146, 153, 153, 153, 153, 153, 33,  153, 153, 153, 153, 137, 153, 153, 153, 153};
    nn_model *model = quantised_model();
    nn_session *session;
    nn_plan *plan;
    nn_tensor x = quantised_input(), out[3];
    ck_assert_ok(nn_session_open(model, &fused, &session));
    ck_assert_ok(nnopt_session_run(session, &x, 1, out));
    /* at most one step of the result's scale away */
    for (int i = 0; i < 5; i++) {
        ck_assert_float_eq_tol(((float *)out[0].data)[i], y[i], 0.1001f);
    }
    for (int i = 0; i < 3; i++) {
        ck_assert_float_eq_tol(((float *)out[1].data)[i], z[i], 0.2001f);
    }
    for (int i = 0; i < 128; i++) {
        ck_assert_float_eq_tol(((float *)out[2].data)[i], 0.05f * (float)d7[i], 0.05001f);
    }
    ck_assert_ok(nn_session_plan(session, &x, 1, &plan));
    static const char *const once[] = {
        "QuantizeLinear", "MaxPool",      "QLinearAdd",         "QLinearConcat",
        "QLinearLookup",  "QLinearMul",   "QLinearAveragePool", "QLinearGlobalAveragePool",
        "QGemm",          "QLinearMatMul"};
    for (size_t i = 0; i < sizeof once / sizeof *once; i++) {
        ck_assert_msg(count_steps(plan, once[i]) == 1, "%s", once[i]);
    }
    ck_assert_int_eq(count_steps(plan, "QConv"), 2);
    ck_assert_int_eq(count_steps(plan, "DequantizeLinear"), 3); /* of the outputs */
    ck_assert_int_eq(count_steps(plan, "Conv"), 0);
    nn_step_info info = step_of(plan, "conv1");
    static const char *const parts[] = {"conv1",      "relu",       "x_dequant",
                                        "w1_dequant", "b1_dequant", "d1_quant"};
    for (int i = 0; i < 6; i++) ck_assert_msg(covers(&info, parts[i]), "%s", parts[i]);
    ck_assert_str_eq(absence(plan, "relu"), "fused into 'conv1'");
    ck_assert_str_eq(absence(plan, "flatten"), "view");
    /* every node of the model has a row or a reason */
    for (int64_t i = 0; i < model->graph->node_count; i++) {
        const char *name = model->graph->nodes[i]->name;
        if (absence(plan, name) == NULL) step_of(plan, name);
    }
    nnopt_session_destroy(session);
    nn_tensor_clear(&x);
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(tapped_floats_inside_quantised_models_are_computed) {
    nn_model *model = quantised_model();
    static const char *const taps[] = {"a", "d1", "d3_q", "w1"};
    nn_session_options options = {.threads = 1, .taps = taps, .tap_count = 4};
    nn_session_options judge = options;
    judge.reference_only = true;
    nn_session *sessions[2];
    nn_tensor x = quantised_input(), out[3], tap[2];
    ck_assert_ok(nn_session_open(model, &options, &sessions[0]));
    ck_assert_ok(nn_session_open(model, &judge, &sessions[1]));
    for (int i = 0; i < 2; i++) ck_assert_ok(nnopt_session_run(sessions[i], &x, 1, out));
    static const double steps[] = {1e-5, 0.03001, 1, 0};
    for (int t = 0; t < 4; t++) {
        for (int i = 0; i < 2; i++) ck_assert_ok(nn_session_tap(sessions[i], t, &tap[i]));
        check_close(&tap[0], &tap[1], 0, steps[t]);
    }
    for (int i = 0; i < 2; i++) nnopt_session_destroy(sessions[i]);
    nn_tensor_clear(&x);
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(results_that_are_not_quantised_stay_float) {
    maker m = make(13);
    static const float s = 0.02f, b[4] = {1, -2, 3, 0.5f};
    make_input(&m, "input", NNOPT_FLOAT, "1,3,5,5");
    requantise(&m, "input", "x", 0.02f, 128);
    dequantise(&m, "w", NNOPT_INT8, "4,3,3,3", 1, "", &s, 0);
    make_floats(&m, "b", "4", b);
    make_node(&m, "Conv", "conv", "x,w,b", "y", "pads=[1,1,1,1]");
    nn_model *model = make_model(&m, "y");
    nn_tensor x = random_tensor("1,3,5,5", 5);
    nn_tensor y = run_model(model, &fused, &x, 1, 0);
    nn_tensor expected = run_model(model, &reference, &x, 1, 0);
    check_close(&y, &expected, 1e-5, 1e-5);
    nn_session *session;
    nn_plan *plan;
    ck_assert_ok(nn_session_open(model, &fused, &session));
    ck_assert_ok(nn_session_plan(session, &x, 1, &plan));
    ck_assert_int_eq(count_steps(plan, "QConv"), 1);
    nnopt_session_destroy(session);
    nn_tensor_clear(&x);
    nn_tensor_clear(&y);
    nn_tensor_clear(&expected);
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(activations_between_integers_are_one_table) {
    maker m = make(14);
    make_input(&m, "input", NNOPT_FLOAT, "256");
    requantise(&m, "input", "x", 0.05f, 100);
    number(&m, "half", 0.5f), number(&m, "one", 1);
    make_node(&m, "HardSwish", "swish", "x", "a", NULL);
    make_node(&m, "Mul", "scale", "a,half", "b", NULL);
    make_node(&m, "Sub", "flip", "one,b", "c", NULL);
    make_node(&m, "Tanh", "tanh", "c", "d", NULL);
    requantise(&m, "d", "y", 1.0f / 128, 128);
    nn_model *model = make_model(&m, "y_q");
    nn_tensor x = random_tensor("256", 1);
    for (int i = 0; i < 256; i++) ((float *)x.data)[i] = 0.05f * (float)(i - 100);
    nn_tensor y = run_model(model, &fused, &x, 1, 0);
    nn_tensor expected = run_model(model, &reference, &x, 1, 0);
    check_close(&y, &expected, 0, 1);
    nn_session *session;
    nn_plan *plan;
    ck_assert_ok(nn_session_open(model, &fused, &session));
    ck_assert_ok(nn_session_plan(session, &x, 1, &plan));
    ck_assert_int_eq(count_steps(plan, ""), 2);
    nn_step_info info = step_of(plan, "swish");
    ck_assert_str_eq(info.node->op->name, "QLinearLookup");
    ck_assert(covers(&info, "scale") && covers(&info, "flip") && covers(&info, "tanh"));
    nnopt_session_destroy(session);
    nn_tensor_clear(&x);
    nn_tensor_clear(&y);
    nn_tensor_clear(&expected);
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(tables_are_read_alike_by_all_instruction_sets) {
    static const struct {
        nn_isa isa;
        const nn_int8_loops *loops;
    } variants[] = {
#if defined(__x86_64__)
        {NN_ISA_AVX512, &nn_int8_loops_avx512},
        {NN_ISA_AVX2, &nn_int8_loops_avx2},
#endif
        {NN_ISA_PORTABLE, &nn_int8_loops_portable},
    };
    uint8_t table[256], x[300], y[301];
    for (int i = 0; i < 256; i++) table[i] = (uint8_t)(i * 167 + 13);
    for (int i = 0; i < 300; i++) x[i] = (uint8_t)(i * 7);
    for (size_t v = 0; v < sizeof variants / sizeof *variants; v++) {
        if (variants[v].isa > nn_cpu_get()->isa) continue;
        for (int count = 0; count <= 300; count++) {
            memset(y, 77, sizeof y);
            variants[v].loops->look_up(table, x, y, count);
            for (int i = 0; i < count; i++) ck_assert_uint_eq(y[i], (uint8_t)(x[i] * 167 + 13));
            ck_assert_uint_eq(y[count], 77);
        }
        memcpy(y, x, sizeof x);
        variants[v].loops->look_up(table, y, y, 300);
        for (int i = 0; i < 300; i++) ck_assert_uint_eq(y[i], (uint8_t)(x[i] * 167 + 13));
    }
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

START_TEST(every_failed_allocation_is_an_error) {
    nn_tensor x = quantised_input(), out[3];
    nn_status status = NN_NO_MEMORY;
    for (uint64_t n = 1; status != NN_OK; n += 1 + n / 40) {
        nn_model *model = quantised_model(); /* nothing cached yet */
        nn_session *session = NULL;
        nn_fail_allocation(n);
        status = nn_session_open(model, &fused, &session);
        if (status == NN_OK) status = nnopt_session_run(session, &x, 1, out);
        nn_fail_allocation(0);
        ck_assert_msg(status == NN_OK || status == NN_NO_MEMORY, "allocation %d: %s", (int)n,
                      nnopt_last_error());
        nnopt_session_destroy(session);
        nnopt_model_destroy(model);
    }
    nn_tensor_clear(&x);
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
    tcase_add_test(tests, quantised_models_run_on_integers);
    tcase_add_test(tests, tapped_floats_inside_quantised_models_are_computed);
    tcase_add_test(tests, results_that_are_not_quantised_stay_float);
    tcase_add_test(tests, activations_between_integers_are_one_table);
    tcase_add_test(tests, tables_are_read_alike_by_all_instruction_sets);
    tcase_add_test(tests, constants_and_shapes_are_folded);
    tcase_add_test(tests, every_failed_allocation_is_an_error);
    suite_add_tcase(suite, tests);
    return suite;
}
