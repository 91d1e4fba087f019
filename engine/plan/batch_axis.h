/* Does everything that a graph computes keep the samples of a batch apart? */
#ifndef NN_BATCH_AXIS_H
#define NN_BATCH_AXIS_H

#include "engine/graph/graph.h"

/* What a graph with concrete shapes does with axis 0 of its inputs. */
typedef struct nn_batch_axis {
    int64_t samples;     /* 0: samples meet somewhere, or there is no axis that all inputs share */
    double sample_bytes; /* that the largest node reads and writes for a sample */
    double moved_bytes;  /* that all nodes do */
    double constant_bytes;
} nn_batch_axis;

/* By the column `axes` of the operators. Elements of floats count `float_bytes`. */
nn_status nn_batch_axis_find(const nn_graph *graph, int float_bytes, nn_batch_axis *out);

/* Is `part` the same graph for `samples` samples: the same nodes, and all dims but those? */
bool nn_batch_axis_is_part(const nn_graph *graph, const nn_graph *part, int64_t samples);

#endif
