#include "engine/graph/graph.h"
#include "tests/support/runner.h"

#include <stdio.h>
#include <stdlib.h>

static nn_graph *graph;

static void setup(void) {
    ck_assert_ok(nn_graph_create("g", &graph));
    ck_assert_ok(nn_graph_set_opset(graph, "", 13));
    ck_assert_ok(nn_graph_set_opset(graph, "test", 1));
}

static void teardown(void) {
    nn_graph_destroy(graph);
}

static nn_value *value(nn_graph *owner, const char *name) {
    nn_value *made = nn_graph_find(owner, name);
    if (made == NULL) ck_assert_ok(nn_graph_add_value(owner, name, &made));
    return made;
}

/* A node of an operator that no table has, with up to two inputs and one output. */
static nn_node *node(nn_graph *owner, const char *name, const char *a, const char *b,
                     const char *output) {
    nn_value *inputs[2] = {a ? value(owner, a) : NULL, b ? value(owner, b) : NULL};
    nn_value *outputs[1] = {value(owner, output)};
    nn_node *made;
    ck_assert_ok(nn_graph_add_node(owner, "Mystery", "test", name, inputs, b ? 2 : 1, outputs, 1,
                                   NULL, &made));
    return made;
}

static nn_blob *float_blob(int64_t count, float first) {
    nn_blob *blob;
    ck_assert_ok(nn_blob_create(NNOPT_FLOAT, &count, 1, &blob));
    for (int64_t i = 0; i < count; i++) ((float *)blob->tensor.data)[i] = first + (float)i;
    return blob;
}

START_TEST(test_links) {
    ck_assert_ok(nn_graph_add_input(graph, value(graph, "x")));
    nn_blob *blob = float_blob(3, 1);
    ck_assert_ok(nn_graph_set_initializer(graph, value(graph, "w"), blob));
    nn_blob_release(blob);
    nn_node *first = node(graph, "first", "x", "w", "h");
    nn_node *second = node(graph, "second", "h", "h", "y");
    ck_assert_ok(nn_graph_add_output(graph, value(graph, "y")));
    ck_assert_ok(nn_graph_sort(graph));
    ck_assert_ok(nn_graph_verify(graph));

    ck_assert_ptr_eq(value(graph, "h")->producer, first);
    ck_assert_int_eq(value(graph, "h")->use_count, 2);
    ck_assert_ptr_eq(nn_value_single_consumer(value(graph, "h")), NULL);
    ck_assert_ptr_eq(nn_value_single_consumer(value(graph, "w")), first);
    ck_assert_ptr_eq(nn_value_single_consumer(value(graph, "y")), NULL);
    ck_assert(nn_value_is_constant(value(graph, "w")));
    ck_assert(!nn_value_is_constant(value(graph, "x")));
    ck_assert_int_eq(value(graph, "w")->fact.dims[0], 3);
    ck_assert_ptr_eq(nn_graph_find_node(graph, "second"), second);
    ck_assert_ptr_eq(second->op, NULL);
    ck_assert_int_eq(nn_graph_opset(graph, "ai.onnx"), 13);
    ck_assert_int_eq(nn_graph_opset(graph, "other"), 0);

    nn_view_storage storage;
    nn_node_view view;
    ck_assert_ok(nn_node_view_init(first, &storage, &view));
    ck_assert_ptr_eq(nn_view_constant(&view, 1), &blob->tensor);
    ck_assert_ptr_eq(view.out[0], &value(graph, "h")->fact);
    nn_node_view_clear(&storage);
}
END_TEST

START_TEST(test_names) {
    ck_assert_ok(nn_graph_add_input(graph, value(graph, "x")));
    nn_node *a = node(graph, "same", "x", NULL, "y1");
    nn_node *b = node(graph, "same", "x", NULL, "y2");
    nn_node *c = node(graph, NULL, "x", NULL, "y3");
    nn_node *d = node(graph, "same", "x", NULL, "y4");
    ck_assert_str_eq(a->name, "same");
    ck_assert_str_eq(b->name, "same_1");
    ck_assert_str_eq(c->name, "Mystery_y3");
    ck_assert_str_eq(d->name, "same_2");
    ck_assert_str_eq(d->origin, "same_2");
    const char *name;
    ck_assert_ok(nn_graph_unique_name(graph, "x", &name));
    ck_assert_str_eq(name, "x_1");
    ck_assert_ok(nn_graph_unique_name(graph, "free", &name));
    ck_assert_str_eq(name, "free");
    ck_assert_ok(nn_graph_unique_name(graph, "free", &name));
    ck_assert_str_eq(name, "free_1");
}
END_TEST

