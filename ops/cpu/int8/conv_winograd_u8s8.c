/* Quantised convolution by a 3x3 kernel of stride 1 by Winograd's algorithms in floats
 * (winograd_u8s8.h), where that is estimated to be faster than exact products. */
#include "ops/cpu/int8/winograd_u8s8.h"
#include "ops/cpu/kernels.h"
#include "ops/family/qlinear_convolution.h"

#include <stdio.h>

#if defined(__x86_64__)

typedef struct winograd_state {
    nn_winograd_f32_plan plan;
    const nn_winograd_byte_form *form;
    const float *packed;
    nn_winograd_byte_node node;
} winograd_state;

static int outputs_of(const nn_conv_geometry *g, const nn_target *target) {
    return nn_winograd_choose(g, &nn_winograd_rival_u8s8, NN_ISA_AVX2, target->threads);
}

static bool accepts(const nn_node_view *node, const nn_target *target) {
    const nn_conv_geometry g = nn_conv_geometry_of(node, node->attrs, nn_qconv_inputs);
    return nn_winograd_suits(&g) && (target->explores || outputs_of(&g, target) > 1) &&
           nn_winograd_bytes_accept(node, target);
}

static nn_status pack_weights(const nn_node_view *node, const void *argument, void *out) {
    const nn_winograd_f32_plan *plan = argument;
    const size_t bytes = (size_t)(plan->cut.columns * 9 * plan->cut.in_channels) * sizeof(float);
    float *w = nn_alloc(bytes);
    if (w == NULL) return nn_fail_memory(bytes);
    for (int64_t panel = 0; panel < plan->cut.panels; panel++) {
        nn_winograd_byte_weights(node, nn_winograd_first_column(&plan->cut, panel),
                                 nn_winograd_columns(&plan->cut, panel), w);
        nn_winograd_pack_panel(plan, panel, w, out);
    }
    nn_free(w);
    return NN_OK;
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *services) {
    const nn_conv_geometry g = nn_conv_geometry_of(node, node->attrs, nn_qconv_inputs);
    const int variant = nn_prepare_variant(services);
    const nn_winograd_byte_forms *forms = &nn_winograd_u8s8_avx2;
    const bool two = (variant > 0 ? 2 * variant : outputs_of(&g, target)) == 2;
    winograd_state made = {.form = two ? &forms->two : &forms->four};
    nn_winograd_f32_plan *plan = &made.plan;
    nn_winograd_f32_plan_make(&g, two ? &forms->floats->two : &forms->floats->four, NN_SHARE_NEVER,
                              target->threads, &(nn_epilogue){0}, plan);
    winograd_state *state = nn_winograd_byte_state(node, services, sizeof made,
                                                   plan->cut.padded_channels, NULL, &made.node);
    if (state == NULL) return NN_NO_MEMORY;
    char packing[80];
    const void *packed;
    snprintf(packing, sizeof packing, "winograd %d of bytes, %lld+%lld columns",
             plan->cut.sizes.outputs, (long long)plan->cut.columns,
             (long long)plan->cut.last_columns);
    NN_TRY(nn_prepare_pack(services, nn_int8_packed_inputs(node, &made.node.setting.inputs),
                           packing, nn_winograd_packed_bytes(plan), pack_weights, plan, &packed));
    made.packed = packed;
    *state = made;
    nn_prepare_workspace(services, nn_winograd_workspace(&plan->cut));
    nn_prepare_describe(services, "F(%d,3), %lld blocks of %lld tiles", plan->form->outputs,
                        (long long)plan->cut.blocks, (long long)plan->cut.block_tiles);
    return NN_OK;
}

typedef struct byte_maps {
    const winograd_state *state;
    const nn_int8_call *call;
    uint8_t *y;
} byte_maps;

static void multiply(const void *argument, const nn_winograd_product *product) {
    const winograd_state *state = ((const byte_maps *)argument)->state;
    nn_winograd_multiply_f32(state->plan.form->tiles, &state->plan.cut, product);
}

static void finish_tile(const void *argument, const nn_winograd_results *results) {
    const byte_maps *maps = argument;
    const nn_winograd_plan *plan = &maps->state->plan.cut;
    maps->state->form->output(&(nn_winograd_byte_output){
        .m = results->sums,
        .m_step = plan->m_step,
        .channels = results->channels,
        .bytes = nn_winograd_bytes_of(maps->call, results->first),
        .y = maps->y + nn_winograd_results_at(plan, results),
        .row = plan->width.out * plan->out_pitch,
        .pitch = plan->out_pitch,
        .rows = results->rows,
        .columns = results->columns,
    });
}

static nn_status run(const nn_call *call) {
    const winograd_state *state = call->state;
    const nn_int8_call bytes =
        nn_int8_begin(call, &state->node.setting, &state->node.parameters, NULL);
    const byte_maps argument = {state, &bytes, call->out[0]->data};
    const nn_winograd_maps maps = {
        .pixels = nn_winograd_byte_pixels(&bytes),
        .input = state->form->input,
        .multiply = multiply,
        .finish = finish_tile,
        .argument = &argument,
    };
    nn_winograd_run_maps(&state->plan.cut, state->packed, &maps, call->pool, call->workspace);
    return NN_OK;
}

/* Two outputs for each variant. */
static const char *const variants[] = {"F(2,3)", "F(4,3)", NULL};

const nn_kernel nn_kernel_qconv_winograd_u8s8_avx2 = {
    .name = "qconv_winograd_u8s8_avx2",
    .isa = NN_ISA_AVX2,
    .exactness = NN_ROUNDING,
    .layout = NN_LAYOUT_CHANNELS_LAST,
    .layout_inputs = 1,
    .pitched_inputs = 1,
    .pitched_output = true,
    .variants = variants,
    .accepts = accepts,
    .prepare = prepare,
    .run = run,
};
#endif
