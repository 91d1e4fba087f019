/* Which nodes are activations, and which activation. */
#ifndef NN_ACTIVATION_H
#define NN_ACTIVATION_H

#include "engine/graph/graph.h"
#include "ops/family/activation.h"

/* True when output 0 of the node is an activation of *x alone, for float32: an operator of one
 * input (bounds of Clip must be constants), or Add, Sub, Mul, Div with a constant number. */
bool nn_match_activation(const nn_node *node, nn_value **x, nn_activation *out);

/* `value` as a number: a float constant of one element that broadcasts to any shape that `like` has
 * without changing it. */
bool nn_scalar_constant(const nn_value *value, const nn_value *like, float *out);

/* Attributes of the operator Activation (domain nnopt), which is any of them as a node of its own.
 * `items` has room for 3. */
nn_attrs nn_activation_attrs(nn_activation activation, nn_attr *items);

/* Attributes of operators that take a chain of activations; they point into `storage`. */
typedef struct nn_chain_storage {
    nn_attr items[3];
    nn_text kinds[NN_MOST_ACTIVATIONS];
    float alphas[NN_MOST_ACTIVATIONS], betas[NN_MOST_ACTIVATIONS];
} nn_chain_storage;
nn_attrs nn_activation_chain_attrs(const nn_activation_chain *chain, nn_chain_storage *storage);

#endif
