/* Concatenations written in place: which are no steps, why others copy, and that nothing changes in
 * the results. */
#include "tests/support/maker.h"
#include "tests/support/steps.h"

#include <stdio.h>

typedef struct node_row {
    const char *op, *name, *inputs, *outputs, *attrs;
} node_row;

enum { MOST_NODES = 10, MOST_JOINS = 3 };

/* Input `x` of these dims, constants that the nodes name (see make_constants). A join is
 * "node: reason", or the name of a node that must be no step. */
typedef struct join_case {
    const char *title, *dims, *outputs;
    node_row nodes[MOST_NODES];
    const char *joins[MOST_JOINS];
} join_case;

/* clang-format off */
#define CONV(name, in, out, w) {"Conv", name, in "," w, out, "pads=[1,1,1,1]"}
#define QCONV(name, in, out, w) \
    {"QLinearConv", name, in ",scale,zero," w ",other,zero8,scale,zero", out, "pads=[1,1,1,1]"}
/* clang-format on */

static void make_bytes(maker *m, const char *name, const char *dims, int count) {
    int64_t values[20 * 40 * 9];
    for (int i = 0; i < count; i++) values[i] = i * 7 % 23 - 11;
    make_ints(m, name, NNOPT_INT8, dims, values);
}

static void make_constants(maker *m) {
    make_random(m, "w3", "20,3,3,3", 1);   /* 3 to 20 channels */
    make_random(m, "w20", "20,20,3,3", 2); /* 20 to 20 */
    make_random(m, "w40", "20,40,3,3", 3); /* 40 to 20 */
    make_random(m, "w60", "20,60,1,1", 4); /* 60 to 20 */
    make_random(m, "few", "4,20,3,3", 5);  /* 20 to 4 */
    make_random(m, "up", "20,20,2,2", 6);  /* transposed, 20 to 20 */
    make_random(m, "depthwise", "20,1,3,3", 7);
    make_random(m, "line", "20,20,1,3", 8);
    make_random(m, "block", "80,20,1,1", 9); /* 20 to 80 */
    make_random(m, "map", "2,20,8,6", 10);
    make_random(m, "bias", "20", 11);
    make_floats(m, "scale", "", &(float){0.05f});
    make_floats(m, "scales", "4", (float[]){1, 1, 2, 2});
    make_floats(m, "other", "", &(float){0.07f});
    make_ints(m, "zero", NNOPT_UINT8, "", &(int64_t){120});
    make_ints(m, "zero8", NNOPT_INT8, "", &(int64_t){0});
    make_bytes(m, "q3", "20,3,3,3", 20 * 3 * 9);
    make_bytes(m, "q20", "20,20,3,3", 20 * 20 * 9);
    make_bytes(m, "q40", "20,40,3,3", 20 * 40 * 9);
    make_ints(m, "flat", NNOPT_INT64, "2", (int64_t[]){4, -1});
}

