#include "engine/graph/patch.h"
#include "engine/transform/fold.h"
#include "engine/transform/fold_identity.h"
#include "tests/support/runner.h"

static nn_graph *graph;

static void setup(void) {
    ck_assert_ok(nn_graph_create("g", &graph));
    ck_assert_ok(nn_graph_set_opset(graph, "", 13));
}

static void teardown(void) {
    nn_graph_destroy(graph);
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

/* Filled with 0, 1, 2, ... */
static nn_blob *make_blob(nn_type type, int rank, const int64_t *dims) {
    nn_blob *blob;
    ck_assert_ok(nn_blob_create(type, dims, rank, &blob));
    for (int64_t i = 0; i < nn_tensor_count(&blob->tensor); i++)
        nn_tensor_set(&blob->tensor, i, (double)i);
    return blob;
}

static void add_constant(const char *name, nn_type type, int rank, const int64_t *dims) {
    nn_blob *blob = make_blob(type, rank, dims);
    ck_assert_ok(nn_graph_set_initializer(graph, value(name), blob));
    nn_blob_release(blob);
}

static nn_node *node(const char *type, const char *a, const char *b, const char *output,
                     const nn_attr *attr) {
    nn_value *inputs[2] = {a ? value(a) : NULL, b ? value(b) : NULL}, *outputs[1] = {value(output)};
    nn_node *made;
    ck_assert_ok(nn_graph_add_node(graph, type, "", output, inputs,
                                   b   ? 2
                                   : a ? 1
                                       : 0,
                                   outputs, 1, &(nn_attrs){attr, attr != NULL}, &made));
    return made;
}

static void finish(const char *output) {
    ck_assert_ok(nn_graph_add_output(graph, value(output)));
    ck_assert_ok(nn_graph_sort(graph));
    ck_assert_ok(nn_graph_infer(graph));
    ck_assert_ok(nn_graph_verify(graph));
}

static const float *data_of(const char *name) {
    nn_value *found = value(name);
    ck_assert_ptr_nonnull(found->initializer);
    ck_assert_ptr_null(found->producer);
    return found->initializer->tensor.data;
}

#define SHAPE(...)                                                                                 \
    (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (int64_t[]) {                       \
        __VA_ARGS__                                                                                \
    }

/* x + transpose(a + b): two nodes become one constant, and a and b go. */
START_TEST(test_chain) {
    add_input("x", NNOPT_FLOAT, SHAPE(3, 2));
    add_constant("a", NNOPT_FLOAT, SHAPE(2, 3));
    add_constant("b", NNOPT_FLOAT, SHAPE(3));
    nn_attr perm = {.name = "perm", .kind = NN_ATTR_INTS, .count = 2, .ints = (int64_t[]){1, 0}};
    node("Add", "a", "b", "ab", NULL);
    node("Transpose", "ab", NULL, "t", &perm);
    node("Add", "x", "t", "y", NULL);
    finish("y");
    ck_assert_ok(nn_graph_fold_constants(graph, "fold", 0));
    ck_assert_ok(nn_graph_verify(graph));
    ck_assert_int_eq(graph->node_count, 1);
    const float wanted[6] = {0, 3, 2, 5, 4, 7};
    for (int i = 0; i < 6; i++) ck_assert_float_eq(data_of("t")[i], wanted[i]);
    ck_assert_ptr_null(nn_graph_find(graph, "a"));
    ck_assert_ptr_null(nn_graph_find(graph, "ab"));
    ck_assert_int_eq(nn_patch_log_count(graph), 1);
    ck_assert_int_eq(nn_patch_log_get(graph, 0)->node_count, 2);
    ck_assert_ok(nn_graph_fold_constants(graph, "fold", 0));
    ck_assert_int_eq(nn_patch_log_count(graph), 1);
}
END_TEST

/* A constant that is read elsewhere, too, stays; a folded value may be an output. */
START_TEST(test_shared) {
    add_input("x", NNOPT_FLOAT, SHAPE(3));
    add_constant("a", NNOPT_FLOAT, SHAPE(3));
    node("Neg", "a", NULL, "n", NULL);
    node("Add", "x", "a", "y", NULL);
    ck_assert_ok(nn_graph_add_output(graph, value("n")));
    finish("y");
    ck_assert_ok(nn_graph_fold_constants(graph, "fold", 0));
    ck_assert_ok(nn_graph_verify(graph));
    ck_assert_float_eq(data_of("n")[2], -2);
    ck_assert_float_eq(data_of("a")[2], 2);
    ck_assert_str_eq(graph->outputs[0]->name, "n");
}
END_TEST

START_TEST(test_constant_shares_tensor) {
    nn_blob *blob = make_blob(NNOPT_FLOAT, SHAPE(3));
    nn_attr tensor = {.name = "value", .kind = NN_ATTR_TENSOR, .tensor = blob};
    add_input("x", NNOPT_FLOAT, SHAPE(3));
    node("Constant", NULL, NULL, "c", &tensor);
    node("Add", "x", "c", "y", NULL);
    finish("y");
    ck_assert_ok(nn_graph_fold_constants(graph, "fold", 0));
    ck_assert_ok(nn_graph_verify(graph));
    ck_assert_ptr_eq(value("c")->initializer, blob);
    ck_assert_int_eq(blob->references, 2);
    nn_blob_release(blob);
}
END_TEST

/* Quantised weights stay quantised, and so does what is made from them. */
START_TEST(test_dequantize) {
    for (int asked = 0; asked < 2; asked++) {
        add_input("x", NNOPT_FLOAT, SHAPE(3, 2));
        add_constant("q", NNOPT_INT8, SHAPE(2, 3));
        nn_blob *blob = make_blob(NNOPT_FLOAT, 0, NULL);
        ((float *)blob->tensor.data)[0] = 0.5f;
        ck_assert_ok(nn_graph_set_initializer(graph, value("scale"), blob));
        nn_blob_release(blob);
        node("DequantizeLinear", "q", "scale", "w", NULL);
        node("Transpose", "w", NULL, "t", NULL);
        node("Add", "x", "t", "y", NULL);
        finish("y");
        ck_assert_ok(nn_graph_fold_constants(graph, "fold", asked ? NN_FOLD_DEQUANTIZE : 0));
        ck_assert_ok(nn_graph_verify(graph));
        ck_assert_int_eq(graph->node_count, asked ? 1 : 3);
        if (asked) ck_assert_float_eq(data_of("t")[1], 1.5f);
        teardown();
        setup();
    }
}
END_TEST

/* 1000x1 + 1x1000 makes 4 MB from 8 KB: it stays a node; 300x1 + 1x300 is under 1 MB. */
START_TEST(test_growth) {
    add_constant("a", NNOPT_FLOAT, SHAPE(1000, 1));
    add_constant("b", NNOPT_FLOAT, SHAPE(1, 1000));
    add_constant("c", NNOPT_FLOAT, SHAPE(300, 1));
    add_constant("d", NNOPT_FLOAT, SHAPE(1, 300));
    node("Add", "a", "b", "large", NULL);
    node("Add", "c", "d", "small", NULL);
    ck_assert_ok(nn_graph_add_output(graph, value("large")));
    finish("small");
    ck_assert_ok(nn_graph_fold_constants(graph, "fold", 0));
    ck_assert_ok(nn_graph_verify(graph));
    ck_assert_int_eq(graph->node_count, 1);
    ck_assert_ptr_nonnull(value("large")->producer);
    ck_assert_float_eq(data_of("small")[301], 2);
}
END_TEST

/* The shape of an input of fixed shape is known; of a symbolic one it is not. */
START_TEST(test_shape) {
    int64_t n;
    ck_assert_ok(nn_graph_symbol(graph, "N", &n));
    add_input("x", NNOPT_FLOAT, SHAPE(5, 3));
    add_input("z", NNOPT_FLOAT, SHAPE(n, 3));
    node("Shape", "x", NULL, "fixed", NULL);
    node("Shape", "z", NULL, "open", NULL);
    ck_assert_ok(nn_graph_add_output(graph, value("fixed")));
    finish("open");
    ck_assert_ok(nn_graph_fold_constants(graph, "fold", 0));
    ck_assert_ok(nn_graph_verify(graph));
    ck_assert_int_eq(graph->node_count, 1);
    const int64_t *dims = (const int64_t *)(const void *)data_of("fixed");
    ck_assert_int_eq(dims[0], 5);
    ck_assert_int_eq(dims[1], 3);
}
END_TEST

START_TEST(test_unaligned_weights) {
    enum { COUNT = NN_SMALL_CONSTANT / 4 + 8 };
    static char bytes[COUNT * 4 + 128];
    char *odd = bytes + (64 - (uintptr_t)bytes % 64) + 2;
    for (int i = 0; i < COUNT; i++) memcpy(odd + 4 * i, &(float){(float)i}, 4);
    nn_storage storage = {.references = 1, .base = bytes, .size = sizeof bytes};
    nn_blob *blob;
    ck_assert_ok(
        nn_blob_wrap(&(nn_tensor){.type = NNOPT_FLOAT, .rank = 1, .dims = {COUNT}, .data = odd},
                     &storage, &blob));
    storage.references++; /* it is not on the heap */
    ck_assert_ok(nn_graph_set_initializer(graph, value("w"), blob));
    nn_blob_release(blob);
    node("Neg", "w", NULL, "y", NULL);
    finish("y");
    ck_assert_ok(nn_graph_fold_constants(graph, "fold", 0));
    ck_assert_int_eq(graph->node_count, 0);
    ck_assert_float_eq(data_of("y")[COUNT - 1], -(COUNT - 1));
}
END_TEST

START_TEST(test_bad_constant) {
    add_constant("a", NNOPT_FLOAT, SHAPE(3));
    add_constant("i", NNOPT_INT64, SHAPE(5)); /* 3 and 4 are out of range */
    node("Gather", "a", "i", "y", NULL);
    ck_assert_ok(nn_graph_add_output(graph, value("y")));
    ck_assert_fails(nn_graph_infer(graph), NNOPT_BAD_INPUT, "node 'y' (Gather)");
}
END_TEST

/* ---- identities ---- */

START_TEST(test_identities) {
    int64_t n;
    ck_assert_ok(nn_graph_symbol(graph, "N", &n));
    add_input("x", NNOPT_FLOAT, SHAPE(n, 3));
    nn_blob *blob = make_blob(NNOPT_INT64, SHAPE(2)); /* [-1, 3] */
    ((int64_t *)blob->tensor.data)[0] = -1;
    ((int64_t *)blob->tensor.data)[1] = 3;
    ck_assert_ok(nn_graph_set_initializer(graph, value("target"), blob));
    nn_blob_release(blob);
    nn_attr to = {.name = "to", .kind = NN_ATTR_INT, .i = NNOPT_FLOAT};
    nn_attr axis = {.name = "axis", .kind = NN_ATTR_INT, .i = 0};
    nn_attr perm = {.name = "perm", .kind = NN_ATTR_INTS, .count = 2, .ints = (int64_t[]){0, 1}};
    node("Identity", "x", NULL, "a", NULL);
    node("Identity", "a", NULL, "b", NULL);
    node("Dropout", "b", NULL, "c", NULL);
    node("Cast", "c", NULL, "d", &to);
    node("Concat", "d", NULL, "e", &axis);
    node("Transpose", "e", NULL, "f", &perm);
    node("Reshape", "f", "target", "g", NULL);
    node("Relu", "g", NULL, "h", NULL);
    node("Identity", "h", NULL, "y", NULL);
    finish("y");
    ck_assert_ok(nn_graph_remove_identities(graph, "tidy"));
    ck_assert_ok(nn_graph_verify(graph));
    ck_assert_int_eq(graph->node_count, 1);
    ck_assert_str_eq(graph->nodes[0]->op_type, "Relu");
    ck_assert_ptr_eq(graph->nodes[0]->inputs[0], value("x"));
    ck_assert_ptr_eq(graph->nodes[0]->outputs[0], graph->outputs[0]);
    ck_assert_str_eq(graph->outputs[0]->name, "y");
}
END_TEST

/* Nodes that only look like identities. */
START_TEST(test_not_identities) {
    add_input("x", NNOPT_FLOAT, SHAPE(3, 3));
    nn_blob *blob = make_blob(NNOPT_INT64, SHAPE(2));
    ((int64_t *)blob->tensor.data)[0] = 9;
    ck_assert_ok(nn_graph_set_initializer(graph, value("target"), blob)); /* [9, 1] */
    nn_blob_release(blob);
    blob = make_blob(NNOPT_BOOL, 0, NULL);
    ((uint8_t *)blob->tensor.data)[0] = 1;
    ck_assert_ok(nn_graph_set_initializer(graph, value("training"), blob));
    nn_blob_release(blob);
    nn_attr to = {.name = "to", .kind = NN_ATTR_INT, .i = NNOPT_DOUBLE};
    node("Identity", "x", NULL, "same", NULL); /* joins an input to an output */
    node("Transpose", "x", NULL, "t", NULL);
    node("Reshape", "t", "target", "r", NULL);
    nn_value *dropped = value("dropped");
    ck_assert_ok(nn_graph_add_node(graph, "Dropout", "", "dropout",
                                   (nn_value *[]){value("r"), NULL, value("training")}, 3, &dropped,
                                   1, NULL, NULL));
    node("Cast", "dropped", NULL, "y", &to);
    ck_assert_ok(nn_graph_add_output(graph, value("same")));
    finish("y");
    ck_assert_ok(nn_graph_remove_identities(graph, "tidy"));
    ck_assert_int_eq(graph->node_count, 5);
    ck_assert_int_eq(nn_patch_log_count(graph), 0);
}
END_TEST

START_TEST(test_out_of_memory) {
    nn_status status = NN_NO_MEMORY;
    uint64_t k;
    for (k = 1; status != NN_OK; k++) {
        ck_assert_uint_lt(k, 10000);
        add_constant("a", NNOPT_FLOAT, SHAPE(2, 3));
        add_constant("b", NNOPT_FLOAT, SHAPE(3));
        add_input("x", NNOPT_FLOAT, SHAPE(3, 2));
        node("Add", "a", "b", "ab", NULL);
        node("Transpose", "ab", NULL, "t", NULL);
        node("Identity", "x", NULL, "i", NULL);
        node("Add", "i", "t", "y", NULL);
        finish("y");
        nn_fail_allocation(k);
        status = nn_graph_fold_constants(graph, "fold", 0);
        if (status == NN_OK) status = nn_graph_remove_identities(graph, "tidy");
        nn_fail_allocation(0);
        ck_assert(status == NN_OK || status == NN_NO_MEMORY);
        ck_assert_ok(nn_graph_verify(graph));
        if (status == NN_OK) ck_assert_int_eq(graph->node_count, 1);
        teardown();
        setup();
    }
    ck_assert_uint_gt(k, 10);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("fold");
    TCase *tests = tcase_create("fold");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, test_chain);
    tcase_add_test(tests, test_shared);
    tcase_add_test(tests, test_constant_shares_tensor);
    tcase_add_test(tests, test_dequantize);
    tcase_add_test(tests, test_growth);
    tcase_add_test(tests, test_shape);
    tcase_add_test(tests, test_unaligned_weights);
    tcase_add_test(tests, test_bad_constant);
    tcase_add_test(tests, test_identities);
    tcase_add_test(tests, test_not_identities);
    tcase_add_test(tests, test_out_of_memory);
    suite_add_tcase(suite, tests);
    return suite;
}
