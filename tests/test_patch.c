/* Patches: what each edit makes of a graph. */
#include "engine/graph/patch.h"
#include "tests/support/patch_graph.h"
#include "tests/support/runner.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- edits ---- */

START_TEST(test_insert) {
    nn_patch *patch;
    nn_node *relu = nn_graph_find_node(graph, "relu");
    ck_assert_ok(nn_patch_begin(graph, "test", "one more addition", &patch));
    nn_value *raw = nn_patch_value(patch, "sum");
    nn_blob *blob = floats(3, 7);
    nn_value *constant = nn_patch_constant(patch, "bias", blob);
    nn_blob_release(blob);
    nn_patch_set_output(patch, nn_graph_find_node(graph, "add"), 0, raw);
    nn_node *extra =
        nn_patch_node(patch, "Add", "", "add", (nn_value *[]){raw, constant}, 2,
                      (nn_value *[]){value("sum")}, 1, NULL, nn_graph_find_node(graph, "add"));
    ck_assert_ok(nn_patch_apply(patch));
    ck_assert_ok(nn_graph_verify(graph));

    const char *order[] = {"add", "add_1", "relu", "mul"};
    ck_assert_int_eq(graph->node_count, 4);
    for (int i = 0; i < 4; i++) ck_assert_str_eq(graph->nodes[i]->name, order[i]);
    ck_assert_str_eq(extra->origin, "add");
    ck_assert_str_eq(raw->name, "sum_1");
    ck_assert_ptr_eq(relu->inputs[0]->producer, extra);
    ck_assert_int_eq(raw->fact.rank, 2);
    ck_assert_int_eq(raw->fact.dims[0], 5);
    ck_assert_ptr_eq(nn_graph_find(graph, "sum_1"), raw);

    ck_assert_int_eq(nn_patch_log_count(graph), 1);
    const nn_patch_record *record = nn_patch_log_get(graph, 0);
    ck_assert_str_eq(record->pass, "test");
    ck_assert_str_eq(record->reason, "one more addition");
    ck_assert_int_eq(record->node_count, 2);
    nn_graph *copy;
    ck_assert_ok(nn_graph_clone(graph, &copy));
    char *a = text_of(graph), *b = text_of(copy);
    ck_assert_str_eq(a, b);
    ck_assert_str_eq(nn_patch_log_get(copy, 0)->reason, "one more addition");
    free(a);
    free(b);
    nn_graph_destroy(copy);
}
END_TEST

/* The graph output keeps its name when another value takes its place. */
START_TEST(test_replace_output) {
    nn_patch *patch;
    nn_value *old = value("y"), *act = value("act");
    ck_assert_ok(nn_patch_begin(graph, "test", "drop the product", &patch));
    nn_patch_replace_uses(patch, old, act);
    nn_patch_remove_node(patch, nn_graph_find_node(graph, "mul"));
    ck_assert_ok(nn_patch_apply(patch));
    ck_assert_ok(nn_graph_verify(graph));
    ck_assert_ptr_eq(graph->outputs[0], act);
    ck_assert_str_eq(act->name, "y");
    ck_assert_ptr_eq(nn_graph_find(graph, "y"), act);
    ck_assert_ptr_null(nn_graph_find(graph, "act"));
    ck_assert_ptr_null(nn_graph_find_node(graph, "mul"));
    ck_assert(!nn_value_is_linked(old));
    ck_assert_int_eq(value("s")->use_count, 0);
    ck_assert_ok(nn_graph_prune_unused(graph, "test"));
    ck_assert_ptr_null(nn_graph_find(graph, "s"));
    nn_graph *copy;
    ck_assert_ok(nn_graph_clone(graph, &copy));
    ck_assert_int_eq(copy->value_count, 4);
    nn_graph_destroy(copy);
}
END_TEST

