/* Constant folding: nodes whose inputs are constants give way to initialisers. */
#ifndef NN_FOLD_H
#define NN_FOLD_H

#include "engine/graph/graph.h"

typedef enum nn_fold_flags {
    /* DequantizeLinear of constants is folded, too: quantised weights become float. */
    NN_FOLD_DEQUANTIZE = 1,
    /* ConstantOfShape is folded up to 128 MB each: weights that a model leaves out. For plans,
     * which need the memory anyway; a saved model would grow. */
    NN_FOLD_FILLED = 2,
} nn_fold_flags;

/* Folds in one patch of `pass`; facts must have been inferred. Nodes whose results are known from
 * shapes alone (Shape of a fixed shape) are folded as well. Stay: impure operators, nodes with
 * bodies, DequantizeLinear unless asked for and what depends on it, operators without a kernel, and
 * nodes that would make the model grow: results over 1 MB that are more than 8 times as large as
 * what the node reads, or over twice the initialisers of the graph and 64 MB in sum.
 *
 * Results are those of the portable kernels, the same on every machine. Constant nodes with a
 * tensor share it. A node that cannot be computed (an index out of range) is an error. */
nn_status nn_graph_fold_constants(nn_graph *graph, const char *pass, unsigned flags);

#endif