static const join_case cases[] = {
    {"a skip connection that a pool reads too",
     "2,3,8,6",
     "y",
     {CONV("first", "x", "a", "w3,bias"),
      {"Relu", "relu", "a", "r", NULL},
      {"MaxPool", "pool", "r", "p", "kernel_shape=[2,2] strides=[2,2]"},
      CONV("inner", "p", "q", "w20"),
      {"ConvTranspose", "up", "q,up", "u", "strides=[2,2]"},
      {"Concat", "join", "u,r", "c", "axis=1"},
      CONV("last", "c", "y", "w40")},
     {"join"}},
    {"parts that further parts are made of",
     "1,3,16,16",
     "y",
     {CONV("first", "x", "a", "w3"),
      CONV("second", "a", "b", "w20"),
      {"Concat", "inner", "a,b", "c", "axis=1"},
      CONV("third", "c", "d", "w40"),
      {"Concat", "outer", "c,d", "e", "axis=1"},
      {"Conv", "last", "e,w60", "y", NULL}},
     {"inner", "outer"}},
    {"depthwise, one line, average",
     "2,3,9,7",
     "y",
     {CONV("first", "x", "a", "w3"),
      {"Conv", "each", "a,depthwise", "b", "pads=[1,1,1,1] group=20"},
      {"Conv", "row", "a,line", "c", "pads=[0,1,0,1]"},
      {"AveragePool", "mean", "c", "d", "kernel_shape=[3,3] pads=[1,1,1,1]"},
      {"Concat", "join", "b,c,d", "e", "axis=1"},
      {"Conv", "last", "e,w60", "y", NULL}},
     {"join"}},
    {"pixels that come as channels",
     "2,3,4,4",
     "y",
     {CONV("first", "x", "a", "w3"),
      {"Conv", "spread", "a,block", "s", NULL},
      {"DepthToSpace", "shuffle", "s", "d", "blocksize=2"},
      {"ConvTranspose", "up", "a,up", "u", "strides=[2,2]"},
      {"Concat", "join", "d,u", "c", "axis=1"},
      CONV("last", "c", "y", "w40")},
     {"join"}},
    {"maps of two sizes, one of which is read element by element",
     "2,3,8,6",
     "y",
     {CONV("first", "x", "a", "w3"),
      {"MaxPool", "pool", "a", "p", "kernel_shape=[2,2] strides=[2,2]"},
      CONV("low", "p", "q", "w20"),
      {"Resize", "grow", "q,,scales", "g", "mode='nearest'"},
      {"AveragePool", "mean", "a", "s", "kernel_shape=[3,3] pads=[1,1,1,1]"},
      {"Concat", "join", "g,s", "c", "axis=1"},
      {"Sub", "centred", "s,a", "m", NULL},
      CONV("both", "c", "b", "w40"),
      {"Mul", "product", "m,b", "y", NULL}},
     {"join"}},
    {"a tensor that is joined twice",
     "1,3,8,6",
     "y",
     {CONV("first", "x", "a", "w3"),
      {"Concat", "join", "a,a", "c", "axis=1"},
      CONV("last", "c", "y", "w40")},
     {"join: copies input 1: it is a part of something already"}},
    {"an input of the model",
     "1,20,8,6",
     "y",
     {CONV("first", "x", "a", "w20"),
      {"Concat", "join", "a,x", "c", "axis=1"},
      CONV("last", "c", "y", "w40")},
     {"join: copies input 1: 'x' (reorder_portable) writes whole pixels"}},
    {"an output of the model",
     "1,3,8,6",
     "y,a",
     {CONV("first", "x", "a", "w3"),
      CONV("second", "a", "b", "w20"),
      {"Concat", "join", "a,b", "c", "axis=1"},
      CONV("last", "c", "y", "w40")},
     {"join: copies input 0: 'a' (reorder_portable) reads whole pixels"}},
    {"a constant",
     "2,3,8,6",
     "y",
     {CONV("first", "x", "a", "w3"),
      {"Concat", "join", "map,a", "c", "axis=1"},
      CONV("last", "c", "y", "w40")},
     {"join: copies input 0: it is a constant"}},
    {"few channels",
     "1,3,8,6",
     "y",
     {CONV("first", "x", "a", "w3"),
      CONV("second", "a", "b", "few"),
      {"Concat", "join", "b,a", "y", "axis=1"}},
     {"join: copies input 0: it has few channels"}},
    {"a convolution that adds",
     "1,3,8,6",
     "y",
     {CONV("first", "x", "a", "w3"),
      CONV("second", "a", "b", "w20"),
      {"Add", "sum", "a,b", "s", NULL},
      CONV("third", "s", "d", "w20"),
      {"Concat", "join", "s,d", "c", "axis=1"},
      CONV("last", "c", "y", "w40")},
     {"join: writes whole pixels"}},
    {"whole images behind each other",
     "2,3,8,6",
     "y",
     {CONV("first", "x", "a", "w3"),
      CONV("second", "a", "b", "w20"),
      {"Concat", "join", "a,b", "c", "axis=0"},
      CONV("last", "c", "y", "w20")},
     {"join"}},
    {"rows behind each other, with other dims, of which some are outputs",
     "4,6",
     "y,c",
     {{"Relu", "relu", "x", "a", NULL},
      {"Neg", "neg", "x", "b", NULL},
      {"Reshape", "view", "b,flat", "c", NULL},
      {"Concat", "inner", "a,c", "d", "axis=0"},
      {"Exp", "exp", "a", "e", NULL},
      {"Concat", "outer", "d,e,x", "f", "axis=0"},
      {"Abs", "abs", "f", "y", NULL}},
     {"inner", "outer: copies input 2: it is an input of the model"}},
    {"a part that is read last, by what runs in place",
     "4,6",
     "y,z",
     {{"Relu", "relu", "x", "a", NULL},
      {"Neg", "neg", "x", "b", NULL},
      {"Concat", "join", "a,b", "c", "axis=0"},
      {"ReduceSum", "sum", "c", "y", "keepdims=0"},
      {"Exp", "exp", "b", "e", NULL},
      {"Abs", "abs", "e", "z", NULL}},
     {"join"}},
    {"columns beside each other",
     "4,6",
     "y",
     {{"Relu", "relu", "x", "a", NULL},
      {"Neg", "neg", "x", "b", NULL},
      {"Concat", "join", "a,b", "c", "axis=1"},
      {"Abs", "abs", "c", "y", NULL}},
     {"join: copies input 0: its pieces alternate with those of others"}},
    {"bytes of one scale, and of another",
     "1,3,8,6",
     "y",
     {{"QuantizeLinear", "q0", "x,scale,zero", "a", NULL},
      {"QuantizeLinear", "q1", "x,other,zero", "b", NULL},
      {"com.microsoft:QLinearConcat", "join", "scale,zero,a,scale,zero,b,other,zero", "c",
       "axis=1"},
      {"DequantizeLinear", "back", "c,scale,zero", "y", NULL}},
     {"join: copies input 5: its scale or zero point changes"}},
    {"convolutions of bytes with a pool",
     "2,3,8,6",
     "y",
     {{"QuantizeLinear", "q0", "x,scale,zero", "a", NULL},
      QCONV("first", "a", "b", "q3"),
      {"MaxPool", "pool", "b", "p", "kernel_shape=[3,3] pads=[1,1,1,1]"},
      QCONV("second", "p", "d", "q20"),
      {"com.microsoft:QLinearConcat", "join", "scale,zero,b,scale,zero,d,scale,zero", "c",
       "axis=1"},
      QCONV("last", "c", "e", "q40"),
      {"DequantizeLinear", "back", "e,scale,zero", "y", NULL}},
     {"join"}},
    {"bytes of one scale",
     "1,3,8,6",
     "y",
     {{"QuantizeLinear", "q0", "x,scale,zero", "a", NULL},
      {"Relu", "relu", "x", "r", NULL},
      {"QuantizeLinear", "q1", "r,scale,zero", "b", NULL},
      {"com.microsoft:QLinearConcat", "join", "scale,zero,a,scale,zero,b,scale,zero", "c",
       "axis=1"},
      {"DequantizeLinear", "back", "c,scale,zero", "y", NULL}},
     {"join"}},
};