/* A graph input cannot take the output's name: it is copied. */
START_TEST(test_replace_output_by_input) {
    nn_patch *patch;
    ck_assert_ok(nn_patch_begin(graph, "test", "pass through", &patch));
    nn_patch_remove_node(patch, nn_graph_find_node(graph, "mul"));
    nn_patch_replace_uses(patch, value("y"), value("x"));
    ck_assert_ok(nn_patch_apply(patch));
    ck_assert_ok(nn_graph_verify(graph));
    ck_assert_str_eq(graph->outputs[0]->name, "y");
    ck_assert_str_eq(graph->outputs[0]->producer->op_type, "Identity");
    ck_assert_ptr_eq(graph->outputs[0]->producer->inputs[0], value("x"));
    ck_assert_int_eq(graph->outputs[0]->fact.dims[0], 5);
    ck_assert_ok(nn_graph_prune_unused(graph, "test"));
    ck_assert_int_eq(graph->node_count, 1);
}
END_TEST

/* New readers stay with what they were given: a node put behind a value. */
START_TEST(test_insert_behind) {
    nn_patch *patch;
    nn_value *sum = value("sum");
    ck_assert_ok(nn_patch_begin(graph, "test", "scale", &patch));
    nn_value *scaled = nn_patch_value(patch, "scaled");
    nn_node *node = nn_patch_node(patch, "Mul", "", "scale", (nn_value *[]){sum, value("s")}, 2,
                                  &scaled, 1, NULL, NULL);
    nn_patch_replace_uses(patch, sum, scaled);
    ck_assert_ok(nn_patch_apply(patch));
    ck_assert_ok(nn_graph_verify(graph));
    ck_assert_ptr_eq(nn_value_single_consumer(sum), node);
    ck_assert_ptr_eq(nn_value_single_consumer(scaled), nn_graph_find_node(graph, "relu"));
    ck_assert_int_eq(node->position, 1);
    ck_assert_str_eq(node->origin, "scale");
}
END_TEST

START_TEST(test_inputs) {
    nn_patch *patch;
    nn_node *mul = nn_graph_find_node(graph, "mul");
    nn_node *concat;
    nn_value *joined = add_value(graph, "joined");
    nn_attr axis = {.name = "axis", .kind = NN_ATTR_INT, .i = 0};
    ck_assert_ok(nn_graph_add_node(graph, "Concat", "", "join", (nn_value *[]){value("act")}, 1,
                                   &joined, 1, &(nn_attrs){&axis, 1}, &concat));
    ck_assert_ok(nn_patch_begin(graph, "test", "more inputs", &patch));
    nn_patch_append_input(patch, concat, value("sum"));
    nn_patch_set_input(patch, mul, 0, joined);
    ck_assert_ok(nn_patch_apply(patch));
    ck_assert_ok(nn_graph_verify(graph));
    ck_assert_int_eq(concat->in_count, 2);
    ck_assert_int_eq(joined->fact.dims[0], 10);
    ck_assert_int_eq(value("y")->fact.dims[0], 10);
    ck_assert_int_eq(value("y")->declared.rank, NN_RANK_UNKNOWN);

    axis.i = 1;
    ck_assert_ok(nn_patch_begin(graph, "test", "the other axis", &patch));
    nn_patch_set_attrs(patch, concat, &(nn_attrs){&axis, 1});
    nn_patch_set_input(patch, mul, 1, value("w"));
    char *before = text_of(graph);
    ck_assert_fails(nn_patch_apply(patch), NNOPT_BAD_INPUT, "node 'mul' (Mul)"); /* 5x6 by 3 */
    assert_unchanged(graph, before);
    ck_assert_ok(nn_patch_begin(graph, "test", "the other axis", &patch));
    nn_patch_set_attrs(patch, concat, &(nn_attrs){&axis, 1});
    ck_assert_ok(nn_patch_apply(patch));
    ck_assert_int_eq(value("y")->fact.dims[1], 6);
}
END_TEST

