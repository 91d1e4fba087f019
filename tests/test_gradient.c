/* Gradient: every derivative against central differences of the forward pass, in double. */
#include "tests/support/maker.h"

#include <math.h>

enum { MOST = 3 };

typedef struct subject {
    maker m;
    const char *names[MOST], *dims[MOST];
    int count;
} subject;

static subject begin(int opset, const char *a, const char *b, const char *c) {
    subject s = {.m = make(opset), .names = {"a", "b", "c"}, .dims = {a, b, c}};
    ck_assert_ok(nn_graph_set_opset(s.m.graph, "ai.onnx.preview.training", 1));
    while (s.count < MOST && s.dims[s.count] != NULL) {
        make_input(&s.m, s.names[s.count], NNOPT_DOUBLE, s.dims[s.count]);
        s.count++;
    }
    return s;
}

static nn_value *value_named(subject *s, const char *name) {
    nn_value *value = nn_graph_find(s->m.graph, name);
    if (value == NULL) ck_assert_ok(nn_graph_add_value(s->m.graph, name, &value));
    return value;
}

/* da, db, ... = Gradient(xs; y) at `inputs`. */
static void add_gradient(subject *s, const char *y, const char *const *inputs,
                         const char *const *outputs) {
    nn_text xs[MOST];
    nn_value *in[MOST], *out[MOST];
    for (int i = 0; i < s->count; i++) {
        xs[i] = (nn_text){s->names[i], (int64_t)strlen(s->names[i])};
        in[i] = value_named(s, inputs[i]);
        out[i] = value_named(s, outputs[i]);
    }
    nn_attr attrs[] = {{.name = "xs", .kind = NN_ATTR_STRINGS, .count = s->count, .strings = xs},
                       {.name = "y", .kind = NN_ATTR_STRING, .s = {y, (int64_t)strlen(y)}}};
    nn_node *node;
    ck_assert_ok(nn_graph_add_node(s->m.graph, "Gradient", "ai.onnx.preview.training", NULL, in,
                                   s->count, out, s->count, &(nn_attrs){attrs, 2}, &node));
}

static nn_tensor positive(const char *dims, uint64_t seed) {
    nn_tensor floats = random_tensor(dims, seed), out;
    ck_assert_ok(nn_tensor_init(&out, NNOPT_DOUBLE, floats.dims, floats.rank));
    for (int64_t i = 0; i < nn_tensor_count(&out); i++)
        ((double *)out.data)[i] = 0.4 + fabs((double)((float *)floats.data)[i]);
    nn_tensor_clear(&floats);
    return out;
}

static double sum_of(nn_session *session, const nn_tensor *inputs, size_t count) {
    nn_tensor outputs[1 + MOST];
    ck_assert_ok(nnopt_session_run(session, inputs, count, outputs));
    double sum = 0;
    for (int64_t i = 0; i < nn_tensor_count(&outputs[0]); i++)
        sum += ((double *)outputs[0].data)[i];
    return sum;
}

/* The model computes y from a, b, c. */
static void check_against_differences(subject *s) {
    static const char *const gradients[] = {"da", "db", "dc"};
    static const char *const outputs[] = {"y,da", "y,da,db", "y,da,db,dc"};
    add_gradient(s, "y", s->names, gradients);
    nn_model *model = make_model(&s->m, outputs[s->count - 1]);
    nn_session *session;
    ck_assert_ok(nnopt_session_create(model, NULL, &session));
    nn_tensor inputs[MOST], results[1 + MOST], kept[MOST];
    for (int i = 0; i < s->count; i++) inputs[i] = positive(s->dims[i], 7 + (uint64_t)i);
    ck_assert_ok(nnopt_session_run(session, inputs, (size_t)s->count, results));
    for (int i = 0; i < s->count; i++) ck_assert_ok(nn_tensor_copy(&results[1 + i], &kept[i]));
    for (int i = 0; i < s->count; i++) {
        ck_assert_int_eq(kept[i].rank, inputs[i].rank);
        for (int64_t k = 0; k < nn_tensor_count(&inputs[i]); k++) {
            double *x = (double *)inputs[i].data + k, was = *x, step = 1e-5;
            *x = was + step;
            double above = sum_of(session, inputs, (size_t)s->count);
            *x = was - step;
            double below = sum_of(session, inputs, (size_t)s->count);
            *x = was;
            double slope = (above - below) / (2 * step), got = ((double *)kept[i].data)[k];
            ck_assert_msg(fabs(slope - got) <= 1e-6 * (1 + fabs(slope)),
                          "input %d, element %lld: gradient %.9g, differences give %.9g", i,
                          (long long)k, got, slope);
        }
    }
    for (int i = 0; i < s->count; i++) {
        nn_tensor_clear(&inputs[i]);
        nn_tensor_clear(&kept[i]);
    }
    nnopt_session_destroy(session);
    nnopt_model_destroy(model);
}

