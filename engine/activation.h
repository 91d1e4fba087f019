/* Which nodes are activations, and which activation. */
#ifndef NN_ACTIVATION_H
#define NN_ACTIVATION_H

#include "engine/graph.h"

/* True when output 0 of the node is an activation of its input 0 alone (bounds of Clip must be
 * constants), for float32. */
bool nn_match_activation(const nn_node *node, nn_activation *out);

/* Attributes of the operator Activation (domain nnopt), which is any of them as a node of its own.
 * `items` has room for 3. */
nn_attrs nn_activation_attrs(nn_activation activation, nn_attr *items);

#endif
