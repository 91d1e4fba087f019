/* The model graph: portable, ONNX semantics; what is loaded, transformed and saved.
 *
 * Only engine/patch.h changes a graph after it is built. Nodes stand in topological order. Values
 * and nodes live in the graph's arena and never move; removed ones are unlinked. */
#ifndef NN_GRAPH_H
#define NN_GRAPH_H

#include "ops/op.h"

typedef struct nn_graph nn_graph;
typedef struct nn_node nn_node;
typedef struct nn_value nn_value;

typedef struct nn_use { /* node->inputs[input] is the value */
    nn_node *node;
    int input;
} nn_use;

struct nn_value {
    const char *name;  /* unique in the graph; "" never occurs (absent inputs are NULL) */
    int64_t id;        /* index in graph->values */
    nn_fact fact;      /* as declared or inferred; constant points to the initialiser's tensor */
    nn_node *producer; /* NULL: graph input, initialiser, or captured from an outer graph */
    int producer_output;
    nn_blob *initializer; /* owned reference, or NULL */
    bool is_input, is_output, is_captured;
    nn_use *uses;
    int64_t use_count, use_capacity;
    nn_fact declared; /* what the file states (value_info, inputs, outputs); type NONE and rank
                         unknown if nothing */
    /* What the file says of the value beside name, type, shape and data: serialised, for a round trip. */
    const void *unknown_fields;
    size_t unknown_size;
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
    nn_epilogue epilogue; /* plans only */
    /* The node of the loaded model this one came from, through fusion, Q/DQ, pruning and rewrites:
     * the key of every report row. Own name for loaded nodes. */
    const char *origin;
    const char *doc;
    int64_t position;           /* index in graph->nodes */
    const void *unknown_fields; /* serialised, kept for a round trip */
    size_t unknown_size;
};

typedef struct nn_opset_import {
    const char *domain;
    int64_t version;
} nn_opset_import;

struct nn_graph {
    nn_arena arena;
    const char *name;
    nn_graph *parent; /* of a subgraph; NULL at the top */
    nn_node **nodes;
    int64_t node_count, node_capacity;
    nn_value **values;
    int64_t value_count, value_capacity; /* includes unlinked values with no name use */
    nn_value **inputs, **outputs;
    int64_t input_count, output_count;
    const char **symbols; /* names of symbolic dims: nn_dim_symbol(i) is symbols[i] */
    int64_t symbol_count, symbol_capacity;
    nn_opset_import *opsets; /* shared by subgraphs (top level owns) */
    int64_t opset_count;
    struct nn_name_table *names; /* value name -> value */
    struct nn_patch_log *log;    /* what changed since loading */
    const void *unknown_fields;  /* serialised, kept for a round trip */
    size_t unknown_size;
};

/* ---- building (loaders and tests; transforms use patches) ---- */

nn_status nn_graph_create(const char *name, nn_graph **out);
void nn_graph_destroy(nn_graph *graph);
/* A deep copy of structure; initialisers are shared. */
nn_status nn_graph_clone(const nn_graph *graph, nn_graph **out);

nn_status nn_graph_set_opset(nn_graph *graph, const char *domain, int64_t version);
int nn_graph_opset(const nn_graph *graph, const char *domain); /* 0: not imported */
/* The symbol with this name, made when new. */
nn_status nn_graph_symbol(nn_graph *graph, const char *name, int64_t *dim);

nn_value *nn_graph_find(const nn_graph *graph, const char *name); /* or NULL */
nn_status nn_graph_add_value(nn_graph *graph, const char *name,
                             nn_value **out); /* name must be new */
nn_status nn_graph_add_input(nn_graph *graph, nn_value *value);
nn_status nn_graph_add_output(nn_graph *graph, nn_value *value);
nn_status nn_graph_set_initializer(nn_graph *graph, nn_value *value, nn_blob *blob); /* retains */
/* Appends a node: copies attributes (retaining tensors, taking subgraphs), links uses, finds op and
 * parses attributes. `name` may be NULL or taken: a unique one is made. */
nn_status nn_graph_add_node(nn_graph *graph, const char *op_type, const char *domain,
                            const char *name, nn_value *const *inputs, int in_count,
                            nn_value *const *outputs, int out_count, const nn_attrs *attrs,
                            nn_node **out);
/* Sorts nodes topologically (stable); NN_BAD_INPUT names a node of a cycle. */
nn_status nn_graph_sort(nn_graph *graph);
/* A name that no value / node of the graph has, from a stem. */
nn_status nn_graph_unique_name(nn_graph *graph, const char *stem, const char **out);

/* The view of a node for operator functions; `storage` holds its arrays and must outlive it. */
typedef struct nn_view_storage {
    const nn_fact *in[64];
    nn_fact *out[64];
    const nn_fact **in_heap; /* when there are more: clear with nn_view_clear */
    nn_fact **out_heap;
} nn_view_storage;
nn_status nn_node_view_init(const nn_node *node, nn_view_storage *storage, nn_node_view *out);
void nn_node_view_clear(nn_view_storage *storage);

static inline bool nn_value_is_constant(const nn_value *value) {
    return value != NULL && value->fact.constant != NULL;
}
/* The one node that reads the value, or NULL when there are none, several, or it is an output. */
nn_node *nn_value_single_consumer(const nn_value *value);

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
