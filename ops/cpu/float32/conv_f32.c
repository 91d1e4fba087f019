/* Convolution of channels-last floats by the direct method (direct_f32.h). */
#include "ops/cpu/float32/conv_f32.h"

#include "ops/cpu/conv_kernels.h"
#include "ops/cpu/kernels.h"

#include <stdio.h>

static bool accepts(const nn_node_view *node, const nn_target *target) {
    const nn_fact *y = node->out[0];
    (void)target;
    return y->type == NNOPT_FLOAT && nn_fact_count(y) > 0 && nn_fact_count(node->in[0]) > 0 &&
           nn_fact_count(node->in[1]) > 0;
}

nn_status nn_conv_f32_prepare(const nn_node_view *node, const nn_target *target,
                              nn_prepare *services, const nn_tiles_f32 *tiles,
                              nn_conv_f32_state *state) {
    nn_conv_geometry g = nn_conv_geometry_of(node, node->attrs, (nn_conv_inputs){0, 1, 2});
    nn_direct_problem problem = {
        .images = g.batch,
        .groups = g.groups,
        .k = g.group_in_channels,
        .columns = g.group_out_channels,
        .in_pitch = g.in_pitch,
        .vectors = nn_prepare_variant(services),
        .sharing = nn_direct_sharing(node, 1, target),
    };
    memcpy(problem.axes, g.axes, sizeof g.axes);
    nn_direct_dense_output(&problem, g.out_pitch);
    nn_direct_plan_make(&problem, tiles, target->threads, &node->epilogue, &state->plan);
    state->operands = (nn_direct_operands){
        .w = 1,
        .bias = 2,
        .source = {.group_step = g.group_out_channels * g.group_in_channels * g.taps,
                   .column_step = g.group_in_channels * g.taps,
                   .k_step = g.taps,
                   .tap_step = 1,
                   .scale = 1},
        .bias_step = 1,
        .bias_scale = 1,
    };
    size_t workspace;
    NN_TRY(nn_direct_operands_prepare(node, &state->plan, services, &state->operands, &workspace));
    nn_prepare_workspace(services, workspace + nn_direct_workspace(&state->plan, target->threads));
    return NN_OK;
}

static nn_status pack_bias(const nn_node_view *node, const void *argument, void *out) {
    const nn_tensor *bias = nn_view_constant(node, *(const int *)argument);
    if (bias != NULL) memcpy(out, bias->data, (size_t)nn_tensor_count(bias) * sizeof(float));
    return NN_OK;
}

nn_status nn_conv_f32_prepare_bias(nn_prepare *services, int bias, int64_t padded,
                                   const float **out) {
    char variant[80];
    const void *packed;
    snprintf(variant, sizeof variant, "bias of %lld", (long long)padded);
    NN_TRY(nn_prepare_pack(services, 1u << bias, variant, (size_t)padded * sizeof(float), pack_bias,
                           &bias, &packed));
    *out = packed;
    return NN_OK;
}

void nn_conv_f32_run(const nn_conv_f32_state *state, const nn_call *call) {
    const float *residual = nn_call_residual_data(call);
    nn_direct_ready ready = nn_direct_operands_get(&state->operands, &state->plan, call);
    nn_direct_run(&state->plan, ready.w, ready.bias, call->in[0]->data, residual,
                  call->out[0]->data, call->pool, ready.workspace);
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *services,
                         const nn_tiles_f32 *tiles) {
    nn_conv_f32_state *state = nn_prepare_state(services, sizeof *state);
    if (state == NULL) return nn_fail_memory(sizeof *state);
    return nn_conv_f32_prepare(node, target, services, tiles, state);
}

static nn_status run(const nn_call *call) {
    nn_conv_f32_run(call->state, call);
    return NN_OK;
}

NN_CONV_KERNELS_WITH(conv_f32, nn_tiles_f32, nn_direct_widths, NN_CONV_WEIGHTS)
