#include "engine/graph/graph.h"
#include "tests/support/runner.h"

#include <stdio.h>

static nn_graph *graph;

static void setup(void) {
    ck_assert_ok(nn_graph_create("g", &graph));
    ck_assert_ok(nn_graph_set_opset(graph, "", 13));
    ck_assert_ok(nn_graph_set_opset(graph, "test", 1));
}

static void teardown(void) {
    nn_graph_destroy(graph);
}

static nn_value *value(const char *name) {
    nn_value *found = nn_graph_find(graph, name);
    if (found == NULL) ck_assert_ok(nn_graph_add_value(graph, name, &found));
    return found;
}

static nn_value *add_input(const char *name, nn_type type, int rank, const int64_t *dims) {
    nn_value *made = value(name);
    made->declared = nn_fact_make(type, rank, dims);
    ck_assert_ok(nn_graph_add_input(graph, made));
    return made;
}

static void add_ints(const char *name, const int64_t *items, int64_t count) {
    nn_blob *blob;
    ck_assert_ok(nn_blob_create(NNOPT_INT64, &count, 1, &blob));
    memcpy(blob->tensor.data, items, (size_t)count * sizeof *items);
    ck_assert_ok(nn_graph_set_initializer(graph, value(name), blob));
    nn_blob_release(blob);
}

static nn_status node(const char *type, const char *domain, const char *a, const char *b,
                      const char *output, const nn_attr *attr) {
    nn_value *inputs[2] = {a ? value(a) : NULL, b ? value(b) : NULL}, *outputs[1] = {value(output)};
    return nn_graph_add_node(graph, type, domain, output, inputs, b ? 2 : 1, outputs, 1,
                             &(nn_attrs){attr, attr != NULL}, NULL);
}

static nn_status infer(const char *output) {
    if (!value(output)->is_output) ck_assert_ok(nn_graph_add_output(graph, value(output)));
    ck_assert_ok(nn_graph_sort(graph));
    ck_assert_ok(nn_graph_verify(graph));
    return nn_graph_infer(graph);
}

static void assert_shape(const char *name, nn_type type, int rank, const int64_t *dims) {
    const nn_fact *fact = &value(name)->fact;
    ck_assert_int_eq(fact->type, type);
    ck_assert_int_eq(fact->rank, rank);
    for (int i = 0; i < rank; i++) ck_assert_int_eq(fact->dims[i], dims[i]);
}

