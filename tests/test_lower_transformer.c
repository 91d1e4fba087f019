/* Lowering of what transformers spell out: layer normalisation, attention, products with a bias.
 * Expected values come from the model as it is written, one reference kernel a node. */
#include "tests/support/maker.h"
#include "tests/support/steps.h"

#include <math.h>
#include <stdio.h>

static const nn_session_options fused = {.threads = 1}, reference = {.reference_only = true};

static void number(maker *m, const char *name, float value) {
    make_floats(m, name, "", &value);
}

/* Runs the model on x (and the mask) both ways; the plan must have so many steps of the operator,
 * and of all when `all` is not negative. */
static void check(nn_model *model, const nn_tensor *inputs, size_t count, const char *op_type,
                  int64_t steps, int64_t all) {
    nn_tensor y = run_model(model, &fused, inputs, count, 0);
    nn_tensor expected = run_model(model, &reference, inputs, count, 0);
    check_close(&y, &expected, 1e-5, 1e-5);
    nn_session *session;
    nn_plan *plan;
    ck_assert_ok(nn_session_open(model, &fused, &session));
    ck_assert_ok(nn_session_plan(session, inputs, count, &plan));
    ck_assert_int_eq(count_steps(plan, op_type), steps);
    if (all >= 0) ck_assert_int_eq(count_steps(plan, ""), all);
    nnopt_session_destroy(session);
    nn_tensor_clear(&y);
    nn_tensor_clear(&expected);
}

/* ---- layer normalisation ---- */

typedef void (*spelling)(maker *m);

static void norm_of_exporter(maker *m) {
    number(m, "two", 2);
    make_node(m, "ReduceMean", "mean", "x", "u", "axes=[-1]");
    make_node(m, "Sub", "centre", "x,u", "c", NULL);
    make_node(m, "Pow", "square", "c,two", "p", NULL);
    make_node(m, "ReduceMean", "variance", "p", "v", "axes=[2]");
    make_node(m, "Add", "shift", "v,epsilon", "e", NULL);
    make_node(m, "Sqrt", "root", "e", "d", NULL);
    make_node(m, "Div", "divide", "c,d", "n", NULL);
    make_node(m, "Mul", "scale", "n,gamma", "s", NULL);
    make_node(m, "Add", "last", "s,beta", "y", NULL);
}

/* Squares by Mul, the difference twice, the root as a power, factors the other way round. */
static void norm_with_products(maker *m) {
    number(m, "half", 0.5f);
    make_node(m, "ReduceMean", "mean", "x", "u", "axes=[-1] keepdims=1");
    make_node(m, "Sub", "centre", "x,u", "c", NULL);
    make_node(m, "Sub", "again", "x,u", "c2", NULL);
    make_node(m, "Mul", "square", "c2,c2", "p", NULL);
    make_node(m, "ReduceMean", "variance", "p", "v", "axes=[-1]");
    make_node(m, "Add", "shift", "epsilon,v", "e", NULL);
    make_node(m, "Pow", "root", "e,half", "d", NULL);
    make_node(m, "Reciprocal", "inverse", "d", "i", NULL);
    make_node(m, "Mul", "divide", "i,c", "n", NULL);
    make_node(m, "Mul", "scale", "gamma,n", "s", NULL);
    make_node(m, "Add", "last", "beta,s", "y", NULL);
}

static void norm_by_multiples(maker *m) {
    make_node(m, "ReduceMean", "mean", "x", "u", "axes=[-1]");
    make_node(m, "Sub", "centre", "x,u", "c", NULL);
    make_node(m, "Mul", "square", "c,c", "p", NULL);
    make_node(m, "ReduceMean", "variance", "p", "v", "axes=[-1]");
    make_node(m, "Add", "shift", "v,epsilon", "e", NULL);
    make_node(m, "Sqrt", "root", "e", "d", NULL);
    make_node(m, "Reciprocal", "inverse", "d", "i", NULL);
    make_node(m, "Mul", "multiple", "i,gamma", "f", NULL);
    make_node(m, "Mul", "scale", "x,f", "s", NULL);
    make_node(m, "Mul", "mean_scale", "u,f", "g", NULL);
    make_node(m, "Sub", "rest", "beta,g", "r", NULL);
    make_node(m, "Add", "last", "s,r", "y", NULL);
}

static maker norm_maker(const char *gamma_dims, spelling spell) {
    maker m = make(14);
    make_input(&m, "x", NNOPT_FLOAT, "N,6,20");
    make_random(&m, "gamma", gamma_dims, 1);
    make_random(&m, "beta", gamma_dims, 2);
    number(&m, "epsilon", 1e-3f);
    spell(&m);
    return m;
}

