/* Patches of graphs with bodies, patches that fail, and many of them. */
#include "engine/graph/patch.h"
#include "tests/support/patch_graph.h"
#include "tests/support/runner.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- bodies ---- */

/* "nest" has a body whose node reads `sum` and the output value `y` of the graph. */
static nn_graph *add_body(nn_graph *top) {
    nn_graph *body;
    ck_assert_ok(nn_graph_set_opset(top, "test", 1));
    ck_assert_ok(nn_graph_create_body(top, "body", &body));
    nn_value *r = add_value(body, "r"), *captured[2], *z = add_value(top, "z");
    ck_assert_ok(nn_graph_resolve(body, "sum", &captured[0]));
    ck_assert_ok(nn_graph_resolve(body, "y", &captured[1]));
    add_node(body, "Add", "leaf", captured[0], captured[1], r);
    ck_assert_ok(nn_graph_add_output(body, r));
    nn_attr attr = {.name = "body", .kind = NN_ATTR_GRAPH, .graph = body};
    ck_assert_ok(nn_graph_add_node(top, "Nest", "test", "nest", NULL, 0, &z, 1,
                                   &(nn_attrs){&attr, 1}, NULL));
    ck_assert_ok(nn_graph_add_output(top, z));
    ck_assert_ok(nn_graph_verify(top));
    return body;
}

/* Replaces `sum` by a product, `y` by `act`. */
static nn_status edit_captured(nn_graph *top) {
    nn_patch *patch;
    NN_TRY(nn_patch_begin(top, "test", "edit what a body reads", &patch));
    nn_value *sum = nn_graph_find(top, "sum"), *y = nn_graph_find(top, "y");
    nn_value *product = nn_patch_value(patch, "product");
    nn_patch_node(patch, "Mul", "", "product", (nn_value *[]){sum, nn_graph_find(top, "s")}, 2,
                  &product, 1, NULL, NULL);
    nn_patch_replace_uses(patch, sum, product);
    nn_patch_remove_node(patch, y->producer);
    nn_patch_replace_uses(patch, y, nn_graph_find(top, "act"));
    return nn_patch_apply(patch);
}

START_TEST(test_captured) {
    nn_graph *body = add_body(graph);
    nn_value *act = value("act");
    ck_assert_ok(edit_captured(graph));
    ck_assert_ok(nn_graph_verify(graph));
    const nn_node *leaf = body->nodes[0];
    ck_assert_str_eq(leaf->inputs[0]->name, "product");
    ck_assert_ptr_eq(leaf->inputs[0]->outer, value("product"));
    ck_assert_ptr_eq(nn_graph_find(body, "product"), leaf->inputs[0]);
    ck_assert_str_eq(leaf->inputs[1]->name, "y");
    ck_assert_ptr_eq(leaf->inputs[1]->outer, act);
    ck_assert_ptr_null(nn_graph_find(body, "sum"));
    ck_assert_str_eq(act->name, "y");
    ck_assert_int_eq(value("sum")->use_count, 1);

    /* both captures become one */
    nn_patch *patch;
    ck_assert_ok(nn_patch_begin(graph, "test", "one for both", &patch));
    nn_patch_replace_uses(patch, value("product"), value("x"));
    ck_assert_ok(nn_patch_apply(patch));
    ck_assert_ok(nn_patch_begin(graph, "test", "one for both", &patch));
    nn_value *other = nn_patch_value(patch, "other");
    nn_patch_node(patch, "Relu", "", NULL, (nn_value *[]){value("x")}, 1, &other, 1, NULL, NULL);
    nn_patch_replace_uses(patch, value("y"), other);
    ck_assert_ok(nn_patch_apply(patch));
    ck_assert_ok(nn_patch_begin(graph, "test", "one for both", &patch));
    nn_patch_replace_uses(patch, value("y"), value("x"));
    nn_patch_remove_node(patch, value("y")->producer);
    ck_assert_ok(nn_patch_apply(patch));
    ck_assert_ok(nn_graph_verify(graph));
    ck_assert_ptr_eq(leaf->inputs[0], leaf->inputs[1]);
    ck_assert_ptr_eq(leaf->inputs[0]->outer, value("x"));
    ck_assert_ptr_null(nn_graph_find(body, "y"));
    ck_assert_int_eq(nn_graph_find_node(graph, "nest")->capture_count, 1);
}
END_TEST