START_TEST(test_set_initializer) {
    nn_patch *patch;
    ck_assert_ok(nn_patch_begin(graph, "test", "another weight", &patch));
    nn_blob *blob = floats(1, 4);
    nn_patch_set_initializer(patch, value("w"), blob);
    nn_blob_release(blob);
    ck_assert_ok(nn_patch_apply(patch));
    ck_assert_float_eq(((float *)value("w")->fact.constant->data)[0], 4);

    ck_assert_ok(nn_patch_begin(graph, "test", "a weight that does not fit", &patch));
    blob = floats(4, 4);
    nn_patch_set_initializer(patch, value("w"), blob);
    char *before = text_of(graph);
    ck_assert_fails(nn_patch_apply(patch), NNOPT_BAD_INPUT, "node 'add' (Add)");
    assert_unchanged(graph, before);
    ck_assert_int_eq(blob->references, 1);
    nn_blob_release(blob);

    /* a node gives way to a constant */
    ck_assert_ok(nn_patch_begin(graph, "test", "fold", &patch));
    blob = floats(3, 4);
    nn_patch_remove_node(patch, nn_graph_find_node(graph, "relu"));
    nn_patch_set_initializer(patch, value("act"), blob);
    nn_blob_release(blob);
    ck_assert_ok(nn_patch_apply(patch));
    ck_assert_ok(nn_graph_verify(graph));
    ck_assert(nn_value_is_constant(value("act")));
    ck_assert_int_eq(value("y")->fact.rank, 1);
    ck_assert(nn_value_is_constant(value("y")));
    ck_assert_float_eq(((float *)value("y")->fact.constant->data)[2], 8);
}
END_TEST

START_TEST(test_refused) {
    nn_patch *patch;
    char *before = text_of(graph);
    ck_assert_ok(nn_patch_begin(graph, "test", "leaves a hole", &patch));
    nn_patch_remove_node(patch, nn_graph_find_node(graph, "relu"));
    ck_assert_fails(nn_patch_apply(patch), NNOPT_INTERNAL,
                    "value 'act' has no source any more, but node 'mul' reads it");
    ck_assert_ok(nn_patch_begin(graph, "test", "leaves no output", &patch));
    nn_patch_remove_node(patch, nn_graph_find_node(graph, "mul"));
    ck_assert_fails(nn_patch_apply(patch), NNOPT_INTERNAL, "graph output 'y'");
    ck_assert_ok(nn_patch_begin(graph, "test", "makes a cycle", &patch));
    nn_patch_set_input(patch, nn_graph_find_node(graph, "add"), 0, value("act"));
    ck_assert_fails(nn_patch_apply(patch), NNOPT_BAD_INPUT, "depends on the node's own output");
    ck_assert_ok(nn_patch_begin(graph, "test", "no such input", &patch));
    nn_patch_set_input(patch, nn_graph_find_node(graph, "add"), 2, value("x"));
    ck_assert_fails(nn_patch_apply(patch), NNOPT_INTERNAL, "no input 2");
    ck_assert_ok(nn_patch_begin(graph, "test", "wrong count", &patch));
    nn_patch_append_input(patch, nn_graph_find_node(graph, "add"), value("x"));
    ck_assert_fails(nn_patch_apply(patch), NNOPT_BAD_INPUT, "at most 2 inputs");
    ck_assert_ok(nn_patch_begin(graph, "test", "made twice", &patch));
    nn_value *act = value("act");
    nn_patch_node(patch, "Relu", "", "again", &act, 1, &act, 1, NULL, NULL);
    ck_assert_fails(nn_patch_apply(patch), NNOPT_BAD_INPUT, "already made by node 'relu'");
    ck_assert_ok(nn_patch_begin(graph, "test", "a bad attribute", &patch));
    nn_attr bad = {.name = "axis", .kind = NN_ATTR_FLOAT, .f = 0};
    nn_value *out = nn_patch_value(patch, "out");
    ck_assert_ptr_null(
        nn_patch_node(patch, "Concat", "", "bad", &act, 1, &out, 1, &(nn_attrs){&bad, 1}, NULL));
    ck_assert_ptr_null(nn_patch_value(patch, "more"));
    nn_patch_remove_node(patch, nn_graph_find_node(graph, "mul"));
    ck_assert_fails(nn_patch_apply(patch), NNOPT_BAD_INPUT,
                    "node 'bad' (Concat): attribute 'axis' must be an int");
    assert_unchanged(graph, before);
}
END_TEST