START_TEST(layer_normalisation_however_it_is_spelled) {
    static const spelling spellings[] = {norm_of_exporter, norm_with_products, norm_by_multiples};
    for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++) {
        maker m = norm_maker(i == 1 ? "1,20" : "20", spellings[i]);
        nn_model *model = make_model(&m, "y");
        nn_tensor x = random_tensor("2,6,20", 3);
        check(model, &x, 1, "LayerNormalization", 1, 1);
        nn_session *session;
        nn_plan *plan;
        ck_assert_ok(nn_session_open(model, &fused, &session));
        ck_assert_ok(nn_session_plan(session, &x, 1, &plan));
        nn_step_info info = step_of(plan, "last");
        ck_assert_int_eq(info.cover_count, model->graph->node_count);
        ck_assert_str_eq(absence(plan, "centre"), "fused into 'last'");
        nnopt_session_destroy(session);
        nn_tensor_clear(&x);
        nnopt_model_destroy(model);
    }
}
END_TEST

START_TEST(what_only_looks_like_layer_normalisation_stays) {
    /* the centred values are an output; gamma has one element a row; a tap reads the variance */
    maker m = norm_maker("20", norm_of_exporter);
    nn_model *model = make_model(&m, "y,c");
    nn_tensor x = random_tensor("1,6,20", 3);
    check(model, &x, 1, "LayerNormalization", 0, -1);
    nnopt_model_destroy(model);

    m = norm_maker("6,1", norm_of_exporter);
    model = make_model(&m, "y");
    check(model, &x, 1, "LayerNormalization", 0, -1);
    nnopt_model_destroy(model);

    m = norm_maker("20", norm_of_exporter);
    model = make_model(&m, "y");
    static const char *const taps[] = {"v"};
    nn_session_options options = {.taps = taps, .tap_count = 1};
    nn_session *session;
    nn_tensor y, tap;
    ck_assert_ok(nn_session_open(model, &options, &session));
    ck_assert_ok(nnopt_session_run(session, &x, 1, &y));
    ck_assert_ok(nn_session_tap(session, 0, &tap));
    double mean = 0, squares = 0;
    for (int i = 0; i < 20; i++) mean += (double)((float *)x.data)[i] / 20;
    for (int i = 0; i < 20; i++) squares += pow((double)((float *)x.data)[i] - mean, 2) / 20;
    ck_assert_double_eq_tol((double)((float *)tap.data)[0], squares, 1e-6);
    nnopt_session_destroy(session);
    nn_tensor_clear(&x);
    nnopt_model_destroy(model);
}
END_TEST

/* ---- attention ---- */

enum { NEAR_SCALE = 1, NO_MASK = 2, DEEP_KEYS = 4, FLAT_RESULT = 8, DEEP_RESULT = 16, SHAPED = 32 };