START_TEST(test_bad_definitions) {
    nn_value *x = value(graph, "x"), *made;
    ck_assert_fails(nn_graph_add_value(graph, "x", &made), NNOPT_BAD_INPUT, "'x' is defined twice");
    ck_assert_fails(nn_graph_add_value(graph, "", &made), NNOPT_BAD_INPUT, "empty name");
    ck_assert_ok(nn_graph_add_input(graph, x));
    ck_assert_fails(nn_graph_add_input(graph, x), NNOPT_BAD_INPUT, "graph input 'x'");
    nn_blob *blob = float_blob(1, 0);
    ck_assert_fails(nn_graph_set_initializer(graph, x, blob), NNOPT_BAD_INPUT,
                    "'x' is also a graph input");
    nn_blob_release(blob);

    node(graph, "first", "x", NULL, "y");
    nn_value *y = value(graph, "y"), *z = value(graph, "z");
    nn_value *taken[2] = {z, y}, *input[1] = {x}, *twice[2] = {z, z};
    nn_node *second;
    ck_assert_fails(
        nn_graph_add_node(graph, "Mystery", "test", "second", &x, 1, taken, 2, NULL, &second),
        NNOPT_BAD_INPUT, "node 'second' (Mystery): output 'y' is already made by node 'first'");
    ck_assert_ptr_eq(z->producer, NULL);
    ck_assert_fails(
        nn_graph_add_node(graph, "Mystery", "test", "third", &x, 1, input, 1, NULL, &second),
        NNOPT_BAD_INPUT, "already a graph input");
    ck_assert_fails(
        nn_graph_add_node(graph, "Mystery", "test", "fourth", &x, 1, twice, 2, NULL, &second),
        NNOPT_BAD_INPUT, "already made by node 'fourth'");
    ck_assert_ptr_eq(z->producer, NULL);
    ck_assert_int_eq(x->use_count, 1);
    ck_assert_int_eq(graph->node_count, 1);
    ck_assert_fails(nn_graph_set_opset(graph, "", 0), NNOPT_BAD_INPUT, "opset version 0");
}
END_TEST

START_TEST(test_verify) {
    node(graph, "first", "missing", NULL, "y");
    ck_assert_fails(nn_graph_verify(graph), NNOPT_BAD_INPUT, "has no outputs");
    ck_assert_ok(nn_graph_add_output(graph, value(graph, "y")));
    ck_assert_fails(nn_graph_verify(graph), NNOPT_BAD_INPUT,
                    "node 'first' (Mystery): input 'missing' is made by no node");
    ck_assert_ok(nn_graph_add_input(graph, value(graph, "missing")));
    ck_assert_ok(nn_graph_verify(graph));
    ck_assert_ok(nn_graph_add_output(graph, value(graph, "nothing")));
    ck_assert_fails(nn_graph_verify(graph), NNOPT_BAD_INPUT,
                    "graph output 'nothing' is made by no");
}
END_TEST

START_TEST(test_unknown_domain) {
    nn_value *x = value(graph, "x"), *y = value(graph, "y");
    ck_assert_ok(nn_graph_add_input(graph, x));
    ck_assert_ok(nn_graph_add_output(graph, y));
    ck_assert_ok(nn_graph_add_node(graph, "Op", "not.imported", "n", &x, 1, &y, 1, NULL, NULL));
    ck_assert_fails(nn_graph_verify(graph), NNOPT_BAD_INPUT,
                    "node 'n' (Op): domain 'not.imported' has no opset import");
}
END_TEST

START_TEST(test_sort) {
    ck_assert_ok(nn_graph_add_input(graph, value(graph, "x")));
    ck_assert_ok(nn_graph_add_output(graph, value(graph, "d")));
    node(graph, "D", "b", "c", "d");
    node(graph, "E", "x", NULL, "e");
    node(graph, "C", "a", NULL, "c");
    node(graph, "B", "a", NULL, "b");
    node(graph, "A", "x", NULL, "a");
    ck_assert_fails(nn_graph_verify(graph), NNOPT_BAD_INPUT, "made later");
    ck_assert_ok(nn_graph_sort(graph));
    ck_assert_ok(nn_graph_verify(graph));
    const char *wanted[] = {"A", "B", "C", "D", "E"};
    for (int i = 0; i < 5; i++) ck_assert_str_eq(graph->nodes[i]->name, wanted[i]);
    ck_assert_ok(nn_graph_sort(graph));
    for (int i = 0; i < 5; i++) ck_assert_str_eq(graph->nodes[i]->name, wanted[i]);
}
END_TEST

