#include "engine/graph/inspect.h"
#include "tests/support/runner.h"

#include <stdio.h>

static nn_graph *graph;

static void setup(void) {
    ck_assert_ok(nn_graph_create("g", &graph));
    ck_assert_ok(nn_graph_set_opset(graph, "", 13));
    ck_assert_ok(nn_graph_set_opset(graph, "test", 1));
}

static nn_value *value(const char *name) {
    nn_value *found = nn_graph_find(graph, name);
    if (found == NULL) ck_assert_ok(nn_graph_add_value(graph, name, &found));
    return found;
}

static void add_input(const char *name, nn_type type, int rank, const int64_t *dims) {
    value(name)->declared = nn_fact_make(type, rank, dims);
    ck_assert_ok(nn_graph_add_input(graph, value(name)));
}

static void add_weight(const char *name, int rank, const int64_t *dims) {
    nn_blob *blob;
    ck_assert_ok(nn_blob_create(NNOPT_FLOAT, dims, rank, &blob));
    ck_assert_ok(nn_graph_set_initializer(graph, value(name), blob));
    nn_blob_release(blob);
}

static void node(const char *type, const char *domain, const char *a, const char *b,
                 const char *output) {
    nn_value *inputs[2] = {value(a), b ? value(b) : NULL}, *outputs[1] = {value(output)};
    ck_assert_ok(
        nn_graph_add_node(graph, type, domain, output, inputs, b ? 2 : 1, outputs, 1, NULL, NULL));
}

/* Ends the graph in a model, with its report. */
static nn_report *inspect(const char *output, const nnopt_options *options) {
    nn_model *model;
    nn_report *report;
    ck_assert_ok(nn_graph_add_output(graph, value(output)));
    ck_assert_ok(nn_graph_infer(graph));
    ck_assert_ok(nn_model_create(graph, &model));
    ck_assert_ok(nnopt_inspect(model, options, &report));
    nnopt_model_destroy(model);
    return report;
}

static double number(const nn_report *report, const char *path) {
    double out;
    ck_assert_ok(nnopt_report_number(report, path, &out));
    return out;
}

static const cJSON *at(const nn_report *report, const char *list, int index) {
    const cJSON *item =
        cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(report->root, list), index);
    ck_assert_ptr_nonnull(item);
    return item;
}

static void assert_text(const cJSON *object, const char *key, const char *wanted) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    ck_assert_ptr_nonnull(item);
    ck_assert_str_eq(cJSON_GetStringValue(item), wanted);
}

#define SHAPE(...)                                                                                 \
    (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (int64_t[]) {                       \
        __VA_ARGS__                                                                                \
    }

/* [N, 4] by [4, 3] by [3, 2]: 12 + 6 multiplications a row. */
static nn_report *inspect_products(const nnopt_options *options) {
    int64_t n;
    ck_assert_ok(nn_graph_symbol(graph, "N", &n));
    add_input("x", NNOPT_FLOAT, SHAPE(n, 4));
    add_weight("a", SHAPE(4, 3));
    add_weight("b", SHAPE(3, 2));
    node("MatMul", "", "x", "a", "h");
    node("Relu", "", "h", NULL, "r");
    node("MatMul", "", "r", "b", "y");
    return inspect("y", options);
}

START_TEST(test_counts) {
    nn_report *report = inspect_products(NULL);
    ck_assert_double_eq(number(report, "macs"), 18);
    ck_assert_double_eq(number(report, "params"), 18);
    ck_assert_double_eq(number(report, "param_bytes"), 72);
    ck_assert_double_eq(number(report, "nodes"), 3);
    ck_assert_double_eq(number(report, "opset"), 13);
    ck_assert_int_eq(
        cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(report->root, "unsupported")), 0);
    assert_text(at(report, "ops", 0), "op", "MatMul");
    ck_assert_double_eq(number(report, "ops[0].count"), 2);
    assert_text(at(report, "ops", 1), "op", "Relu");
    assert_text(at(report, "inputs", 0), "name", "x");
    assert_text(at(report, "inputs", 0), "type", "float32");
    const cJSON *shape = cJSON_GetObjectItemCaseSensitive(at(report, "inputs", 0), "shape");
    ck_assert_str_eq(cJSON_GetStringValue(cJSON_GetArrayItem(shape, 0)), "N");
    ck_assert_double_eq(number(report, "inputs[0].shape[1]"), 4);
    ck_assert_double_eq(number(report, "outputs[0].shape[1]"), 2);
    ck_assert_double_eq(number(report, "macs_inputs[0].shape[0]"), 1);
    nnopt_report_destroy(report);
}
END_TEST

START_TEST(test_dim) {
    nnopt_options *options;
    ck_assert_ok(nnopt_options_create(&options));
    ck_assert_ok(nnopt_options_set(options, "dim", "N=10"));
    nn_report *report = inspect_products(options);
    ck_assert_double_eq(number(report, "macs"), 180);
    nnopt_report_destroy(report);
    nnopt_options_destroy(options);
}
END_TEST

