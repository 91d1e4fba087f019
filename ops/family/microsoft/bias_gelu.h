/* BiasGelu and FastGelu: Gelu of x + bias, where the bias is a vector over the last axis. */
#ifndef NN_FAMILY_BIAS_GELU_H
#define NN_FAMILY_BIAS_GELU_H

#include "ops/expansion.h"

/* Inputs (x, bias); bias may be absent. */
nn_status nn_bias_gelu_infer(const nn_node_view *node);
nn_status nn_bias_gelu_axes(const nn_node_view *node, nn_axis_relations *out);
/* `approximate` as the attribute of Gelu: "none", "tanh". */
nn_status nn_bias_gelu_expand(nn_expansion *expansion, const char *approximate);

#endif
