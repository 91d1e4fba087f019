/* Steps of building a graph that its builder, patches and clones share. No one else includes this.
 */
#ifndef NN_GRAPH_PARTS_H
#define NN_GRAPH_PARTS_H

#include "engine/graph/graph.h"
#include "engine/graph/name_table.h"

/* The outermost graph, whose arena holds all names. */
static inline nn_graph *nn_graph_top(nn_graph *graph) {
    while (graph->parent != NULL) graph = graph->parent;
    return graph;
}

/* "" for "ai.onnx". */
const char *nn_domain_normalise(const char *domain);
/* Makes `name` one that nn_graph_unique_name will not give. `name` lives as long as the top graph.
 */
nn_status nn_graph_take_name(nn_graph *graph, const char *name);

/* A value that is not in the graph yet; linking gives it an id and puts it in the name table. */
nn_status nn_value_make(nn_graph *graph, const char *name, nn_value **out);
nn_status nn_value_link(nn_graph *graph, nn_value *value);
nn_status nn_value_add_use(nn_graph *graph, nn_value *value, nn_node *node, int input);
void nn_value_drop_use(nn_value *value, const nn_node *node, int input);
/* Drops the initialiser and its pin; the fact loses its constant. */
void nn_value_clear_initializer(nn_value *value);
/* Retains and stores; pins when small. */
nn_status nn_value_take_initializer(nn_value *value, nn_blob *blob);

/* A node that is not in the graph yet (position -1), with its own copy of attributes, its op, and
 * its captures found, but no links. Takes bodies, also on failure. */
nn_status nn_node_make(nn_graph *graph, const char *op_type, const char *domain, const char *name,
                       nn_value *const *inputs, int in_count, nn_value *const *outputs,
                       int out_count, const nn_attrs *attrs, nn_node **out);
/* Finds op and opset, parses attributes. */
nn_status nn_node_resolve(nn_graph *graph, nn_node *node);
/* Copies into the arena; retains tensors, keeps the pointers to bodies. Releases nothing on
 * failure. */
nn_status nn_attrs_copy(nn_arena *arena, const nn_attrs *attrs, nn_attrs *out);
/* Releases tensors and destroys bodies. */
void nn_attrs_release(const nn_attrs *attrs);
void nn_attrs_destroy_bodies(const nn_attrs *attrs);
/* Finds what the bodies in node->attrs read of `graph`. */
nn_status nn_node_find_captures(nn_graph *graph, nn_node *node);
/* Uses of its inputs and captures, producer of its outputs, place at the end. */
nn_status nn_node_link(nn_graph *graph, nn_node *node);

bool nn_node_has_body(const nn_node *node);
/* Counts of inputs and outputs as the operator wants them, none of the required ones absent. */
nn_status nn_node_check_arity(const nn_node *node);
/* What is known of the node's outputs, from its inputs alone: out_count facts. */
nn_status nn_node_infer(nn_graph *graph, const nn_node *node, nn_fact *facts);
/* Fills what inference left open; false (and nothing done) when the two contradict each other. */
bool nn_fact_add_declared(nn_fact *fact, const nn_fact *declared);
bool nn_fact_equal(const nn_fact *a, const nn_fact *b); /* constants by address */

/* Appends to an array of pointers in an arena, which doubles at powers of two. */
nn_status nn_arena_append(nn_arena *arena, void ***items, int64_t count, void *item);
#define NN_ARENA_APPEND(arena, items, count, item)                                                 \
    nn_arena_append((arena), (void ***)&(items), (count), (item))

struct nn_patch_log {
    struct nn_patch_record **records; /* in the top graph's arena */
    int64_t count;
};
/* Copies all texts. */
nn_status nn_patch_log_add(nn_graph *graph, const char *pass, const char *reason,
                           const char *const *nodes, int64_t node_count);
nn_status nn_patch_log_copy(const nn_graph *from, nn_graph *to);

#endif
