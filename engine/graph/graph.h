/* The model graph: portable, ONNX semantics; what is loaded, transformed and saved.
 *
 * Only engine/graph/patch.h changes a graph after it is built. Nodes stand in topological order.
 * Values and nodes live in the graph's arena and never move; removed ones are unlinked. */
#ifndef NN_GRAPH_H
#define NN_GRAPH_H

#include "ops/op.h"

typedef struct nn_graph nn_graph;
typedef struct nn_node nn_node;
typedef struct nn_value nn_value;

enum { NN_USE_CAPTURE = -1 };

/* node->inputs[input] is the value; NN_USE_CAPTURE: a body of the node reads it by name. */
typedef struct nn_use {
    nn_node *node;
    int input;
} nn_use;

struct nn_value {
    const char *name; /* unique in the graph; "" never occurs (absent inputs are NULL) */
    int64_t id;       /* index in graph->values */
    /* As declared or inferred. `constant` points to the initialiser's tensor, or to a value that
     * inference computed; NN_SMALL_CONSTANT says when its data is aligned. */
    nn_fact fact;
    nn_node *producer; /* NULL: graph input, initialiser, or captured from an outer graph */
    int producer_output;
    nn_blob *initializer; /* owned reference, or NULL */
    bool is_input, is_output, is_captured;
    bool is_pinned;  /* holds a pin of the initialiser (nn_value_pin) */
    nn_value *outer; /* captured: the value of graph->parent that is meant */
    nn_use *uses;
    int64_t use_count, use_capacity;
    /* What the file states (value_info, inputs, outputs); type NONE and rank unknown if nothing. */
    nn_fact declared;
    /* What the file says of the value beside name, type, shape and data: serialised, for a round
     * trip. */
    const void *unknown_fields;
    size_t unknown_size;
    int64_t mark; /* scratch of the function that edits the graph; 0 between */
};

struct nn_node {
    const char *
        name; /* unique in the graph; made from the operator and an output when the file has none */
    const char *op_type; /* "Conv" */
    const char *domain;  /* "" is ai.onnx */
    const nn_op *op; /* NULL: not known to this build (a placeholder: loads, saves, cannot run) */
    void *attrs_parsed; /* op->attr_size bytes, or NULL */
    nn_attrs attrs;
    int opset;
    int in_count, out_count;
    nn_value **inputs; /* NULL where absent */
    nn_value **outputs;
    /* Values of this graph that the node's bodies read, at any depth: implicit inputs. */
    nn_value **captures;
    int64_t capture_count;
    nn_epilogue epilogue; /* plans only */
    /* The node of the loaded model this one came from, through fusion, Q/DQ, pruning and rewrites:
     * the key of every report row. Own name for loaded nodes. */
    const char *origin;
    const char *doc;
    int64_t position;           /* index in graph->nodes */
    const void *unknown_fields; /* serialised, kept for a round trip */
    size_t unknown_size;
    int64_t mark; /* as of values */
};

typedef struct nn_opset_import {
    const char *domain;
    int64_t version;
} nn_opset_import;

struct nn_graph {
    nn_arena arena;
    const char *name;
    nn_graph *parent; /* of a body (subgraph); NULL at the top */
    int depth;        /* 0 at the top */
    nn_node **nodes;
    int64_t node_count, node_capacity;
    nn_value **values; /* unlinked ones stay, so that ids do: see nn_value_is_linked */
    int64_t value_count, value_capacity;
    nn_value **inputs, **outputs;
    int64_t input_count, output_count;
    const char **symbols; /* top only: names of symbolic dims; nn_dim_symbol(i) is symbols[i] */
    int64_t symbol_count, symbol_capacity;
    nn_opset_import *opsets; /* top only */
    int64_t opset_count;
    struct nn_name_table *names;        /* value name -> value */
    struct nn_name_table *node_names;   /* node name -> node */
    struct nn_name_table *symbol_names; /* top only: name -> symbol */
    struct nn_name_table *taken; /* top only: every name ever used in any graph, for new ones */
    struct nn_patch_log *log;    /* what changed since loading; NULL: nothing */
    const void *unknown_fields;  /* serialised, kept for a round trip */
    size_t unknown_size;
};

/* ---- building (loaders and tests; transforms use patches) ---- */

enum { NN_MAX_GRAPH_DEPTH = 64 };

nn_status nn_graph_create(const char *name, nn_graph **out);
/* A body of a node-to-be of `parent`: hand it to nn_graph_add_node of `parent` as an attribute.
 * Bodies share symbols and opsets of the top graph. NN_BAD_INPUT below NN_MAX_GRAPH_DEPTH. */
nn_status nn_graph_create_body(nn_graph *parent, const char *name, nn_graph **out);
void nn_graph_destroy(nn_graph *graph); /* with its bodies; NULL allowed */
/* A deep copy of structure, of a top graph; initialisers are shared, the log is copied. */
nn_status nn_graph_clone(const nn_graph *graph, nn_graph **out);

/* A body as a graph of its own: what it captures and is no initialiser becomes a graph input, after
 * its own inputs; initialisers are shared. captured[i] (room for body->value_count) is the value of
 * the parent graph that the i-th of these inputs stands for. */
nn_status nn_graph_clone_body(const nn_graph *body, nn_graph **out, const nn_value **captured,
                              int64_t *captured_count);

