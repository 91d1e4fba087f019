/* Gradient nodes become nodes of the standard, by reverse-mode differentiation. */
#ifndef NN_GRADIENT_H
#define NN_GRADIENT_H

#include "engine/graph/graph.h"

/* Replaces every Gradient of an inferred graph, in order, so that gradients of gradients are found.
 * What lies between the named tensors and y is computed again where the inputs are others than the
 * named tensors. A y with more than one element stands for the sum of them. NN_BAD_INPUT for names
 * that the graph has not, NN_UNSUPPORTED names an operator without a gradient on the way. */
nn_status nn_graph_expand_gradients(nn_graph *graph, const char *pass);

#endif
