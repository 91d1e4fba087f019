/* What Squeeze and Unsqueeze share: axes as an attribute before version 13, as an input after. */
#ifndef NN_FAMILY_SQUEEZE_H
#define NN_FAMILY_SQUEEZE_H

#include "ops/family/copy.h"

typedef struct nn_squeeze_attrs {
    bool from_input;
    nn_list axes;
} nn_squeeze_attrs;

nn_status nn_squeeze_parse(const nn_node_view *node, const nn_attrs *attrs, void *out);
nn_status nn_squeeze_axes(const nn_node_view *node, nn_list *out);
/* A vector of one element becomes a scalar or back: elements go along. */
void nn_squeeze_elements(const nn_node_view *node);

#endif
