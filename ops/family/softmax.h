/* Softmax and LogSoftmax along one axis; before version 13 along all axes from one on. */
#ifndef NN_FAMILY_SOFTMAX_H
#define NN_FAMILY_SOFTMAX_H

#include "ops/cpu/float32/rows_f32.h"

typedef struct nn_softmax_attrs {
    int64_t axis;
    bool flattens; /* all axes from `axis` on are one */
} nn_softmax_attrs;

nn_status nn_softmax_parse(const nn_node_view *node, const nn_attrs *attrs, void *out);
/* The axis, which may be the rank (nothing follows) where it flattens. */
nn_status nn_softmax_axis(const nn_node_view *node, int rank, int *axis);
nn_status nn_softmax_infer(const nn_node_view *node);
nn_status nn_softmax_axes(const nn_node_view *node, nn_axis_relations *out);
void nn_softmax_cost(const nn_node_view *node, nn_cost *out);

bool nn_softmax_accepts(const nn_node_view *node, const nn_target *target);
/* `rows` NULL: in double, for every floating type; else for floats. */
nn_status nn_softmax_run(const nn_call *call, bool logarithm, const nn_rows_f32 *rows);

#define NN_SOFTMAX_COLUMNS                                                                         \
    .domain = "", .since = 1, .min_inputs = 1, .max_inputs = 1, .min_outputs = 1,                  \
    .max_outputs = 1, .attr_size = sizeof(nn_softmax_attrs), .parse = nn_softmax_parse,            \
    .infer = nn_softmax_infer, .cost = nn_softmax_cost, .axes = nn_softmax_axes,                   \
    .quant = NN_QUANT_FLOAT

#endif
