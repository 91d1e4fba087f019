/* Would a node compute with other types? */
#ifndef NN_RETYPE_H
#define NN_RETYPE_H

#include "engine/graph/graph.h"

/* The type that a value is meant to have. */
typedef nn_type (*nn_type_of_value)(const nn_value *value);

/* True when the operator, given inputs of those types, gives outputs of those types. False for
 * nodes with bodies or without an operator. */
bool nn_node_infers_types(const nn_node *node, nn_type_of_value type_of);

#endif