START_TEST(test_unsupported) {
    add_input("x", NNOPT_FLOAT, SHAPE(2, 4));
    node("Mystery", "test", "x", NULL, "h");
    node("Mystery", "test", "h", NULL, "i");
    node("Relu", "", "i", NULL, "y");
    nn_report *report = inspect("y", NULL);
    const cJSON *item = at(report, "unsupported", 0);
    assert_text(item, "op", "Mystery");
    assert_text(item, "domain", "test");
    assert_text(item, "node", "h");
    assert_text(item, "reason", "operator not known at opset 1");
    ck_assert_double_eq(number(report, "unsupported[0].count"), 2);
    ck_assert(cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(report->root, "macs")));
    ck_assert_double_eq(number(report, "nodes_of_unknown_shape"), 3);
    nnopt_report_destroy(report);
}
END_TEST

static void assert_prints(const nn_report *report, const char *line) {
    char *text;
    ck_assert_ok(nnopt_report_text(report, 100, false, false, &text));
    ck_assert_msg(strstr(text, line) != NULL, "no '%s' in:\n%s", line, text);
    nnopt_text_destroy(text);
}

START_TEST(test_text) {
    nn_report *report = inspect_products(NULL);
    assert_prints(report, "input   x     float32  N x 4\n");
    assert_prints(report, "3 nodes, 18 parameters (72 B), 18 multiply-accumulates for x 1 x 4\n");
    assert_prints(report, "every operator can run here");
    nnopt_report_destroy(report);
    setup();
    add_input("x", NNOPT_FLOAT, SHAPE(2, 4));
    node("Mystery", "test", "x", NULL, "h");
    node("Mystery", "test", "h", NULL, "y");
    report = inspect("y", NULL);
    assert_prints(report, "the work is not known: 2 nodes have open shapes");
    assert_prints(report,
                  "'Mystery' (domain 'test', opset 1) at node 'h' and 1 more: operator not");
    nnopt_report_destroy(report);
}
END_TEST

/* Open sizes that no option names leave the work open. */
START_TEST(test_open_shape) {
    int64_t n, m;
    ck_assert_ok(nn_graph_symbol(graph, "N", &n));
    ck_assert_ok(nn_graph_symbol(graph, "M", &m));
    add_input("x", NNOPT_FLOAT, SHAPE(n, m, 4));
    add_weight("a", SHAPE(4, 3));
    node("MatMul", "", "x", "a", "y");
    nn_report *report = inspect("y", NULL);
    ck_assert(cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(report->root, "macs")));
    const cJSON *shape = cJSON_GetObjectItemCaseSensitive(at(report, "macs_inputs", 0), "shape");
    ck_assert_str_eq(cJSON_GetStringValue(cJSON_GetArrayItem(shape, 1)), "M");
    nnopt_report_destroy(report);
}
END_TEST

/* Of the file, by hand: 28*28*8*25 + 14*14*16*8*25 + 256*10. */
START_TEST(test_mnist) {
    nn_model *model;
    nn_report *report;
    ck_assert_ok(nnopt_model_load(test_data_path("mnist-8/model.onnx"), &model));
    ck_assert_ok(nnopt_inspect(model, NULL, &report));
    ck_assert_double_eq(number(report, "macs"), 786560);
    ck_assert_double_eq(number(report, "params"), 5998);
    ck_assert_double_eq(number(report, "nodes"), 12);
    ck_assert_double_eq(number(report, "opset"), 8);
    ck_assert_int_eq(cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(report->root, "inputs")),
                     1);
    nnopt_report_destroy(report);
    nnopt_model_destroy(model);
}
END_TEST

START_TEST(test_out_of_memory) {
    add_input("x", NNOPT_FLOAT, SHAPE(2, 4));
    node("Relu", "", "x", NULL, "y");
    nn_model *model;
    ck_assert_ok(nn_graph_add_output(graph, value("y")));
    ck_assert_ok(nn_graph_infer(graph));
    ck_assert_ok(nn_model_create(graph, &model));
    nn_status status = NN_NO_MEMORY;
    uint64_t k;
    for (k = 1; status != NN_OK; k++) {
        ck_assert_uint_lt(k, 10000);
        nn_report *report = NULL;
        nn_fail_allocation(k);
        status = nnopt_inspect(model, NULL, &report);
        nn_fail_allocation(0);
        ck_assert(status == NN_OK || status == NN_NO_MEMORY);
        nnopt_report_destroy(report);
    }
    ck_assert_uint_gt(k, 10);
    nnopt_model_destroy(model);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("inspect");
    TCase *tests = tcase_create("inspect");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, test_counts);
    tcase_add_test(tests, test_dim);
    tcase_add_test(tests, test_unsupported);
    tcase_add_test(tests, test_open_shape);
    tcase_add_test(tests, test_text);
    tcase_add_test(tests, test_out_of_memory);
    suite_add_tcase(suite, tests);
    TCase *files = tcase_create("files");
    if (test_data_path("") != NULL)
        tcase_add_test(files, test_mnist);
    else
        printf("test_mnist is skipped: NNOPT_TEST_DATA is not set\n");
    suite_add_tcase(suite, files);
    return suite;
}
