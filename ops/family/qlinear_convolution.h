/* What QLinearConv and QConv share. Inputs, in this order:
 *
 *     x, x_scale, x_zero, w, w_scale, w_zero, y_scale, y_zero, bias
 *
 * Scales and zero points of w: one, or one for each output channel. Without y_scale the result is
 * float (QConv). An int32 bias is in units of x_scale w_scale, a float bias (QConv) in real values.
 */
#ifndef NN_QLINEAR_CONVOLUTION_H
#define NN_QLINEAR_CONVOLUTION_H

#include "ops/family/integer_convolution.h"

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
    NN_QCONV_INPUTS,
};

extern const nn_conv_inputs nn_qconv_inputs;

/* Columns of the descriptors. */
nn_status nn_qconv_infer(const nn_node_view *node, nn_type output_type);
void nn_qconv_cost(const nn_node_view *node, nn_cost *out);
nn_status nn_qconv_axes(const nn_node_view *node, nn_axis_relations *out);

/* The reference kernel's run, in standard layout; does epilogue.before. */
nn_status nn_qconv_run_reference(const nn_call *call);

#endif
