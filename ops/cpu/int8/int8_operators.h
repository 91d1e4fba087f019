/* Operators with 8-bit products as one problem: which inputs they have, and its shape. */
#ifndef NN_INT8_OPERATORS_H
#define NN_INT8_OPERATORS_H

#include "ops/cpu/int8/conv_u8s8.h"

/* False when the operator's form is not one that kernels of conv_u8s8.h can run; `inputs` are set
 * in any case. */
typedef bool nn_int8_describe(const nn_node_view *node, nn_int8_inputs *inputs,
                              nn_u8s8_shape *shape);

nn_int8_describe nn_int8_describe_qconv; /* QLinearConv and QConv */
nn_int8_describe nn_int8_describe_conv_integer;
nn_int8_describe nn_int8_describe_qlinear_matmul;
nn_int8_describe nn_int8_describe_matmul_integer;
nn_int8_describe nn_int8_describe_matmul_integer_to_float;
nn_int8_describe nn_int8_describe_qgemm;

/* Is every call of a QLinearConv or QConv simple (nn_int8_call), with parameters that are constant
 * now, and an int32 bias if any? `requant` is set then. */
bool nn_int8_is_simple_qconv(const nn_node_view *node, nn_int8_inputs *inputs, nn_requant *requant);

#endif