START_TEST(arithmetic_sums_over_broadcast_axes) {
    static const char *const ops[] = {"Add", "Sub", "Mul", "Div"};
    for (int i = 0; i < 4; i++) {
        subject s = begin(13, "2,3,4", "3,1", NULL);
        make_node(&s.m, ops[i], "op", "a,b", "z", NULL);
        make_node(&s.m, "Mul", "square", "z,z", "y", NULL);
        check_against_differences(&s);
    }
}
END_TEST

START_TEST(functions_of_one_tensor) {
    static const char *const ops[] = {"Neg",     "Exp",  "Log",      "Sqrt",    "Relu",
                                      "Sigmoid", "Tanh", "Identity", "Flatten", "Transpose"};
    for (int i = 0; i < 10; i++) {
        subject s = begin(13, "2,3", NULL, NULL);
        make_node(&s.m, ops[i], "op", "a", "z", NULL);
        make_node(&s.m, "Mul", "square", "z,z", "y", NULL);
        check_against_differences(&s);
    }
}
END_TEST

START_TEST(matrix_products) {
    subject s = begin(13, "2,3,4", "4,5", NULL);
    make_node(&s.m, "MatMul", "product", "a,b", "z", NULL);
    make_node(&s.m, "Tanh", "bend", "z", "y", NULL);
    check_against_differences(&s);
    static const char *const attrs[] = {"alpha=0.5 beta=2.0", "transA=1 alpha=0.5", "transB=1",
                                        "transA=1 transB=1 beta=0.25"};
    static const char *const a[] = {"3,4", "4,3", "3,4", "4,3"};
    static const char *const b[] = {"4,5", "4,5", "5,4", "5,4"};
    for (int i = 0; i < 4; i++) {
        subject g = begin(13, a[i], b[i], "5");
        make_node(&g.m, "Gemm", "gemm", "a,b,c", "z", attrs[i]);
        make_node(&g.m, "Tanh", "bend", "z", "y", NULL);
        check_against_differences(&g);
    }
}
END_TEST

START_TEST(reductions) {
    static const char *const attrs[] = {"axes=[1]", "axes=[0,2] keepdims=0", "keepdims=0"};
    for (int i = 0; i < 3; i++) {
        subject s = begin(12, "2,3,2", NULL, NULL);
        make_node(&s.m, i == 1 ? "ReduceSum" : "ReduceMean", "reduce", "a", "z", attrs[i]);
        make_node(&s.m, "Mul", "square", "z,z", "y", NULL);
        check_against_differences(&s);
    }
    subject s = begin(18, "2,3,2", NULL, NULL);
    make_ints(&s.m, "axes", NNOPT_INT64, "1", (int64_t[]){-2});
    make_node(&s.m, "ReduceMean", "reduce", "a,axes", "z", "keepdims=0");
    make_node(&s.m, "Mul", "square", "z,z", "y", NULL);
    check_against_differences(&s);
}
END_TEST

START_TEST(a_tensor_that_does_not_matter_has_gradient_zero) {
    subject s = begin(13, "2", "3", NULL);
    make_node(&s.m, "Mul", "square", "a,a", "y", NULL);
    check_against_differences(&s);
}
END_TEST