/* "ai.onnx" is "" in all functions that take a domain. */
nn_status nn_graph_set_opset(nn_graph *graph, const char *domain, int64_t version);
int nn_graph_opset(const nn_graph *graph,
                   const char *domain); /* 0: not imported; "nnopt": newest */
/* The symbol with this name, made when new. */
nn_status nn_graph_symbol(nn_graph *graph, const char *name, int64_t *dim);
const char *nn_graph_symbol_name(const nn_graph *graph, int64_t dim); /* NULL: not a symbol */

nn_value *nn_graph_find(const nn_graph *graph, const char *name);     /* own values only; or NULL */
nn_node *nn_graph_find_node(const nn_graph *graph, const char *name); /* or NULL */
/* What a node of `graph` means by `name`: the graph's own value, or the innermost enclosing
 * graph's, which is then captured here (and in the graphs between). *out NULL: no such value. Add
 * all own values of the enclosing graphs before resolving names in a body. */
nn_status nn_graph_resolve(nn_graph *graph, const char *name, nn_value **out);
/* Adds a value of unknown shape; NN_BAD_INPUT when the name is empty or taken in this graph. */
nn_status nn_graph_add_value(nn_graph *graph, const char *name, nn_value **out);
/* NN_BAD_INPUT for a value that is produced or an initialiser. (Files before IR 4 list initialisers
 * as inputs, too: their loader leaves those inputs out.) */
nn_status nn_graph_add_input(nn_graph *graph, nn_value *value);
nn_status nn_graph_add_output(nn_graph *graph, nn_value *value);
/* Retains `blob`; the value's fact becomes the tensor. */
nn_status nn_graph_set_initializer(nn_graph *graph, nn_value *value, nn_blob *blob);
/* Appends a node: copies attributes (retaining tensors; bodies are taken, also on failure), links
 * uses and what bodies capture, finds op and parses attributes. `name` may be NULL or taken: a
 * unique one is made. NN_BAD_INPUT when an output is produced twice or an attribute is wrong. */
nn_status nn_graph_add_node(nn_graph *graph, const char *op_type, const char *domain,
                            const char *name, nn_value *const *inputs, int in_count,
                            nn_value *const *outputs, int out_count, const nn_attrs *attrs,
                            nn_node **out);
/* Sorts nodes topologically, in linear time, changing as little as possible of their order;
 * NN_BAD_INPUT names a node of a cycle. */
nn_status nn_graph_sort(nn_graph *graph);
/* A name that no value or node of the whole model has, from a stem; never given twice. */
nn_status nn_graph_unique_name(nn_graph *graph, const char *stem, const char **out);

/* The view of a node for operator functions; `storage` holds its arrays and must outlive it. */
typedef struct nn_view_storage {
    const nn_fact *in[64];
    nn_fact *out[64];
    const nn_fact **in_heap; /* when there are more: clear with nn_node_view_clear */
    nn_fact **out_heap;
} nn_view_storage;
/* The node with these facts in place of its values' own; its epilogue included. */
static inline nn_node_view nn_node_view_of(const nn_node *node, const nn_fact *const *in,
                                           nn_fact *const *out) {
    return (nn_node_view){.name = node->name,
                          .op = node->op,
                          .attrs = node->attrs_parsed,
                          .opset = node->opset,
                          .in_count = node->in_count,
                          .out_count = node->out_count,
                          .in = in,
                          .out = out,
                          .epilogue = node->epilogue};
}
nn_status nn_node_view_init(const nn_node *node, nn_view_storage *storage, nn_node_view *out);
void nn_node_view_clear(nn_view_storage *storage);

static inline bool nn_value_is_constant(const nn_value *value) {
    return value != NULL && value->fact.constant != NULL;
}
/* False for a value that edits took out of the graph: nothing makes it and nothing reads it. */
bool nn_value_is_linked(const nn_value *value);
/* The one node that reads the value as an input, once, or NULL when there are none, several, or it
 * is an output of the graph or read by a body. */
nn_node *nn_value_single_consumer(const nn_value *value);

/* ---- constants that are not aligned in their file ---- */

/* Tensors in a mapped file lie at any address. fact.constant is aligned to its elements where it
 * has at most this many bytes (so inference and `accepts` may read scales, shapes and axes), and
 * where it is pinned; reading larger data asks for a pin first. */
enum { NN_SMALL_CONSTANT = 64 * 1024 };

/* Makes fact.constant aligned until unpin (or the end of the graph). Only for graphs that one
 * thread owns: a plan's or pass's clone. Readers of a shared model pin the blob (nn_blob_pin)
 * instead. Nothing happens to a value that is no initialiser or is aligned or pinned. */
nn_status nn_value_pin(nn_value *value);
void nn_value_unpin(nn_value *value);
nn_status nn_graph_pin_constants(nn_graph *graph); /* all of them */

/* ---- checks and inference ---- */

/* Every rule of a well-formed graph: order, links, names, counts, opset versions, outputs produced.
 */
nn_status nn_graph_verify(const nn_graph *graph);
nn_status nn_graph_verify_node(const nn_graph *graph, const nn_node *node);

/* Infers facts of all values from inputs and initialisers, in order; nodes without a descriptor
 * leave their outputs as declared. Small integer values are evaluated, so that shapes computed
 * inside the graph are followed. Contradictions with declared shapes are warnings in the log, never
 * errors. */
nn_status nn_graph_infer(nn_graph *graph);

#endif