START_TEST(test_cycle) {
    ck_assert_ok(nn_graph_add_input(graph, value(graph, "x")));
    node(graph, "A", "x", "c", "a");
    node(graph, "B", "a", NULL, "b");
    node(graph, "C", "b", NULL, "c");
    ck_assert_fails(nn_graph_sort(graph), NNOPT_BAD_INPUT, "depends on the node's own output");
    nn_graph_destroy(graph);
    setup();
    node(graph, "self", "s", NULL, "s");
    ck_assert_fails(nn_graph_sort(graph), NNOPT_BAD_INPUT, "node 'self' (Mystery): input 's'");
}
END_TEST

/* An If-like node whose body's body reads a value of the top graph. */
static nn_node *nested(nn_graph *top) {
    ck_assert_ok(nn_graph_add_input(top, value(top, "x")));
    node(top, "make", "x", NULL, "deep");
    nn_graph *outer_body, *inner_body;
    ck_assert_ok(nn_graph_create_body(top, "outer", &outer_body));
    ck_assert_ok(nn_graph_create_body(outer_body, "inner", &inner_body));

    nn_value *captured, *result = value(inner_body, "r"), *again;
    ck_assert_ok(nn_graph_resolve(inner_body, "deep", &captured));
    ck_assert_ok(nn_graph_resolve(inner_body, "deep", &again));
    ck_assert_ptr_eq(captured, again);
    ck_assert_ok(nn_graph_add_node(inner_body, "Mystery", "test", "leaf", &captured, 1, &result, 1,
                                   NULL, NULL));
    ck_assert_ok(nn_graph_add_output(inner_body, result));

    nn_attr attr = {.name = "body", .kind = NN_ATTR_GRAPH, .graph = inner_body};
    nn_value *middle = value(outer_body, "m");
    ck_assert_ok(nn_graph_add_node(outer_body, "Nest", "test", "middle", NULL, 0, &middle, 1,
                                   &(nn_attrs){&attr, 1}, NULL));
    ck_assert_ok(nn_graph_add_output(outer_body, middle));

    attr.graph = outer_body;
    nn_value *y = value(top, "y");
    nn_node *made;
    ck_assert_ok(nn_graph_add_node(top, "Nest", "test", "nest", NULL, 0, &y, 1,
                                   &(nn_attrs){&attr, 1}, &made));
    ck_assert_ok(nn_graph_add_output(top, y));
    return made;
}

START_TEST(test_capture) {
    nn_node *nest = nested(graph);
    ck_assert_int_eq(nest->capture_count, 1);
    ck_assert_ptr_eq(nest->captures[0], value(graph, "deep"));
    ck_assert_int_eq(value(graph, "deep")->use_count, 1);
    ck_assert_int_eq(value(graph, "deep")->uses[0].input, NN_USE_CAPTURE);
    ck_assert_ptr_eq(nn_value_single_consumer(value(graph, "deep")), NULL);
    ck_assert_ok(nn_graph_sort(graph));
    ck_assert_ok(nn_graph_verify(graph));
    nn_value *none;
    ck_assert_ok(nn_graph_resolve(nest->attrs.items[0].graph, "nowhere", &none));
    ck_assert_ptr_eq(none, NULL);

    nn_graph *copy;
    ck_assert_ok(nn_graph_clone(graph, &copy));
    ck_assert_ok(nn_graph_verify(copy));
    ck_assert_ptr_eq(nn_graph_find_node(copy, "nest")->captures[0], nn_graph_find(copy, "deep"));
    nn_graph *body = nn_graph_find_node(copy, "nest")->attrs.items[0].graph;
    ck_assert_ptr_eq(body->parent, copy);
    ck_assert_ptr_eq(nn_graph_find(body, "deep")->outer, nn_graph_find(copy, "deep"));
    nn_graph_destroy(copy);
}
END_TEST

/* A body reads what a later node makes: sorting moves its producer before the node. */
START_TEST(test_capture_orders) {
    nn_graph *body;
    value(graph, "late");
    ck_assert_ok(nn_graph_add_input(graph, value(graph, "x")));
    ck_assert_ok(nn_graph_create_body(graph, "b", &body));
    nn_value *captured, *r = value(body, "r"), *y = value(graph, "y");
    ck_assert_ok(nn_graph_resolve(body, "late", &captured));
    ck_assert_ok(
        nn_graph_add_node(body, "Mystery", "test", "leaf", &captured, 1, &r, 1, NULL, NULL));
    ck_assert_ok(nn_graph_add_output(body, r));
    nn_attr attr = {.name = "body", .kind = NN_ATTR_GRAPH, .graph = body};
    ck_assert_ok(nn_graph_add_node(graph, "Nest", "test", "nest", NULL, 0, &y, 1,
                                   &(nn_attrs){&attr, 1}, NULL));
    ck_assert_ok(nn_graph_add_output(graph, y));
    node(graph, "make", "x", NULL, "late");
    ck_assert_fails(nn_graph_verify(graph), NNOPT_BAD_INPUT, "made later");
    ck_assert_ok(nn_graph_sort(graph));
    ck_assert_ok(nn_graph_verify(graph));
    ck_assert_str_eq(graph->nodes[0]->name, "make");
}
END_TEST