/* y = a a a: y'' = 6 a. */
START_TEST(a_gradient_of_a_gradient) {
    subject s = begin(13, "2", NULL, NULL);
    make_node(&s.m, "Mul", "square", "a,a", "aa", NULL);
    make_node(&s.m, "Mul", "cube", "aa,a", "z", NULL);
    static const char *const a[] = {"a"}, *const first[] = {"da"}, *const second[] = {"dda"};
    add_gradient(&s, "z", a, first);
    add_gradient(&s, "da", a, second);
    nn_model *model = make_model(&s.m, "dda");
    double values[2] = {1.5, -2};
    nn_tensor in = {.type = NNOPT_DOUBLE, .rank = 1, .dims = {2}, .data = values};
    nn_tensor out = run_model(model, &(nn_session_options){.threads = 1}, &in, 1, 0);
    ck_assert_double_eq_tol(((double *)out.data)[0], 9, 1e-12);
    ck_assert_double_eq_tol(((double *)out.data)[1], -12, 1e-12);
    nn_tensor_clear(&out);
    nnopt_model_destroy(model);
}
END_TEST

/* The gradient of a b at a = c is b wherever c is, that of a a is 2 c. */
START_TEST(the_inputs_say_where_the_gradient_is_taken) {
    subject s = begin(13, "2", NULL, NULL);
    make_input(&s.m, "elsewhere", NNOPT_DOUBLE, "2");
    make_node(&s.m, "Mul", "square", "a,a", "y", NULL);
    static const char *const at[] = {"elsewhere"}, *const out[] = {"da"};
    add_gradient(&s, "y", at, out);
    nn_model *model = make_model(&s.m, "da");
    double a[2] = {1, 1}, elsewhere[2] = {4, -5};
    nn_tensor in[2] = {{.type = NNOPT_DOUBLE, .rank = 1, .dims = {2}, .data = a},
                       {.type = NNOPT_DOUBLE, .rank = 1, .dims = {2}, .data = elsewhere}};
    nn_tensor result = run_model(model, &(nn_session_options){.threads = 1}, in, 2, 0);
    ck_assert_double_eq(((double *)result.data)[0], 8);
    ck_assert_double_eq(((double *)result.data)[1], -10);
    nn_tensor_clear(&result);
    nnopt_model_destroy(model);
}
END_TEST

static void check_refused(subject *s, const char *y, const char *message) {
    static const char *const out[] = {"da"};
    add_gradient(s, y, s->names, out);
    nn_model *model = make_model(&s->m, "da");
    nn_session *session;
    nn_status status = nnopt_session_create(model, NULL, &session);
    ck_assert_int_ne(status, NN_OK);
    ck_assert_msg(strstr(nnopt_last_error(), message) != NULL, "%s", nnopt_last_error());
    nnopt_model_destroy(model);
}

START_TEST(what_cannot_be_differentiated_is_named) {
    subject s = begin(13, "2", NULL, NULL);
    make_node(&s.m, "Ceil", "up", "a", "y", NULL);
    check_refused(&s, "y", "'up' (Ceil) has no gradient");
    subject missing = begin(13, "2", NULL, NULL);
    make_node(&missing.m, "Neg", "minus", "a", "y", NULL);
    check_refused(&missing, "nowhere", "no tensor 'nowhere'");
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("gradient");
    TCase *all = tcase_create("all");
    tcase_add_test(all, arithmetic_sums_over_broadcast_axes);
    tcase_add_test(all, functions_of_one_tensor);
    tcase_add_test(all, matrix_products);
    tcase_add_test(all, reductions);
    tcase_add_test(all, a_tensor_that_does_not_matter_has_gradient_zero);
    tcase_add_test(all, a_gradient_of_a_gradient);
    tcase_add_test(all, the_inputs_say_where_the_gradient_is_taken);
    tcase_add_test(all, what_cannot_be_differentiated_is_named);
    suite_add_tcase(suite, all);
    return suite;
}