START_TEST(test_remove_body) {
    nn_graph *body = add_body(graph);
    nn_node *nest = nn_graph_find_node(graph, "nest");
    nn_patch *patch;
    nn_attr attrs[2] = {{.name = "body", .kind = NN_ATTR_GRAPH, .graph = body},
                        {.name = "n", .kind = NN_ATTR_INT, .i = 3}};
    ck_assert_ok(nn_patch_begin(graph, "test", "keep the body", &patch));
    nn_patch_set_attrs(patch, nest, &(nn_attrs){attrs, 2});
    ck_assert_ok(nn_patch_apply(patch));
    ck_assert_int_eq(nest->attrs.count, 2);
    ck_assert_int_eq(nest->capture_count, 2);
    ck_assert_ok(nn_graph_verify(graph));

    ck_assert_ok(nn_patch_begin(graph, "test", "another body, not applied", &patch));
    ck_assert_ok(nn_graph_create_body(graph, "fresh", &attrs[0].graph));
    nn_patch_set_attrs(patch, nest, &(nn_attrs){attrs, 2});
    nn_patch_abort(patch);
    ck_assert_ok(nn_graph_verify(graph));

    ck_assert_ok(nn_patch_begin(graph, "test", "another body", &patch));
    ck_assert_ok(nn_graph_create_body(graph, "fresh", &attrs[0].graph));
    nn_patch_set_attrs(patch, nest, &(nn_attrs){attrs, 2});
    ck_assert_ok(nn_patch_apply(patch));
    ck_assert_int_eq(nest->capture_count, 0);
    ck_assert_int_eq(value("sum")->use_count, 1);
    ck_assert_ok(nn_graph_verify(graph));

    ck_assert_ok(nn_patch_begin(graph, "test", "no node", &patch));
    nn_patch_remove_node(patch, nest);
    nn_patch_replace_uses(patch, value("z"), value("sum"));
    ck_assert_ok(nn_patch_apply(patch));
    ck_assert_ok(nn_graph_verify(graph));
}
END_TEST

/* ---- failures ---- */

static nn_status edit_everything(nn_graph *top, nn_blob *blob) {
    nn_patch *patch;
    NN_TRY(nn_patch_begin(top, "test", "everything", &patch));
    nn_node *add = nn_graph_find_node(top, "add"), *relu = nn_graph_find_node(top, "relu");
    nn_value *raw = nn_patch_value(patch, "raw"), *c = nn_patch_constant(patch, "c", blob);
    nn_attr tensor = {.name = "t", .kind = NN_ATTR_TENSOR, .tensor = blob};
    nn_patch_set_output(patch, add, 0, raw);
    nn_patch_node(patch, "Add", "", "more", (nn_value *[]){raw, c}, 2,
                  (nn_value *[]){nn_graph_find(top, "sum")}, 1, &(nn_attrs){&tensor, 1}, add);
    nn_patch_set_initializer(patch, nn_graph_find(top, "w"), blob);
    nn_patch_set_attrs(patch, relu, &(nn_attrs){&tensor, 1});
    nn_patch_set_opset(patch, "", 14);
    nn_patch_set_opset(patch, "more", 1);
    nn_patch_set_epilogue(patch, relu, &(nn_epilogue){.has_residual = false});
    return nn_patch_apply(patch);
}

START_TEST(test_out_of_memory) {
    nn_blob *blob = floats(3, 1);
    for (int with_body = 0; with_body < 2; with_body++) {
        nn_status status = NN_NO_MEMORY;
        uint64_t k;
        for (k = 1; status != NN_OK; k++) {
            ck_assert_uint_lt(k, 10000);
            nn_graph *top = make_graph();
            if (with_body) add_body(top);
            char *before = text_of(top);
            nn_fail_allocation(k);
            status = with_body ? edit_captured(top) : edit_everything(top, blob);
            nn_fail_allocation(0);
            ck_assert_ok(nn_graph_verify(top));
            if (status != NN_OK) {
                ck_assert_int_eq(status, NN_NO_MEMORY);
                ck_assert_int_eq(blob->references, 1);
                assert_unchanged(top, before);
            } else {
                free(before);
            }
            nn_graph_destroy(top);
            ck_assert_int_eq(blob->references, 1);
        }
        ck_assert_uint_gt(k, 20);
    }
    nn_blob_release(blob);
}
END_TEST

static uint32_t seed;

static int64_t below(int64_t limit) {
    seed = seed * 1664525u + 1013904223u;
    return (int64_t)(seed >> 8) % limit;
}

/* Any value that is in the graph. */
static nn_value *any_value(void) {
    nn_value *found;
    do {
        found = graph->values[below(graph->value_count)];
    } while (!nn_value_is_linked(found));
    return found;
}

