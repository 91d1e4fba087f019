#include "engine/graph/patch.h"
#include "tests/support/runner.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- a small graph: y = relu(x + w) * s, with its text ---- */

static nn_graph *graph;

static nn_blob *floats(int64_t count, float value) {
    nn_blob *blob;
    ck_assert_ok(nn_blob_create(NNOPT_FLOAT, &count, 1, &blob));
    for (int64_t i = 0; i < count; i++) ((float *)blob->tensor.data)[i] = value;
    return blob;
}

static nn_value *value(const char *name) {
    nn_value *found = nn_graph_find(graph, name);
    ck_assert_msg(found != NULL, "no value '%s'", name);
    return found;
}

static nn_value *add_value(nn_graph *owner, const char *name) {
    nn_value *made;
    ck_assert_ok(nn_graph_add_value(owner, name, &made));
    return made;
}

static nn_value *add_constant(nn_graph *owner, const char *name, int64_t count) {
    nn_value *made = add_value(owner, name);
    nn_blob *blob = floats(count, 2);
    ck_assert_ok(nn_graph_set_initializer(owner, made, blob));
    nn_blob_release(blob);
    return made;
}

static nn_node *add_node(nn_graph *owner, const char *type, const char *name, nn_value *a,
                         nn_value *b, nn_value *y) {
    nn_node *node;
    ck_assert_ok(nn_graph_add_node(owner, type, "", name, (nn_value *[]){a, b}, b ? 2 : 1, &y, 1,
                                   NULL, &node));
    return node;
}

static nn_graph *make_graph(void) {
    nn_graph *made;
    ck_assert_ok(nn_graph_create("g", &made));
    ck_assert_ok(nn_graph_set_opset(made, "", 13));
    nn_value *x = add_value(made, "x");
    x->declared = nn_fact_make(NNOPT_FLOAT, 2, (int64_t[]){5, 3});
    ck_assert_ok(nn_graph_add_input(made, x));
    nn_value *w = add_constant(made, "w", 3), *s = add_constant(made, "s", 1);
    nn_value *sum = add_value(made, "sum"), *act = add_value(made, "act"),
             *y = add_value(made, "y");
    add_node(made, "Add", "add", x, w, sum);
    add_node(made, "Relu", "relu", sum, NULL, act);
    add_node(made, "Mul", "mul", act, s, y);
    ck_assert_ok(nn_graph_add_output(made, y));
    ck_assert_ok(nn_graph_infer(made));
    ck_assert_ok(nn_graph_verify(made));
    return made;
}

static void setup(void) {
    graph = make_graph();
}
static void teardown(void) {
    nn_graph_destroy(graph);
}

static void print_value(FILE *out, const nn_value *v) {
    char text[256];
    if (v == NULL) {
        fprintf(out, " -");
        return;
    }
    fprintf(out, " %s[%s%s%s%s", v->name, nn_fact_text(&v->fact, text, sizeof text),
            v->is_output ? " out" : "", v->initializer ? " init" : "",
            v->fact.constant ? " const" : "");
    if (v->initializer != NULL)
        fprintf(out, " %llu refs %lld", (unsigned long long)v->initializer->id,
                (long long)v->initializer->references);
    for (int64_t i = 0; i < v->use_count; i++)
        fprintf(out, " %s.%d", v->uses[i].node->name, v->uses[i].input);
    fprintf(out, "]");
}

static void print_graph(FILE *out, const nn_graph *g) {
    fprintf(out, "opset %d log %lld values %lld\n", nn_graph_opset(g, ""),
            (long long)nn_patch_log_count(g), (long long)g->value_count);
    for (int64_t i = 0; i < g->node_count; i++) {
        const nn_node *n = g->nodes[i];
        fprintf(out, "%lld %s %s from %s opset %d:", (long long)n->position, n->name, n->op_type,
                n->origin, n->opset);
        for (int k = 0; k < n->in_count; k++) print_value(out, n->inputs[k]);
        for (int64_t k = 0; k < n->capture_count; k++) print_value(out, n->captures[k]);
        fprintf(out, " ->");
        for (int k = 0; k < n->out_count; k++) print_value(out, n->outputs[k]);
        fprintf(out, "\n");
        ck_assert_int_eq(n->mark, 0);
        for (int64_t k = 0; k < n->attrs.count; k++)
            if (n->attrs.items[k].kind == NN_ATTR_GRAPH) print_graph(out, n->attrs.items[k].graph);
    }
    for (int64_t i = 0; i < g->output_count; i++) print_value(out, g->outputs[i]);
    for (int64_t i = 0; i < g->value_count; i++) ck_assert_int_eq(g->values[i]->mark, 0);
    fprintf(out, "\n");
}

static char *text_of(const nn_graph *g) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    ck_assert_ptr_nonnull(out);
    print_graph(out, g);
    fclose(out);
    return text;
}

static void assert_unchanged(const nn_graph *g, char *before) {
    ck_assert_ok(nn_graph_verify(g));
    char *after = text_of(g);
    ck_assert_str_eq(after, before);
    free(after);
    free(before);
}

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
        teardown();
        setup();
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
    Suite *suite = suite_create("patch");
    TCase *tests = tcase_create("patch");
    tcase_add_checked_fixture(tests, setup, teardown);
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
    tcase_add_test(tests, test_captured);
    tcase_add_test(tests, test_remove_body);
    tcase_add_test(tests, test_out_of_memory);
    tcase_add_test(tests, test_random_edits);
    tcase_add_test(tests, test_many);
    suite_add_tcase(suite, tests);
    return suite;
}