/* 2 heads of 5 columns; queries, keys and values are products of x. */
static nn_model *attention_model(int form, const char *outputs) {
    static const int64_t split[4] = {0, -1, 2, 5}, join[3] = {0, -1, 10}, flat[2] = {-1, 10};
    static const int64_t heads[2] = {2, 5}, front[1] = {0}, back[1] = {2};
    maker m = make(14);
    make_input(&m, "x", NNOPT_FLOAT, "N,S,8");
    make_input(&m, "mask", NNOPT_FLOAT, "N,1,1,S");
    number(&m, "root", 2.25f);
    make_ints(&m, "split", NNOPT_INT64, "4", split);
    make_ints(&m, "join", NNOPT_INT64, "3", join);
    make_ints(&m, "flat", NNOPT_INT64, "2", flat);
    if (form & SHAPED) { /* the sizes of x with the heads, put together from its shape */
        make_ints(&m, "heads", NNOPT_INT64, "2", heads);
        make_ints(&m, "front", NNOPT_INT64, "1", front);
        make_ints(&m, "back", NNOPT_INT64, "1", back);
        make_node(&m, "Shape", "shape", "x", "sizes", NULL);
        make_node(&m, "Slice", "rows", "sizes,front,back", "leading", NULL);
        make_node(&m, "Concat", "shape_of_heads", "leading,heads", "dims", "axis=0");
    }
    const char *names[] = {"q", "k", "v"};
    for (int i = 0; i < 3; i++) {
        char w[8], wide[8], narrow[8], in[32];
        snprintf(w, sizeof w, "w%s", names[i]);
        snprintf(wide, sizeof wide, "%s3", names[i]);
        snprintf(narrow, sizeof narrow, "%s4", names[i]);
        make_random(&m, w, "8,10", (uint64_t)i + 1);
        snprintf(in, sizeof in, "x,%s", w);
        make_node(&m, "MatMul", w, in, wide, NULL);
        snprintf(in, sizeof in, "%s,%s", wide, form & SHAPED ? "dims" : "split");
        make_node(&m, "Reshape", narrow, in, narrow, NULL);
    }
    make_node(&m, "Transpose", "tq", "q4", form & NEAR_SCALE ? "q_raw" : "q", "perm=[0,2,1,3]");
    if (form & NEAR_SCALE) make_node(&m, "Mul", "near", "q_raw,root", "q", NULL);
    if (form & DEEP_KEYS) {
        make_node(&m, "Transpose", "tk1", "k4", "k_deep", "perm=[0,2,1,3]");
        make_node(&m, "Transpose", "tk2", "k_deep", "k", "perm=[0,1,3,2]");
    } else {
        make_node(&m, "Transpose", "tk", "k4", "k", "perm=[0,2,3,1]");
    }
    make_node(&m, "Transpose", "tv", "v4", "v", "perm=[0,2,1,3]");
    make_node(&m, "MatMul", "scores", "q,k", "s0", NULL);
    const char *scores = "s0";
    if (!(form & NEAR_SCALE)) {
        make_node(&m, "Div", "far", "s0,root", "s1", NULL);
        scores = "s1";
    }
    if (form & NO_MASK) {
        make_node(&m, "Softmax", "softmax", scores, "p", "axis=3");
    } else {
        char in[16];
        snprintf(in, sizeof in, "mask,%s", scores);
        make_node(&m, "Add", "add", in, "s2", NULL);
        make_node(&m, "Softmax", "softmax", "s2", "p", NULL);
    }
    make_node(&m, "MatMul", "product", "p,v", form & DEEP_RESULT ? "y" : "y4", NULL);
    if (!(form & DEEP_RESULT)) {
        make_node(&m, "Transpose", "ty", "y4", "y3", "perm=[0,2,1,3]");
        make_node(&m, "Reshape", "joined", form & FLAT_RESULT ? "y3,flat" : "y3,join", "y", NULL);
    }
    return make_model(&m, outputs);
}

static void attention_inputs(nn_tensor *inputs) {
    inputs[0] = random_tensor("2,7,8", 5);
    inputs[1] = random_tensor("2,1,1,7", 6);
    ((float *)inputs[1].data)[3] = -1e4f;
}

