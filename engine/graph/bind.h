/* Giving a graph concrete input shapes. */
#ifndef NN_BIND_H
#define NN_BIND_H

#include "engine/graph/graph.h"

/* Gives the inputs these types and dims (data is not read; a dim below 0 stays as it is), puts
 * sizes in place of the symbols that this fixes, and infers. One tensor per input of the graph,
 * which no other thread uses; ranks must be those of the inputs where these are known. */
nn_status nn_graph_bind_inputs(nn_graph *graph, const nn_tensor *inputs);

#endif