#define SHAPE(...)                                                                                 \
    (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (int64_t[]) {                       \
        __VA_ARGS__                                                                                \
    }

/* Reshape to Concat(a, b + c): the target is computed inside the graph. */
START_TEST(test_computed_shape) {
    add_input("x", NNOPT_FLOAT, SHAPE(2, 3, 4));
    add_ints("a", (int64_t[]){6}, 1);
    add_ints("b", (int64_t[]){3}, 1);
    add_ints("c", (int64_t[]){1}, 1);
    nn_attr axis = {.name = "axis", .kind = NN_ATTR_INT, .i = 0};
    ck_assert_ok(node("Add", "", "b", "c", "bc", NULL));
    ck_assert_ok(node("Concat", "", "a", "bc", "shape", &axis));
    ck_assert_ok(node("Reshape", "", "x", "shape", "y", NULL));
    ck_assert_ok(infer("y"));
    assert_shape("y", NNOPT_FLOAT, SHAPE(6, 4));
    const nn_tensor *shape = value("shape")->fact.constant;
    ck_assert_ptr_nonnull(shape);
    ck_assert_int_eq(((const int64_t *)shape->data)[0], 6);
    ck_assert_int_eq(((const int64_t *)shape->data)[1], 4);

    /* constants that stay the same stay where they are */
    ck_assert_ok(nn_graph_infer(graph));
    ck_assert_ptr_eq(value("shape")->fact.constant, shape);
}
END_TEST

START_TEST(test_symbols_flow) {
    int64_t n;
    ck_assert_ok(nn_graph_symbol(graph, "N", &n));
    add_input("x", NNOPT_FLOAT, SHAPE(n, 3));
    add_input("z", NNOPT_FLOAT, SHAPE(1, 3));
    ck_assert_ok(node("Add", "", "x", "z", "y", NULL));
    ck_assert_ok(infer("y"));
    assert_shape("y", NNOPT_FLOAT, SHAPE(n, 3));
}
END_TEST

/* What an unknown operator makes stays as declared; what the file leaves open is filled in. */
START_TEST(test_placeholder) {
    add_input("x", NNOPT_FLOAT, SHAPE(2, 3));
    value("h")->declared = nn_fact_make(NNOPT_FLOAT, SHAPE(5, 7));
    ck_assert_ok(node("Mystery", "test", "x", NULL, "h", NULL));
    ck_assert_ok(node("Relu", "", "h", NULL, "y", NULL));
    value("y")->declared = nn_fact_make(NNOPT_FLOAT, 2, (int64_t[]){NN_DIM_UNKNOWN, 7});
    ck_assert_ok(infer("y"));
    assert_shape("h", NNOPT_FLOAT, SHAPE(5, 7));
    assert_shape("y", NNOPT_FLOAT, SHAPE(5, 7));
}
END_TEST

START_TEST(test_undeclared_placeholder) {
    add_input("x", NNOPT_FLOAT, SHAPE(2, 3));
    ck_assert_ok(node("Mystery", "test", "x", NULL, "h", NULL));
    ck_assert_ok(node("Relu", "", "h", NULL, "y", NULL));
    value("y")->declared = nn_fact_make(NNOPT_FLOAT, SHAPE(4));
    ck_assert_ok(infer("y"));
    ck_assert_int_eq(value("h")->fact.rank, NN_RANK_UNKNOWN);
    assert_shape("y", NNOPT_FLOAT, SHAPE(4));
}
END_TEST

static char logged[512];
static int log_count;

static void keep_log(nnopt_log_level level, const char *message, void *user) {
    (void)user;
    if (level != NNOPT_LOG_WARNING) return;
    log_count++;
    snprintf(logged, sizeof logged, "%s", message);
}

START_TEST(test_contradiction) {
    add_input("x", NNOPT_FLOAT, SHAPE(2, 3));
    ck_assert_ok(node("Relu", "", "x", NULL, "y", NULL));
    value("y")->declared = nn_fact_make(NNOPT_FLOAT, SHAPE(2, 4));
    log_count = 0;
    nnopt_set_logger(keep_log, NULL);
    nn_status status = infer("y");
    nnopt_set_logger(NULL, NULL);
    ck_assert_ok(status);
    assert_shape("y", NNOPT_FLOAT, SHAPE(2, 3));
    ck_assert_int_eq(log_count, 1);
    ck_assert_str_eq(logged, "value 'y' is declared as float32 2x4, but is float32 2x3");
}
END_TEST

START_TEST(test_wrong_shapes) {
    add_input("x", NNOPT_FLOAT, SHAPE(2, 3));
    add_input("z", NNOPT_FLOAT, SHAPE(2, 4));
    ck_assert_ok(node("Add", "", "x", "z", "y", NULL));
    ck_assert_fails(infer("y"), NNOPT_BAD_INPUT, "node 'y' (Add)");
}
END_TEST

START_TEST(test_wrong_types) {
    add_input("x", NNOPT_FLOAT, SHAPE(2));
    add_input("z", NNOPT_INT32, SHAPE(2));
    ck_assert_ok(node("Add", "", "x", "z", "y", NULL));
    ck_assert_fails(infer("y"), NNOPT_BAD_INPUT, "node 'y' (Add)");
}
END_TEST

START_TEST(test_wrong_counts) {
    add_input("x", NNOPT_FLOAT, SHAPE(2));
    ck_assert_ok(node("Add", "", "x", NULL, "y", NULL));
    ck_assert_ok(nn_graph_add_output(graph, value("y")));
    ck_assert_fails(nn_graph_verify(graph), NNOPT_BAD_INPUT,
                    "node 'y' (Add): needs at least 2 inputs, has 1");
    ck_assert_fails(nn_graph_infer(graph), NNOPT_BAD_INPUT, "needs at least 2 inputs");
}
END_TEST

START_TEST(test_absent_input) {
    add_input("x", NNOPT_FLOAT, SHAPE(2));
    nn_value *y = value("y"), *inputs[3] = {NULL, value("x"), NULL};
    nn_attr axis = {.name = "axis", .kind = NN_ATTR_INT, .i = 0};
    ck_assert_ok(nn_graph_add_node(graph, "Add", "", "a", inputs, 2, &y, 1, NULL, NULL));
    ck_assert_ok(nn_graph_add_output(graph, y));
    ck_assert_fails(nn_graph_infer(graph), NNOPT_BAD_INPUT, "node 'a' (Add): input 0 is absent");
    nn_value *z = value("z");
    ck_assert_ok(nn_graph_add_node(graph, "Concat", "", "c", &inputs[1], 2, &z, 1,
                                   &(nn_attrs){&axis, 1}, NULL));
    ck_assert_fails(nn_graph_verify_node(graph, nn_graph_find_node(graph, "c")), NNOPT_BAD_INPUT,
                    "node 'c' (Concat): input 1 is absent");
    nn_value *none = NULL;
    ck_assert_ok(nn_graph_add_node(graph, "Relu", "", "r", &inputs[1], 1, &none, 1, NULL, NULL));
    ck_assert_fails(nn_graph_verify_node(graph, nn_graph_find_node(graph, "r")), NNOPT_BAD_INPUT,
                    "node 'r' (Relu): output 0 is absent");
}
END_TEST

START_TEST(test_bad_attribute) {
    add_input("x", NNOPT_FLOAT, SHAPE(2));
    nn_attr axis = {.name = "axis", .kind = NN_ATTR_FLOAT, .f = 0};
    ck_assert_fails(node("Concat", "", "x", "x", "y", &axis), NNOPT_BAD_INPUT,
                    "node 'y' (Concat): attribute 'axis' must be an int");
    ck_assert_int_eq(graph->node_count, 0);
    ck_assert_int_eq(value("x")->use_count, 0);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("infer");
    TCase *tests = tcase_create("infer");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, test_computed_shape);
    tcase_add_test(tests, test_symbols_flow);
    tcase_add_test(tests, test_placeholder);
    tcase_add_test(tests, test_undeclared_placeholder);
    tcase_add_test(tests, test_contradiction);
    tcase_add_test(tests, test_wrong_shapes);
    tcase_add_test(tests, test_wrong_types);
    tcase_add_test(tests, test_wrong_counts);
    tcase_add_test(tests, test_absent_input);
    tcase_add_test(tests, test_bad_attribute);
    suite_add_tcase(suite, tests);
    return suite;
}
