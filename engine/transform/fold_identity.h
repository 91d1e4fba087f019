/* Removing nodes that hand their input on unchanged. */
#ifndef NN_FOLD_IDENTITY_H
#define NN_FOLD_IDENTITY_H

#include "engine/graph/graph.h"

/* Removes Identity, Dropout outside training, Cast to the type it has, Concat of one input, and
 * Transpose and Reshape that change nothing, one patch of `pass` each. Facts must have been
 * inferred. A node that joins a graph input or another output to a graph output stays, since each
 * of the two needs a name of its own. */
nn_status nn_graph_remove_identities(nn_graph *graph, const char *pass);

#endif