START_TEST(test_depth_limit) {
    nn_graph *inner = graph;
    nn_status status = NN_OK;
    nn_graph *made[NN_MAX_GRAPH_DEPTH + 1];
    int count = 0;
    while (status == NN_OK) {
        status = nn_graph_create_body(inner, "b", &made[count]);
        if (status == NN_OK) inner = made[count++];
        ck_assert_int_le(count, NN_MAX_GRAPH_DEPTH);
    }
    ck_assert_int_eq(status, NNOPT_BAD_INPUT);
    ck_assert_int_eq(count, NN_MAX_GRAPH_DEPTH);
    while (count > 0) nn_graph_destroy(made[--count]);
}
END_TEST

/* 200,000 nodes that all carry the same name, in reverse order: everything stays linear. */
START_TEST(test_large) {
    enum { COUNT = 200000 };
    char from[32], to[32];
    ck_assert_ok(nn_graph_add_input(graph, value(graph, "v0")));
    for (int i = COUNT; i > 0; i--) {
        snprintf(from, sizeof from, "v%d", i - 1);
        snprintf(to, sizeof to, "v%d", i);
        node(graph, "n", from, NULL, to);
    }
    ck_assert_ok(nn_graph_add_output(graph, value(graph, "v200000")));
    ck_assert_ok(nn_graph_sort(graph));
    ck_assert_ok(nn_graph_verify(graph));
    ck_assert_str_eq(graph->nodes[0]->outputs[0]->name, "v1");
    nn_graph *copy;
    ck_assert_ok(nn_graph_clone(graph, &copy));
    ck_assert_ok(nn_graph_verify(copy));
    nn_graph_destroy(copy);
}
END_TEST

START_TEST(test_symbols) {
    int64_t n, again, m;
    ck_assert_ok(nn_graph_symbol(graph, "N", &n));
    ck_assert_ok(nn_graph_symbol(graph, "M", &m));
    ck_assert_ok(nn_graph_symbol(graph, "N", &again));
    ck_assert_int_eq(n, again);
    ck_assert_int_ne(n, m);
    ck_assert(nn_dim_is_symbol(n));
    ck_assert_str_eq(nn_graph_symbol_name(graph, n), "N");
    ck_assert_str_eq(nn_graph_symbol_name(graph, m), "M");
    ck_assert_ptr_eq(nn_graph_symbol_name(graph, 7), NULL);
}
END_TEST

static void keep(nn_storage *self) {
    (void)self;
}

/* Small unaligned data is copied at once, large data when pinned, and freed when unpinned. */
START_TEST(test_unaligned) {
    enum { LARGE = NN_SMALL_CONSTANT / 4 + 1 };
    static char bytes[LARGE * 4 + 128];
    char *odd = bytes + (64 - (uintptr_t)bytes % 64) + 1;
    for (int i = 0; i < LARGE; i++) memcpy(odd + 4 * i, &(float){(float)i}, 4);
    nn_storage storage = {.references = 1, .release = keep, .base = bytes, .size = sizeof bytes};
    nn_tensor view = {.type = NNOPT_FLOAT, .rank = 1, .dims = {3}, .data = odd};
    ck_assert(!nn_tensor_is_aligned(&view));
    nn_blob *small, *large;
    ck_assert_ok(nn_blob_wrap(&view, &storage, &small));
    view.dims[0] = LARGE;
    ck_assert_ok(nn_blob_wrap(&view, &storage, &large));
    nn_value *a = value(graph, "a"), *b = value(graph, "b");
    ck_assert_ok(nn_graph_set_initializer(graph, a, small));
    ck_assert_ok(nn_graph_set_initializer(graph, b, large));
    nn_blob_release(small);
    nn_blob_release(large);

    ck_assert(nn_tensor_is_aligned(a->fact.constant));
    ck_assert_float_eq(((const float *)a->fact.constant->data)[2], 2);
    ck_assert(b->fact.constant->data == odd);
    ck_assert_ok(nn_graph_pin_constants(graph));
    ck_assert(nn_tensor_is_aligned(b->fact.constant));
    ck_assert_float_eq(((const float *)b->fact.constant->data)[LARGE - 1], LARGE - 1);
    const nn_tensor *shared;
    ck_assert_ok(nn_blob_pin(large, &shared));
    ck_assert_ptr_eq(shared, b->fact.constant);
    nn_value_unpin(b);
    ck_assert(b->fact.constant->data == odd);
    ck_assert_float_eq(((const float *)shared->data)[1], 1);
    nn_blob_unpin(large);
    ck_assert_ptr_eq(large->aligned.data, NULL);
    ck_assert_ok(nn_value_pin(b));
}
END_TEST

