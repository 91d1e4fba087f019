/* ArgMax and ArgMin: the index of the best element along one axis. */
#ifndef NN_FAMILY_ARG_H
#define NN_FAMILY_ARG_H

#include "ops/family/reduce.h"

typedef struct nn_arg_attrs {
    int64_t axis;
    bool keep_dims, last; /* last: of equal elements, the one with the highest index */
} nn_arg_attrs;

nn_status nn_arg_parse(const nn_node_view *node, const nn_attrs *attrs, void *out);
nn_status nn_arg_infer(const nn_node_view *node);
nn_status nn_arg_axes(const nn_node_view *node, nn_axis_relations *out);
/* The first (or last) place of the largest (or smallest) of `size` elements, for each of
 * outer x inner rows whose elements are `inner` apart; NaN is the best of all. */
void nn_arg_find(nn_pool *pool, const nn_tensor *in, int64_t size, int64_t inner, bool largest,
                 bool last, int64_t *out);
/* NaN is the best of all. */
nn_status nn_arg_run(const nn_call *call, bool largest);
bool nn_arg_accepts(const nn_node_view *node, const nn_target *target);

#define NN_ARG_COLUMNS                                                                             \
    .domain = "", .since = 1, .min_inputs = 1, .max_inputs = 1, .min_outputs = 1,                  \
    .max_outputs = 1, .attr_size = sizeof(nn_arg_attrs), .parse = nn_arg_parse,                    \
    .infer = nn_arg_infer, .cost = nn_reduce_cost, .axes = nn_arg_axes, .quant = NN_QUANT_FLOAT

#endif
