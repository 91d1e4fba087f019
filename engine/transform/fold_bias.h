/* Folding the addition of a constant per output channel into the node in front of it: the bias of
 * Conv, ConvTranspose and Gemm; a MatMul of two matrices becomes a Gemm. */
#ifndef NN_FOLD_BIAS_H
#define NN_FOLD_BIAS_H

#include "engine/graph/graph.h"

/* Told of each Add, and of each MatMul that a Gemm replaces, before it is removed: `into` takes
 * over the work of `node`. NULL: nobody asks. */
typedef nn_status (*nn_bias_merge_function)(void *user, const nn_node *into, const nn_node *node);

/* One patch of `pass` for each Add whose one operand is made by such a node (with constant float
 * weights, read by nothing else) and whose other is a float32 constant with one element a channel,
 * or one in all. The front node keeps its name (a Gemm in place of a MatMul has a new one) and
 * makes the value that the Add made. */
nn_status nn_graph_fold_bias(nn_graph *graph, const char *pass, nn_bias_merge_function merged,
                             void *user);

#endif
