/* Prepares and runs a Conv node by the direct method, for kernels that fall back to it; and what
 * those kernels share with it. */
#ifndef NN_CONV_F32_H
#define NN_CONV_F32_H

#include "ops/cpu/float32/direct/direct_operands.h"

typedef struct nn_conv_f32_state {
    nn_direct_plan plan;
    nn_direct_operands operands;
} nn_conv_f32_state;

nn_status nn_conv_f32_prepare(const nn_node_view *node, const nn_target *target,
                              nn_prepare *services, const nn_tiles_f32 *tiles,
                              nn_conv_f32_state *state);
/* A constant bias, shared by sessions, with zeros up to `padded` channels; input `bias` may be
 * absent.
 */
nn_status nn_conv_f32_prepare_bias(nn_prepare *services, int bias, int64_t padded,
                                   const float **out);
void nn_conv_f32_run(const nn_conv_f32_state *state, const nn_call *call);

#endif
