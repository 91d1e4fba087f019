/* A small graph, y = relu(x + w) * s, for tests of patches, and its text. */
#ifndef TESTS_PATCH_GRAPH_H
#define TESTS_PATCH_GRAPH_H

#include "engine/graph/patch.h"

/* Of this test: made before it, destroyed behind it. */
extern nn_graph *graph;
void make_test_graph(void);
void destroy_test_graph(void);

nn_graph *make_graph(void);
nn_blob *floats(int64_t count, float value);
nn_value *value(const char *name); /* of `graph`; fails the test where there is none */
nn_value *add_value(nn_graph *owner, const char *name);
nn_value *add_constant(nn_graph *owner, const char *name, int64_t count);
/* `b` NULL: one input. */
nn_node *add_node(nn_graph *owner, const char *type, const char *name, nn_value *a, nn_value *b,
                  nn_value *y);

/* All that a patch could change, of bodies too; the caller frees it. */
char *text_of(const nn_graph *g);
/* Frees `before`. */
void assert_unchanged(const nn_graph *g, char *before);

#endif
