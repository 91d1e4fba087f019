/* Quantised convolution by a kernel of three along one axis by Winograd's F(4, 3) in floats
 * (winograd_u8s8.h), where that is estimated to be faster than exact products. */
#include "ops/cpu/int8/winograd_u8s8.h"
#include "ops/cpu/kernels.h"
#include "ops/family/qlinear_convolution.h"

#include <stdio.h>

#if defined(__x86_64__)

typedef struct line_state {
    nn_winograd_line_plan plan;
    const nn_winograd_byte_forms *forms;
    const float *packed;
    nn_winograd_byte_node node;
} line_state;

static bool accepts(const nn_node_view *node, const nn_target *target) {
    const nn_conv_geometry g = nn_conv_geometry_of(node, node->attrs, nn_qconv_inputs);
    return nn_winograd_line_suits(&g, &nn_winograd_rival_u8s8, NN_ISA_AVX2, target->threads) &&
           nn_winograd_bytes_accept(node, target);
}

static nn_status pack_weights(const nn_node_view *node, const void *argument, void *out) {
    const nn_winograd_line_plan *plan = argument;
    const size_t bytes =
        (size_t)(plan->out_channels * plan->in_channels * NN_LINE_TAPS) * sizeof(float);
    float *w = nn_alloc(bytes);
    if (w == NULL) return nn_fail_memory(bytes);
    nn_winograd_byte_weights(node, 0, plan->out_channels, w);
    nn_winograd_line_pack(plan, w, out);
    nn_free(w);
    return NN_OK;
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *services) {
    const nn_conv_geometry g = nn_conv_geometry_of(node, node->attrs, nn_qconv_inputs);
    const nn_winograd_byte_forms *forms = &nn_winograd_u8s8_avx2;
    line_state made = {.forms = forms};
    nn_winograd_line_plan *plan = &made.plan;
    nn_winograd_line_plan_make(&g, forms->line_floats, NN_SHARE_NEVER, target->threads,
                               &(nn_epilogue){0}, plan);
    line_state *state =
        nn_winograd_byte_state(node, services, sizeof made, plan->m_pitch, NULL, &made.node);
    if (state == NULL) return NN_NO_MEMORY;
    char packing[80];
    const void *packed;
    snprintf(packing, sizeof packing, "winograd line of bytes, %d+%d columns", plan->shape->columns,
             plan->last_shape->columns);
    NN_TRY(nn_prepare_pack(services, nn_int8_packed_inputs(node, &made.node.setting.inputs),
                           packing, nn_winograd_line_packed_bytes(plan), pack_weights, plan,
                           &packed));
    made.packed = packed;
    *state = made;
    nn_prepare_workspace(services, nn_winograd_line_workspace(plan, target->threads));
    nn_prepare_describe(services, "F(4,3) on a line, %lld blocks of %lld tiles",
                        (long long)plan->blocks, (long long)plan->block_tiles);
    return NN_OK;
}

typedef struct byte_maps {
    const line_state *state;
    const nn_int8_call *call;
    uint8_t *y;
} byte_maps;

static void finish_tile(const void *argument, const nn_line_results *results) {
    const byte_maps *maps = argument;
    const nn_winograd_line_plan *plan = &maps->state->plan;
    maps->state->forms->line_output(&(nn_line_byte_output){
        .m = results->m,
        .m_step = plan->m_step,
        .channels = plan->out_channels,
        .bytes = nn_winograd_bytes_of(maps->call, 0),
        .y = maps->y + results->at * plan->out_pitch,
        .y_step = plan->step * plan->out_pitch,
        .count = results->count,
    });
}

static nn_status run(const nn_call *call) {
    const line_state *state = call->state;
    const nn_int8_call bytes =
        nn_int8_begin(call, &state->node.setting, &state->node.parameters, NULL);
    const byte_maps argument = {state, &bytes, call->out[0]->data};
    const nn_line_maps maps = {
        .pixels = nn_winograd_byte_pixels(&bytes),
        .input = state->forms->line_input,
        .finish = finish_tile,
        .argument = &argument,
    };
    nn_winograd_line_run_maps(&state->plan, state->packed, &maps, call->pool, call->workspace);
    return NN_OK;
}

const nn_kernel nn_kernel_qconv_winograd_line_u8s8_avx2 = {
    .name = "qconv_winograd_line_u8s8_avx2",
    .isa = NN_ISA_AVX2,
    .exactness = NN_ROUNDING,
    .layout = NN_LAYOUT_CHANNELS_LAST,
    .layout_inputs = 1,
    .pitched_inputs = 1,
    .pitched_output = true,
    .accepts = accepts,
    .prepare = prepare,
    .run = run,
};
#endif
