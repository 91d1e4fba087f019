#include "tests/support/patch_graph.h"

#include "tests/support/runner.h"

#include <stdio.h>
#include <stdlib.h>

nn_graph *graph;

nn_blob *floats(int64_t count, float value) {
    nn_blob *blob;
    ck_assert_ok(nn_blob_create(NNOPT_FLOAT, &count, 1, &blob));
    for (int64_t i = 0; i < count; i++) ((float *)blob->tensor.data)[i] = value;
    return blob;
}

nn_value *value(const char *name) {
    nn_value *found = nn_graph_find(graph, name);
    ck_assert_msg(found != NULL, "no value '%s'", name);
    return found;
}

nn_value *add_value(nn_graph *owner, const char *name) {
    nn_value *made;
    ck_assert_ok(nn_graph_add_value(owner, name, &made));
    return made;
}

nn_value *add_constant(nn_graph *owner, const char *name, int64_t count) {
    nn_value *made = add_value(owner, name);
    nn_blob *blob = floats(count, 2);
    ck_assert_ok(nn_graph_set_initializer(owner, made, blob));
    nn_blob_release(blob);
    return made;
}

nn_node *add_node(nn_graph *owner, const char *type, const char *name, nn_value *a, nn_value *b,
                  nn_value *y) {
    nn_node *node;
    ck_assert_ok(nn_graph_add_node(owner, type, "", name, (nn_value *[]){a, b}, b ? 2 : 1, &y, 1,
                                   NULL, &node));
    return node;
}

nn_graph *make_graph(void) {
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

void make_test_graph(void) {
    graph = make_graph();
}
void destroy_test_graph(void) {
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

char *text_of(const nn_graph *g) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    ck_assert_ptr_nonnull(out);
    print_graph(out, g);
    fclose(out);
    return text;
}

void assert_unchanged(const nn_graph *g, char *before) {
    ck_assert_ok(nn_graph_verify(g));
    char *after = text_of(g);
    ck_assert_str_eq(after, before);
    free(after);
    free(before);
}