static void random_edit(nn_patch *patch) {
    nn_node *node = graph->nodes[below(graph->node_count)];
    nn_value *inputs[2] = {any_value(), any_value()}, *made;
    nn_blob *blob;
    switch (below(9)) {
    case 0:
        nn_patch_remove_node(patch, node);
        break;
    case 1:
        nn_patch_set_input(patch, node, (int)below(2), any_value());
        break;
    case 2:
        nn_patch_replace_uses(patch, any_value(), any_value());
        break;
    case 3:
        made = nn_patch_value(patch, "made");
        nn_patch_node(patch, "Add", "", "n", inputs, 2, &made, 1, NULL, node);
        nn_patch_replace_uses(patch, any_value(), made);
        break;
    case 4:
        made = nn_patch_value(patch, "moved");
        nn_patch_node(patch, "Relu", "", NULL, &made, 1, &node->outputs[0], 1, NULL, NULL);
        nn_patch_set_output(patch, node, 0, made);
        break;
    case 5:
        blob = floats(1, 1);
        nn_patch_set_initializer(patch, any_value(), blob);
        nn_blob_release(blob);
        break;
    case 6:
        blob = floats(3, 1);
        nn_patch_replace_uses(patch, any_value(), nn_patch_constant(patch, "c", blob));
        nn_blob_release(blob);
        break;
    case 7:
        nn_patch_replace_uses(patch, node->outputs[0], any_value());
        nn_patch_remove_node(patch, node);
        break;
    default:
        nn_patch_append_input(patch, node, any_value());
    }
}

/* Whatever is tried, the graph is well-formed afterwards, or as it was. */
START_TEST(test_random_edits) {
    int applied = 0, refused = 0;
    for (seed = 1; seed < 60; seed++) {
        uint32_t kept = seed;
        add_body(graph);
        for (int i = 0; i < 60 && graph->node_count > 0; i++) {
            nn_patch *patch;
            char *before = text_of(graph);
            ck_assert_ok(nn_patch_begin(graph, "test", "anything", &patch));
            for (int64_t k = 1 + below(3); k > 0; k--) random_edit(patch);
            if (below(10) == 0) {
                nn_patch_abort(patch);
                assert_unchanged(graph, before);
            } else if (nn_patch_apply(patch) == NN_OK) {
                ck_assert_ok(nn_graph_verify(graph));
                free(before);
                applied++;
            } else {
                assert_unchanged(graph, before);
                refused++;
            }
        }
        nn_graph *copy;
        ck_assert_ok(nn_graph_clone(graph, &copy));
        ck_assert_ok(nn_graph_verify(copy));
        nn_graph_destroy(copy);
        ck_assert_ok(nn_graph_prune_unused(graph, "test"));
        ck_assert_ok(nn_graph_verify(graph));
        destroy_test_graph();
        make_test_graph();
        seed = kept;
    }
    ck_assert_int_gt(applied, 500);
    ck_assert_int_gt(refused, 500);
}
END_TEST

/* 2,000 patches on 2,000 nodes. */
START_TEST(test_many) {
    enum { COUNT = 2000 };
    char name[32];
    nn_value *last = value("sum");
    for (int i = 0; i < COUNT; i++) {
        snprintf(name, sizeof name, "v%d", i);
        nn_value *next = add_value(graph, name);
        snprintf(name, sizeof name, "n%d", i);
        add_node(graph, "Add", name, last, value("s"), next);
        last = next;
    }
    ck_assert_ok(nn_graph_add_output(graph, last));
    ck_assert_ok(nn_graph_infer(graph));
    for (int i = 0; i < COUNT; i++) {
        nn_patch *patch;
        snprintf(name, sizeof name, "n%d", i);
        nn_node *node = nn_graph_find_node(graph, name);
        ck_assert_ok(nn_patch_begin(graph, "test", "double", &patch));
        nn_value *raw = nn_patch_value(patch, "raw");
        nn_patch_set_output(patch, node, 0, raw);
        nn_patch_node(patch, "Mul", "", "twice", (nn_value *[]){raw, value("s")}, 2,
                      (nn_value *[]){node->outputs[0]}, 1, NULL, node);
        ck_assert_ok(nn_patch_apply(patch));
    }
    ck_assert_ok(nn_graph_verify(graph));
    ck_assert_int_eq(graph->node_count, 3 + 2 * COUNT);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("patch_undo");
    TCase *tests = tcase_create("patch_undo");
    tcase_add_checked_fixture(tests, make_test_graph, destroy_test_graph);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, test_captured);
    tcase_add_test(tests, test_remove_body);
    tcase_add_test(tests, test_out_of_memory);
    tcase_add_test(tests, test_random_edits);
    tcase_add_test(tests, test_many);
    suite_add_tcase(suite, tests);
    return suite;
}
