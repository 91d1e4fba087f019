/* Builders of axis relations. An axis that no relation names is free: nothing else follows it. An
 * axis that is fixed (all of it is used, and no output axis stands for it) is MIXED with itself. */
#ifndef NN_FAMILY_AXES_H
#define NN_FAMILY_AXES_H

#include "ops/op.h"

static inline nn_axis_end nn_in_axis(int index, int axis) {
    return (nn_axis_end){false, (int16_t)index, (int16_t)axis};
}
static inline nn_axis_end nn_out_axis(int index, int axis) {
    return (nn_axis_end){true, (int16_t)index, (int16_t)axis};
}

/* Each appends one relation; more than NN_MAX_RELATIONS is NN_UNSUPPORTED. */
nn_status nn_axes_same(const nn_node_view *node, nn_axis_relations *out, nn_axis_end a,
                       nn_axis_end b);
nn_status nn_axes_mixed(const nn_node_view *node, nn_axis_relations *out, nn_axis_end a,
                        nn_axis_end b);
nn_status nn_axes_fixed(const nn_node_view *node, nn_axis_relations *out, nn_axis_end a);
nn_status nn_axes_offset(const nn_node_view *node, nn_axis_relations *out, nn_axis_end a,
                         nn_axis_end b, int64_t offset);
nn_status nn_axes_merge(const nn_node_view *node, nn_axis_relations *out, nn_axis_end a,
                        nn_axis_end b, int64_t outer, int64_t inner);
nn_status nn_axes_contract(const nn_node_view *node, nn_axis_relations *out, nn_axis_end a,
                           nn_axis_end b);
nn_status nn_axes_group(const nn_node_view *node, nn_axis_relations *out, nn_axis_end a,
                        nn_axis_end b, int64_t groups);
/* Ends, kernel, stride, dilation and pads from `window`. */
nn_status nn_axes_window(const nn_node_view *node, nn_axis_relations *out,
                         const nn_axis_relation *window);

/* Columns for descriptors. All of them: nothing but output 0 of the shape of input 0. */
nn_status nn_axes_of_unary(const nn_node_view *node, nn_axis_relations *out);
/* All inputs are broadcast to output 0. */
nn_status nn_axes_of_broadcast(const nn_node_view *node, nn_axis_relations *out);
/* Output 0 holds the elements of input 0 in the same order with other dims. */
nn_status nn_axes_of_reshape(const nn_node_view *node, nn_axis_relations *out);

/* Output 0 has the shape of input 0: MIXED for the flagged axes, SAME for the others. */
nn_status nn_axes_along(const nn_node_view *node, nn_axis_relations *out, const bool *mixed);

/* SAME for input `index`, aligned with the last axes of output 0, where it is not broadcast. */
nn_status nn_axes_add_broadcast(const nn_node_view *node, nn_axis_relations *out, int index);

#endif