START_TEST(test_abort) {
    nn_patch *patch;
    char *before = text_of(graph);
    ck_assert_ok(nn_patch_begin(graph, "test", "changes its mind", &patch));
    nn_blob *blob = floats(3, 1);
    nn_value *constant = nn_patch_constant(patch, "c", blob), *out = nn_patch_value(patch, "o");
    nn_attr tensor = {.name = "t", .kind = NN_ATTR_TENSOR, .tensor = blob};
    nn_patch_node(patch, "Add", "", "n", (nn_value *[]){constant, value("x")}, 2, &out, 1,
                  &(nn_attrs){&tensor, 1}, NULL);
    nn_patch_remove_node(patch, nn_graph_find_node(graph, "add"));
    nn_patch_replace_uses(patch, value("sum"), out);
    nn_patch_abort(patch);
    ck_assert_int_eq(blob->references, 1);
    nn_blob_release(blob);
    assert_unchanged(graph, before);
    ck_assert_ptr_null(nn_graph_find(graph, "c"));
}
END_TEST

START_TEST(test_opset) {
    nn_patch *patch;
    ck_assert_ok(nn_patch_begin(graph, "test", "raise the opset", &patch));
    nn_patch_set_opset(patch, "ai.onnx", 17);
    nn_patch_set_opset(patch, "com.microsoft", 1);
    ck_assert_ok(nn_patch_apply(patch));
    ck_assert_int_eq(graph->nodes[0]->opset, 17);
    ck_assert_int_eq(nn_graph_opset(graph, "com.microsoft"), 1);
    char *before = text_of(graph);
    ck_assert_ok(nn_patch_begin(graph, "test", "raise the opset, and fail", &patch));
    nn_patch_set_opset(patch, "", 18);
    nn_patch_set_opset(patch, "other", 2);
    nn_patch_remove_node(patch, nn_graph_find_node(graph, "relu"));
    ck_assert_fails(nn_patch_apply(patch), NNOPT_INTERNAL, "'act'");
    ck_assert_int_eq(nn_graph_opset(graph, "other"), 0);
    assert_unchanged(graph, before);
}
END_TEST

START_TEST(test_prune_unused) {
    nn_value *dead = add_value(graph, "dead"), *deader = add_value(graph, "deader");
    add_node(graph, "Add", "dead1", value("sum"), add_constant(graph, "alone", 3), dead);
    add_node(graph, "Relu", "dead2", dead, NULL, deader);
    ck_assert_ok(nn_graph_prune_unused(graph, "test"));
    ck_assert_ok(nn_graph_verify(graph));
    ck_assert_int_eq(graph->node_count, 3);
    ck_assert_ptr_null(nn_graph_find(graph, "alone"));
    ck_assert_ptr_null(nn_graph_find(graph, "deader"));
    ck_assert_int_eq(value("sum")->use_count, 1);
    ck_assert_int_eq(nn_patch_log_count(graph), 1);
    ck_assert_ok(nn_graph_prune_unused(graph, "test"));
    ck_assert_int_eq(nn_patch_log_count(graph), 1);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("patch");
    TCase *tests = tcase_create("patch");
    tcase_add_checked_fixture(tests, make_test_graph, destroy_test_graph);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, test_insert);
    tcase_add_test(tests, test_replace_output);
    tcase_add_test(tests, test_replace_output_by_input);
    tcase_add_test(tests, test_insert_behind);
    tcase_add_test(tests, test_inputs);
    tcase_add_test(tests, test_set_initializer);
    tcase_add_test(tests, test_refused);
    tcase_add_test(tests, test_abort);
    tcase_add_test(tests, test_opset);
    tcase_add_test(tests, test_prune_unused);
    suite_add_tcase(suite, tests);
    return suite;
}
