/* MACs per node of a portable graph, for one sample. */
#ifndef NN_NODE_COSTS_H
#define NN_NODE_COSTS_H

#include "engine/graph/graph.h"

/* One number for each of graph->nodes, in order, freed by the caller: with unknown leading dims of
 * inputs taken as 1. Nodes of unknown shape count 0. */
nn_status nn_node_macs(const nn_graph *graph, double **out);

#endif
