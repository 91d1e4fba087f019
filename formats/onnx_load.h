/* Steps of building a graph from unpacked ONNX messages. Only onnx_load*.c include this. */
#ifndef NN_ONNX_LOAD_H
#define NN_ONNX_LOAD_H

#include "engine/graph/graph.h"
#include "engine/graph/name_table.h"
#include "formats/onnx_tensor.h"

typedef struct nn_loader {
    nn_tensor_source source;
    nn_arena arena;          /* messages and everything that ends with loading */
    nn_name_table functions; /* "domain\nname\noverload" -> Onnx__FunctionProto */
    int64_t inlined_nodes;
} nn_loader;

/* Where names of nodes are looked up. A plain graph or body: in the graph. A call of a function and
 * the bodies inside it: in `names`, since inlined values get new names; `outer` leads out of a body
 * to the call. */
typedef struct nn_load_scope {
    nn_loader *loader;
    nn_graph *graph;
    struct nn_load_scope *outer; /* NULL in plain graphs and in the call itself */
    nn_name_table *names; /* of values, &nn_load_absent for inputs not given; NULL: the graph's */
    const char *prefix;   /* of new names, "" in plain graphs */
    /* The call that attribute references stand for; NULL outside functions. */
    const Onnx__FunctionProto *function;
    const Onnx__NodeProto *call;
    struct nn_load_scope *caller;
    int depth;    /* of calls */
    bool is_call; /* the call itself, not a body inside */
} nn_load_scope;

extern nn_value nn_load_absent;
/* The number of a name table's entry for an output of the call. */
enum { NN_LOAD_BOUND_OUTPUT = 1 };

static inline const char *nn_load_text(const char *text) {
    return text != NULL ? text : "";
}

/* ---- onnx_load_graph.c ---- */

/* Fills `scope->graph` with everything of `proto`: values, initialisers, nodes; sorts it. */
nn_status nn_load_graph(nn_load_scope *scope, const Onnx__GraphProto *proto);
/* The value that `name` means for a node of the scope, NULL for an absent input ("" or not given).
 */
nn_status nn_load_find_value(nn_load_scope *scope, const char *name, nn_value **out);
/* A new value for `name`, under a name that is free in the whole model when inlined. */
nn_status nn_load_new_value(nn_load_scope *scope, const char *name, nn_value **out);
/* The fact of a type: of containers, that they are one; unknown for opaque and sparse types. */
nn_status nn_load_fact(nn_graph *graph, const char *name, const Onnx__TypeProto *proto,
                       nn_fact *out);

/* ---- onnx_load_node.c ---- */

/* Values for the outputs of all nodes that have none yet. */
nn_status nn_load_declare_outputs(nn_load_scope *scope, Onnx__NodeProto *const *nodes,
                                  size_t count);
nn_status nn_load_nodes(nn_load_scope *scope, Onnx__NodeProto *const *nodes, size_t count);
/* Packs what is left of a message into `arena`; *bytes NULL when that is nothing. */
nn_status nn_load_rest(const ProtobufCMessage *message, nn_arena *arena, const void **bytes,
                       size_t *size);

/* ---- onnx_load_function.c ---- */

nn_status nn_load_functions(nn_loader *loader, nn_graph *graph, const Onnx__ModelProto *proto);
/* The function that a node calls, or NULL. */
nn_status nn_load_find_function(nn_loader *loader, const Onnx__NodeProto *node,
                                const Onnx__FunctionProto **out);
nn_status nn_load_call(nn_load_scope *scope, const Onnx__NodeProto *node,
                       const Onnx__FunctionProto *function);
/* Follows attribute references out through the calls. *out NULL: the attribute is not given.
 * `where`: the scope in which its graphs find names. */
nn_status nn_load_resolve_attribute(nn_load_scope *scope, const Onnx__AttributeProto *proto,
                                    const Onnx__AttributeProto **out, nn_load_scope **where);

#endif
