/* Rewrites the nodes of an older model so that it means the same under a newer opset. */
#ifndef NN_RAISE_OPSET_H
#define NN_RAISE_OPSET_H

#include "engine/graph/graph.h"

enum { NN_OPSET_QDQ = 13 }; /* the first with an axis for QuantizeLinear and DequantizeLinear */

/* Raises the default domain to opset 13 when it is older: attributes that became inputs, the axis
 * of Softmax, Upsample, Scatter. Models older than opset 7, or with a node that has no equivalent,
 * are NN_UNSUPPORTED and stay unchanged. A newer model is left as it is. */
nn_status nn_raise_opset(nn_graph *graph, const char *pass);

#endif
