/* Folding BatchNormalization into the convolution or matrix product in front of it:
 *
 *     s = scale / sqrt(variance + epsilon)    w' = w s    bias' = (bias - mean) s + shift
 *
 * per output channel, computed in double precision. */
#ifndef NN_FOLD_BATCH_NORM_H
#define NN_FOLD_BATCH_NORM_H

#include "engine/graph/graph.h"

/* `into` takes over the work of `node`, which is about to be removed. */
typedef nn_status (*nn_merge_function)(void *user, const nn_node *into, const nn_node *node);

/* Folds every BatchNormalization (inference mode, constant float parameters) whose input is made by
 * a Conv, ConvTranspose or Gemm with constant float weights and bias and read by nothing else; one
 * patch of `pass` each. The convolution keeps its name and makes the value that the normalisation
 * made. Weights that others read too stay theirs. `merged` is told beforehand; NULL: nobody asks.
 * `defers`: large weights are made when they are pinned, so that a plan that packs them never has
 * the memory of all; not for graphs that are saved. */
nn_status nn_graph_fold_batch_norm(nn_graph *graph, const char *pass, bool defers,
                                   nn_merge_function merged, void *user);

/* The same for Mul and Div by a float constant with one element a channel, or one in all; the node
 * in front may be a MatMul with a constant matrix, too. */
nn_status nn_graph_fold_scale(nn_graph *graph, const char *pass, bool defers,
                              nn_merge_function merged, void *user);

#endif
