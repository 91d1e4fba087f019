/* Convolution of channels-last floats by a kernel of three along one axis (winograd_line_f32.h). */
#include "ops/cpu/conv_kernels.h"
#include "ops/cpu/float32/conv_f32.h"
#include "ops/cpu/float32/winograd/winograd_line_f32.h"
#include "ops/cpu/kernels.h"

#include <stdio.h>

static const nn_conv_inputs inputs = {.x = 0, .w = 1, .bias = 2};

/* Packed weights come behind what was found of them. */
typedef union weights_header {
    bool all_finite;
    char line[NN_ALIGNMENT];
} weights_header;

typedef struct line_state {
    nn_winograd_line_plan plan;
    const float *packed, *bias; /* NULL: weights are not finite, the node is run directly */
    nn_conv_f32_state direct;
} line_state;

static bool accepts(const nn_node_view *node, const nn_target *target) {
    const nn_fact *y = node->out[0];
    if (y->type != NNOPT_FLOAT || nn_fact_count(y) <= 0 || nn_fact_count(node->in[0]) <= 0)
        return false;
    if (nn_view_constant(node, inputs.w) == NULL) return false;
    if (nn_view_in(node, inputs.bias) != NULL && nn_view_constant(node, inputs.bias) == NULL)
        return false;
    if (target->deterministic) return false;
    nn_conv_geometry g = nn_conv_geometry_of(node, node->attrs, inputs);
    return nn_winograd_line_suits(&g, &nn_winograd_rival_f32, target->isa, target->threads);
}

static nn_status pack_weights(const nn_node_view *node, const void *argument, void *out) {
    weights_header *header = out;
    header->all_finite = nn_winograd_line_pack(argument, nn_view_constant(node, inputs.w)->data,
                                               (float *)(header + 1));
    return NN_OK;
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *services,
                         const nn_winograd_line_form *form) {
    line_state *state = nn_prepare_state(services, sizeof *state);
    if (state == NULL) return nn_fail_memory(sizeof *state);
    nn_winograd_line_plan *plan = &state->plan;
    nn_conv_geometry g = nn_conv_geometry_of(node, node->attrs, inputs);
    nn_winograd_line_plan_make(&g, form,
                               target->deterministic ? NN_SHARE_NEVER : NN_SHARE_WHERE_FASTER,
                               target->threads, &node->epilogue, plan);
    char variant[80];
    const void *weights;
    snprintf(variant, sizeof variant, "winograd line, %d+%d columns%s", plan->shape->columns,
             plan->last_shape->columns, plan->shares ? ", shared" : "");
    NN_TRY(nn_prepare_pack(services, 1u << inputs.w, variant,
                           sizeof(weights_header) + nn_winograd_line_packed_bytes(plan),
                           pack_weights, plan, &weights));
    const weights_header *header = weights;
    if (!header->all_finite)
        return nn_conv_f32_prepare(node, target, services, form->tiles, &state->direct);
    NN_TRY(nn_conv_f32_prepare_bias(services, inputs.bias, plan->m_pitch, &state->bias));
    state->packed = (const float *)(header + 1);
    nn_prepare_workspace(services, nn_winograd_line_workspace(plan, target->threads));
    nn_prepare_describe(services, "F(4,3) on a line, %lld blocks of %lld tiles%s",
                        (long long)plan->blocks, (long long)plan->block_tiles,
                        plan->shares ? " with shared products" : "");
    return NN_OK;
}

static nn_status run(const nn_call *call) {
    const line_state *state = call->state;
    if (state->packed == NULL) {
        nn_conv_f32_run(&state->direct, call);
        return NN_OK;
    }
    nn_winograd_line_run(&state->plan, state->packed, state->bias, call->in[inputs.x]->data,
                         nn_call_residual_data(call), call->out[0]->data, call->pool,
                         call->workspace);
    return NN_OK;
}

NN_CONV_KERNELS(conv_winograd_line_f32, nn_winograd_line_f32)