/* Builds, sorts, clones and ends a graph with every part; whatever allocation fails. */
static nn_status build_all(nn_blob *blob) {
    nn_graph *top = NULL, *body = NULL, *copy = NULL;
    nn_value *x, *w, *y, *r, *c;
    int64_t dim;
    nn_attr items[4] = {
        {.name = "t", .kind = NN_ATTR_TENSOR, .tensor = blob},
        {.name = "s", .kind = NN_ATTR_STRINGS, .count = 1, .strings = &(nn_text){"abc", 3}},
        {.name = "f", .kind = NN_ATTR_FLOATS, .count = 1, .floats = (const float[]){1}},
        {.name = "g", .kind = NN_ATTR_GRAPH}};
    nn_status status = nn_graph_create("top", &top);
    if (status != NN_OK) return status;
    NN_TRY_DONE(nn_graph_set_opset(top, "", 13));
    NN_TRY_DONE(nn_graph_set_opset(top, "test", 1));
    NN_TRY_DONE(nn_graph_symbol(top, "N", &dim));
    NN_TRY_DONE(nn_graph_add_value(top, "x", &x));
    NN_TRY_DONE(nn_graph_add_input(top, x));
    NN_TRY_DONE(nn_graph_add_value(top, "w", &w));
    NN_TRY_DONE(nn_graph_set_initializer(top, w, blob));
    NN_TRY_DONE(nn_graph_add_value(top, "y", &y));
    NN_TRY_DONE(nn_graph_create_body(top, "body", &body));
    NN_TRY_DONE(nn_graph_add_value(body, "r", &r));
    NN_TRY_DONE(nn_graph_resolve(body, "x", &c));
    NN_TRY_DONE(nn_graph_add_node(body, "Mystery", "test", "leaf", &c, 1, &r, 1, NULL, NULL));
    NN_TRY_DONE(nn_graph_add_output(body, r));
    items[3].graph = body;
    body = NULL; /* taken by the next call in every case */
    NN_TRY_DONE(nn_graph_add_node(top, "Nest", "test", NULL, (nn_value *[]){w, NULL}, 2, &y, 1,
                                  &(nn_attrs){items, 4}, NULL));
    NN_TRY_DONE(nn_graph_add_output(top, y));
    NN_TRY_DONE(nn_graph_sort(top));
    NN_TRY_DONE(nn_graph_verify(top));
    NN_TRY_DONE(nn_graph_clone(top, &copy));
    status = nn_graph_verify(copy);
done:
    nn_graph_destroy(copy);
    nn_graph_destroy(body);
    nn_graph_destroy(top);
    return status;
}

START_TEST(test_out_of_memory) {
    nn_blob *blob = float_blob(3, 1);
    nn_status status = NN_NO_MEMORY;
    uint64_t k;
    for (k = 1; status != NN_OK; k++) {
        ck_assert_uint_lt(k, 10000);
        nn_fail_allocation(k);
        status = build_all(blob);
        nn_fail_allocation(0);
        ck_assert(status == NN_OK || status == NN_NO_MEMORY);
        ck_assert_int_eq(blob->references, 1);
    }
    ck_assert_uint_gt(k, 10);
    nn_blob_release(blob);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("graph");
    TCase *tests = tcase_create("graph");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, test_links);
    tcase_add_test(tests, test_names);
    tcase_add_test(tests, test_bad_definitions);
    tcase_add_test(tests, test_verify);
    tcase_add_test(tests, test_unknown_domain);
    tcase_add_test(tests, test_sort);
    tcase_add_test(tests, test_cycle);
    tcase_add_test(tests, test_capture);
    tcase_add_test(tests, test_capture_orders);
    tcase_add_test(tests, test_depth_limit);
    tcase_add_test(tests, test_large);
    tcase_add_test(tests, test_symbols);
    tcase_add_test(tests, test_unaligned);
    tcase_add_test(tests, test_out_of_memory);
    suite_add_tcase(suite, tests);
    return suite;
}