START_TEST(attention_however_it_is_spelled) {
    static const int forms[] = {0,
                                NEAR_SCALE,
                                NO_MASK,
                                DEEP_KEYS,
                                FLAT_RESULT,
                                DEEP_RESULT,
                                DEEP_RESULT | DEEP_KEYS | NO_MASK,
                                SHAPED,
                                SHAPED | NEAR_SCALE | FLAT_RESULT};
    const int form = forms[_i];
    nn_model *model = attention_model(form, "y");
    nn_tensor inputs[2];
    attention_inputs(inputs);
    /* three products and attention; heads that are not read as columns of matrices are transposed
     */
    bool is_wide = !(form & DEEP_RESULT);
    check(model, inputs, 2, "Attention", 1, is_wide ? 4 : -1);
    check(model, inputs, 2, "Softmax", 0, -1);
    check(model, inputs, 2, "Transpose", is_wide ? 0 : 3, -1);
    for (int i = 0; i < 2; i++) nn_tensor_clear(&inputs[i]);
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(what_only_looks_like_attention_stays) {
    nn_tensor inputs[2];
    attention_inputs(inputs);
    nn_model *model = attention_model(0, "y,p"); /* the probabilities are an output */
    check(model, inputs, 2, "Attention", 0, -1);
    nnopt_model_destroy(model);

    maker m = make(14); /* a mask of one column, which Attention would take for one key */
    make_input(&m, "x", NNOPT_FLOAT, "2,3,7,8");
    make_input(&m, "mask", NNOPT_FLOAT, "2,1,7,1");
    make_node(&m, "Transpose", "keys", "x", "k", "perm=[0,1,3,2]");
    make_node(&m, "MatMul", "scores", "x,k", "s", NULL);
    make_node(&m, "Add", "add", "s,mask", "t", NULL);
    make_node(&m, "Softmax", "softmax", "t", "p", "axis=-1");
    make_node(&m, "MatMul", "product", "p,x", "y", NULL);
    model = make_model(&m, "y");
    nn_tensor other[2] = {random_tensor("2,3,7,8", 1), random_tensor("2,1,7,1", 2)};
    check(model, other, 2, "Attention", 0, -1);
    nnopt_model_destroy(model);
    for (int i = 0; i < 2; i++) {
        nn_tensor_clear(&inputs[i]);
        nn_tensor_clear(&other[i]);
    }
}
END_TEST

/* ---- products with a bias ---- */

START_TEST(products_take_their_bias_activation_and_residual) {
    maker m = make(14);
    make_input(&m, "x", NNOPT_FLOAT, "2,5,8");
    make_random(&m, "w1", "8,24", 1), make_random(&m, "b1", "24", 2);
    make_random(&m, "w2", "24,8", 3), make_random(&m, "b2", "1,1,8", 4);
    number(&m, "root", 1.41421356f), number(&m, "one", 1), number(&m, "half", 0.5f);
    make_node(&m, "MatMul", "first", "x,w1", "a", NULL);
    make_node(&m, "Add", "bias1", "b1,a", "b", NULL);
    make_node(&m, "Div", "div", "b,root", "c", NULL);
    make_node(&m, "Erf", "erf", "c", "d", NULL);
    make_node(&m, "Add", "plus", "d,one", "e", NULL);
    make_node(&m, "Mul", "mul", "b,e", "f", NULL);
    make_node(&m, "Mul", "halve", "f,half", "g", NULL);
    make_node(&m, "MatMul", "second", "g,w2", "h", NULL);
    make_node(&m, "Add", "bias2", "h,b2", "i", NULL);
    make_node(&m, "Add", "sum", "i,x", "y", NULL);
    nn_model *model = make_model(&m, "y");
    nn_tensor x = random_tensor("2,5,8", 5);
    check(model, &x, 1, "Linear", 2, 2);
    nn_session *session;
    nn_plan *plan;
    ck_assert_ok(nn_session_open(model, &fused, &session));
    ck_assert_ok(nn_session_plan(session, &x, 1, &plan));
    nn_step_info info = step_of(plan, "first");
    ck_assert_int_eq(info.node->epilogue.before.kind, NN_ACT_GELU);
    ck_assert(covers(&info, "bias1") && covers(&info, "erf"));
    info = step_of(plan, "second");
    ck_assert(info.node->epilogue.has_residual && covers(&info, "sum"));
    nnopt_session_destroy(session);
    nn_tensor_clear(&x);
    nnopt_model_destroy(model);
}
END_TEST

/* ---- dynamically quantised products ---- */

/* Two products of x, each with a DynamicQuantizeLinear and Reshapes of its own; the first has one
 * scale a column, a bias and an activation, the second one scale and neither. */
static nn_model *dynamic_model(const char *outputs) {
    static const int64_t rows[2] = {-1, 16}, wide[3] = {2, 5, 12};
    static const float scales[12] = {0.01f, 0.02f, 0.03f, 0.01f, 0.02f, 0.03f,
                                     0.01f, 0.02f, 0.03f, 0.01f, 0.02f, 0.03f};
    int64_t weights[192], zeros[12] = {0};
    for (int i = 0; i < 192; i++) weights[i] = i * 37 % 251 - 125;
    maker m = make(14);
    make_input(&m, "x", NNOPT_FLOAT, "2,5,16");
    make_ints(&m, "w", NNOPT_INT8, "16,12", weights);
    make_ints(&m, "wz0", NNOPT_INT8, "12", zeros), make_ints(&m, "wz1", NNOPT_INT8, "", zeros);
    make_floats(&m, "ws0", "12", scales), make_floats(&m, "ws1", "", scales);
    make_random(&m, "bias", "12", 3);
    for (int i = 0; i < 2; i++) {
        char in[64], out[64], name[8][16];
        static const char *const stems[] = {"rows", "shape", "xr", "q", "s", "z", "scale", "sum"};
        for (int k = 0; k < 8; k++) snprintf(name[k], sizeof name[k], "%s%d", stems[k], i);
        make_ints(&m, name[1], NNOPT_INT64, "2", rows);
        snprintf(in, sizeof in, "x,%s", name[1]);
        make_node(&m, "Reshape", name[0], in, name[2], NULL);
        snprintf(out, sizeof out, "q%d,s%d,z%d", i, i, i);
        make_node(&m, "DynamicQuantizeLinear", name[3], name[2], out, NULL);
        snprintf(in, sizeof in, "s%d,ws%d", i, i);
        make_node(&m, "Mul", name[6], in, name[6], NULL);
        snprintf(in, sizeof in, "q%d,w,z%d,wz%d", i, i, i);
        make_node(&m, "MatMulInteger", i == 0 ? "first" : "second", in, name[7], NULL);
    }
    make_ints(&m, "wide", NNOPT_INT64, "3", wide);
    make_node(&m, "Cast", "cast0", "sum0", "f0", "to=1");
    make_node(&m, "Cast", "cast1", "sum1", "f1", "to=1");
    make_node(&m, "Mul", "times0", "f0,scale0", "p0", NULL);
    make_node(&m, "Mul", "times1", "scale1,f1", "p1", NULL);
    make_node(&m, "Add", "plus0", "bias,p0", "b0", NULL);
    make_node(&m, "Reshape", "back0", "b0,wide", "r0", NULL);
    make_node(&m, "Reshape", "back1", "p1,wide", "r1", NULL);
    make_node(&m, "Sigmoid", "gate", "r0", "g", NULL);
    make_node(&m, "Mul", "last", "g,r1", "y", NULL);
    return make_model(&m, outputs);
}

START_TEST(dynamically_quantised_products_are_one_step) {
    nn_model *model = dynamic_model("y");
    nn_tensor x = random_tensor("2,5,16", 7);
    /* the value is quantised once, two products (one with its activation), their product */
    check(model, &x, 1, "MatMulIntegerToFloat", 2, 4);
    nn_session *session;
    nn_plan *plan;
    ck_assert_ok(nn_session_open(model, &fused, &session));
    ck_assert_ok(nn_session_plan(session, &x, 1, &plan));
    nn_step_info info = step_of(plan, "first");
    ck_assert(covers(&info, "cast0") && covers(&info, "times0") && covers(&info, "plus0"));
    ck_assert_int_eq(info.node->epilogue.before.kind, NN_ACT_SIGMOID);
    info = step_of(plan, "q0");
    ck_assert(covers(&info, "q1"));
    nnopt_session_destroy(session);
    nnopt_model_destroy(model);

    model = dynamic_model("y,f0,q1"); /* sums and bytes that somebody reads stay */
    check(model, &x, 1, "MatMulIntegerToFloat", 1, -1);
    check(model, &x, 1, "DynamicQuantizeLinear", 2, -1);
    nnopt_model_destroy(model);
    nn_tensor_clear(&x);
}
END_TEST

START_TEST(nodes_that_compute_the_same_are_one) {
    maker m = make(14);
    static const float two = 2, three = 3;
    make_input(&m, "x", NNOPT_FLOAT, "3,4,5");
    make_floats(&m, "two", "1", &two), make_floats(&m, "also_two", "1", &two);
    make_floats(&m, "three", "1", &three);
    make_node(&m, "Transpose", "t1", "x", "a", "perm=[0,2,1]");
    make_node(&m, "Transpose", "t2", "x", "b", "perm=[0,2,1]");
    make_node(&m, "Transpose", "t3", "x", "c", "perm=[1,2,0]"); /* another order */
    make_node(&m, "Pow", "p1", "a,two", "d", NULL);
    make_node(&m, "Pow", "p2", "b,also_two", "e", NULL);
    make_node(&m, "Pow", "p3", "b,three", "f", NULL); /* another constant */
    make_node(&m, "Concat", "last", "d,e,f", "y", "axis=0");
    nn_model *model = make_model(&m, "y,c");
    nn_tensor x = random_tensor("3,4,5", 1);
    check(model, &x, 1, "Transpose", 2, -1);
    check(model, &x, 1, "Pow", 2, -1);
    nn_tensor_clear(&x);
    nnopt_model_destroy(model);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("lower_transformer");
    TCase *tests = tcase_create("lower_transformer");
    tcase_add_test(tests, layer_normalisation_however_it_is_spelled);
    tcase_add_test(tests, what_only_looks_like_layer_normalisation_stays);
    tcase_add_loop_test(tests, attention_however_it_is_spelled, 0, 9);
    tcase_add_test(tests, what_only_looks_like_attention_stays);
    tcase_add_test(tests, products_take_their_bias_activation_and_residual);
    tcase_add_test(tests, dynamically_quantised_products_are_one_step);
    tcase_add_test(tests, nodes_that_compute_the_same_are_one);
    suite_add_tcase(suite, tests);
    return suite;
}