static nn_model *model_of(const join_case *c) {
    maker m = make(13);
    make_input(&m, "x", NNOPT_FLOAT, c->dims);
    make_constants(&m);
    for (const node_row *n = c->nodes; n < c->nodes + MOST_NODES && n->op != NULL; n++)
        make_node(&m, n->op, n->name, n->inputs, n->outputs, n->attrs);
    return make_model(&m, c->outputs);
}

/* Sums that are fused round otherwise than those by themselves. */
static bool adds(const join_case *c) {
    for (int i = 0; i < MOST_NODES && c->nodes[i].op != NULL; i++)
        if (strcmp(c->nodes[i].op, "Add") == 0) return true;
    return false;
}

static void check_join(const nn_plan *plan, const char *join, const char *title) {
    const char *colon = strchr(join, ':');
    char node[32];
    snprintf(node, sizeof node, "%.*s", (int)(colon != NULL ? colon - join : 31), join);
    const char *reason = absence(plan, node);
    if (colon == NULL) {
        ck_assert_msg(reason != NULL && strcmp(reason, "written in place") == 0,
                      "%s: '%s' is a step: %s", title, node,
                      reason != NULL ? reason : step_of(plan, node).chosen_by);
        return;
    }
    ck_assert_msg(reason == NULL, "%s: '%s' is no step", title, node);
    const nn_step_info step = step_of(plan, node);
    ck_assert_msg(strstr(step.chosen_by, colon + 2) != NULL, "%s: '%s' says '%s'", title, node,
                  step.chosen_by);
}

static void check_plan(nn_model *model, const join_case *c, const nn_session_options *options) {
    nn_session *session;
    nn_plan *plan;
    nn_tensor x = random_tensor(c->dims, 1);
    ck_assert_ok(nn_session_open(model, options, &session));
    ck_assert_ok(nn_session_plan(session, &x, 1, &plan));
    for (int i = 0; i < MOST_JOINS && c->joins[i] != NULL; i++)
        check_join(plan, c->joins[i], c->title);
    nnopt_session_destroy(session);
    nn_tensor_clear(&x);
}

START_TEST(joins_are_what_they_are_without) {
    const join_case *c = &cases[_i];
    const nn_session_options plain = {.threads = 1, .no_fusion = true};
    nn_model *model = model_of(c);
    nn_tensor x = random_tensor(c->dims, 1);
    for (int threads = 1; threads <= 2; threads++) {
        const nn_session_options options = {.threads = threads};
        if (threads == 1) check_plan(model, c, &options);
        for (int64_t i = 0; i < (strchr(c->outputs, ',') != NULL ? 2 : 1); i++) {
            nn_tensor want = run_model(model, &plain, &x, 1, i);
            nn_tensor got = run_model(model, &options, &x, 1, i);
            /* two threads may take other kernels for such small maps */
            const double bound = threads > 1 || adds(c) ? 1e-3 : 0;
            check_close(&got, &want, bound, bound);
            nn_tensor_clear(&want);
            nn_tensor_clear(&got);
        }
    }
    nn_tensor_clear(&x);
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(plans_without_fusion_copy) {
    nn_model *model = model_of(&cases[0]);
    nn_session *session;
    nn_plan *plan;
    nn_tensor x = random_tensor(cases[0].dims, 1);
    const nn_session_options options = {.threads = 1, .no_fusion = true};
    ck_assert_ok(nn_session_open(model, &options, &session));
    ck_assert_ok(nn_session_plan(session, &x, 1, &plan));
    ck_assert_int_eq(count_steps(plan, "Concat"), 1);
    nnopt_session_destroy(session);
    nn_tensor_clear(&x);
    nnopt_model_destroy(model);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("plan concat");
    TCase *tests = tcase_create("concat");
    tcase_add_loop_test(tests, joins_are_what_they_are_without, 0,
                        (int)(sizeof cases / sizeof *cases));
    tcase_add_test(tests, plans_without_fusion_copy);
    suite_add_tcase(suite, tests);
    return suite;
}
