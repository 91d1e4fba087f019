/* What QLinearConv and QConv share. Inputs, in this order:
 *
 *     x, x_scale, x_zero, w, w_scale, w_zero, y_scale, y_zero, bias
 *
 * Scales and zero points of w: one, or one for each output channel. Without y_scale the result is
 * float (QConv). An int32 bias is in units of x_scale w_scale, a float bias (QConv) in real values.
 *
 * QConv may go on with a sum, as QLinearAdd behind it makes it: y, rounded and saturated as ever,
 * is added to an addend of the same type and shape, and the result is rounded again. Inputs then go
 * on:
 *
 *     addend, addend_scale, addend_zero, sum_scale, sum_zero
 *
 * and attribute sum_order says which comes first in the sum, 0 the convolution, 1 the addend: the
 * two products of qlinear_binary.h are not rounded alike. */
#ifndef NN_QLINEAR_CONVOLUTION_H
#define NN_QLINEAR_CONVOLUTION_H

#include "ops/family/integer_convolution.h"
#include "ops/family/qlinear_binary.h"

enum nn_qconv_input {
    NN_QCONV_X,
    NN_QCONV_X_SCALE,
    NN_QCONV_X_ZERO,
    NN_QCONV_W,
    NN_QCONV_W_SCALE,
    NN_QCONV_W_ZERO,
    NN_QCONV_Y_SCALE,
    NN_QCONV_Y_ZERO,
    NN_QCONV_BIAS,
    NN_QCONV_INPUTS, /* of QLinearConv */
    NN_QCONV_ADDEND = NN_QCONV_INPUTS,
    NN_QCONV_ADDEND_SCALE,
    NN_QCONV_ADDEND_ZERO,
    NN_QCONV_SUM_SCALE,
    NN_QCONV_SUM_ZERO,
    NN_QCONV_ALL_INPUTS, /* of QConv */
};

/* QConv's attributes; those of QLinearConv are the first part. */
typedef struct nn_qconv_attrs {
    nn_conv_attrs conv;
    bool addend_first;
} nn_qconv_attrs;

extern const nn_conv_inputs nn_qconv_inputs;

/* Columns of the descriptors. */
nn_status nn_qconv_infer(const nn_node_view *node, nn_type output_type);
void nn_qconv_cost(const nn_node_view *node, nn_cost *out);
nn_status nn_qconv_axes(const nn_node_view *node, nn_axis_relations *out);

static inline bool nn_qconv_has_sum(const nn_node_view *node) {
    return nn_view_in(node, NN_QCONV_ADDEND) != NULL;
}
/* The sum of a call that has one. */
nn_qbinary nn_qconv_sum(const nn_call *call);
/* The same of a node that has one, where its numbers are constant; false: they are not. */
bool nn_qconv_constant_sum(const nn_node_view *node, nn_qbinary *out);

/* The reference kernel's run, in standard layout; does epilogue.before and the sum. */
nn_status nn_qconv_run_reference(const nn_call *call);

#endif
