/* What the kernels of F(2x2, 3x3), F(2x2, 5x5) and F(4x4, 3x3) share. */
#ifndef NN_CONV_WINOGRAD_F32_H
#define NN_CONV_WINOGRAD_F32_H

#include "ops/op.h"

#include "ops/cpu/float32/winograd/winograd_f32.h"

/* True when the form that makes `outputs` x `outputs` pixels is estimated to be the fastest. */
bool nn_conv_winograd_accepts(const nn_node_view *node, const nn_target *target, int outputs);

/* Tries that form, then smaller ones, until one is accurate enough with the node's weights; when
 * none is, the node is run directly. */
nn_status nn_conv_winograd_prepare(const nn_node_view *node, const nn_target *target,
                                   nn_prepare *services, const nn_winograd_forms *forms,
                                   int outputs);
nn_status nn_conv_winograd_run(const nn_call *call);

#endif
