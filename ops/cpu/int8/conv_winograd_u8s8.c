/* Quantised convolution by a 3x3 kernel of stride 1 by Winograd's algorithms in floats
 * (winograd_u8s8.h), where that is estimated to be faster than exact products. */
#include "ops/cpu/int8/int8_operators.h"
#include "ops/cpu/int8/winograd_u8s8.h"
#include "ops/cpu/kernels.h"
#include "ops/family/qlinear_convolution.h"

#include <math.h>
#include <stdio.h>

/* Exact products on AVX2: those of two FMAs take a vpmaddwd, of half the rate, and shared ones 0.8
 * times that; weights have two bytes. */
static const nn_winograd_rival exact_products = {0.8, sizeof(int16_t)};

/* The error of a sum against the magnitudes of all that it adds: up to 2e-7 were found with 1 to
 * 2048 channels where terms cancel; where they do not, the sum itself is as large, and so is the
 * step of the result. And the error of a result in such steps that is allowed. */
static const double sum_error = 1e-6, result_error = 0.25;

typedef struct winograd_state {
    nn_winograd_plan plan;
    const nn_winograd_byte_form *form;
    const float *packed;
    nn_int8_setting setting;
    nn_int8_parameters parameters;
} winograd_state;

/* ---- choice ---- */

/* The magnitudes of the weights of output channel `channel`, less the zero point, together. */
static double magnitude_of(const nn_tensor *w, const nn_tensor *w_zero, int64_t channel,
                           int64_t count) {
    const uint8_t flip = w->type == NNOPT_UINT8 ? 0x80 : 0;
    const int32_t zero = nn_int8_weight_zero(w_zero, channel) - flip;
    const uint8_t *bytes = (const uint8_t *)w->data + channel * count;
    int64_t sum = 0;
    for (int64_t i = 0; i < count; i++) {
        const int32_t value = (int8_t)(bytes[i] ^ flip) - zero;
        sum += value < 0 ? -value : value;
    }
    return (double)sum;
}

static float scale_of(const nn_tensor *scale, int64_t channel) {
    return nn_quant_load_float(scale->data, scale->type, nn_tensor_count(scale) == 1 ? 0 : channel);
}

/* Do sums stay in int32, and results close to those of exact sums? */
static bool is_accurate(const nn_node_view *node, const nn_int8_inputs *inputs,
                        const nn_requant *requant, const nn_conv_geometry *g) {
    const nn_tensor *w = nn_int8_constant(node, inputs->w);
    const nn_tensor *w_zero = nn_int8_constant(node, inputs->w_zero);
    const nn_tensor *w_scale = nn_int8_constant(node, inputs->w_scale);
    const float x_scale = scale_of(nn_int8_constant(node, inputs->x_scale), 0);
    for (int64_t channel = 0; channel < g->out_channels; channel++) {
        const double most = UINT8_MAX * magnitude_of(w, w_zero, channel, 9 * g->in_channels);
        const float multiplier =
            nn_requant_multiplier(requant, x_scale, scale_of(w_scale, channel));
        if (!(most < INT32_MAX) || !(fabsf(multiplier) < 1) ||
            !(fabsf(multiplier) * most * sum_error <= result_error))
            return false;
    }
    return true;
}

static bool accepts(const nn_node_view *node, const nn_target *target) {
    nn_int8_inputs inputs;
    nn_u8s8_shape shape;
    if (target->deterministic || target->isa >= NN_ISA_VNNI) return false;
    if (!nn_int8_describe_qconv(node, &inputs, &shape) || !nn_int8_accepts(node, &inputs) ||
        inputs.has_sum || !nn_int8_has_constant_parameters(node, &inputs))
        return false;
    const nn_tensor *bias = nn_int8_constant(node, inputs.bias);
    const nn_tensor *y_scale = nn_int8_constant(node, inputs.y_scale);
    if (y_scale == NULL || (bias != NULL && bias->type != NNOPT_INT32)) return false;
    const nn_requant requant = nn_requant_make(node->epilogue.before, node->out[0]->type, y_scale,
                                               nn_int8_constant(node, inputs.y_zero));
    if (!nn_int8_is_clip(&requant)) return false;
    const nn_conv_geometry g = nn_conv_geometry_of(node, node->attrs, nn_qconv_inputs);
    if (!nn_winograd_suits(&g)) return false;
    if (!target->explores &&
        nn_winograd_choose(&g, &exact_products, NN_ISA_AVX2, target->threads) == 1)
        return false;
    return is_accurate(node, &inputs, &requant, &g);
}

/* ---- weights ---- */

static nn_status pack_weights(const nn_node_view *node, const void *argument, void *out) {
    const winograd_state *state = argument;
    const nn_winograd_plan *plan = &state->plan;
    const nn_int8_inputs *inputs = &state->setting.inputs;
    const nn_tensor *w = nn_int8_constant(node, inputs->w);
    const nn_tensor *w_zero = nn_int8_constant(node, inputs->w_zero);
    const int64_t each = 9 * plan->in_channels; /* of an output channel */
    const size_t bytes = (size_t)(plan->shape->columns * each) * sizeof(float);
    float *floats = nn_alloc(bytes);
    if (floats == NULL) return nn_fail_memory(bytes);
    for (int64_t panel = 0; panel < plan->panels; panel++) {
        const int64_t first = nn_winograd_first_column(plan, panel);
        for (int64_t i = 0; i < nn_winograd_columns(plan, panel) * each; i++) {
            const int32_t zero = nn_int8_weight_zero(w_zero, first + i / each);
            floats[i] = (float)(nn_quant_load(w->data, w->type, first * each + i) - zero);
        }
        nn_winograd_pack_panel(plan, panel, floats, out);
    }
    nn_free(floats);
    return NN_OK;
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *services,
                         const nn_winograd_byte_forms *forms) {
    nn_int8_inputs inputs;
    nn_u8s8_shape shape;
    nn_int8_describe_qconv(node, &inputs, &shape);
    const nn_conv_geometry g = nn_conv_geometry_of(node, node->attrs, nn_qconv_inputs);
    const int variant = nn_prepare_variant(services);
    const int outputs = variant > 0
                            ? 2 * variant
                            : nn_winograd_choose(&g, &exact_products, NN_ISA_AVX2, target->threads);
    const nn_winograd_forms *floats = forms->floats;
    winograd_state made = {
        .form = outputs == 2 ? &forms->two : &forms->four,
        .setting = {.inputs = inputs, .scale = shape.scale},
    };
    nn_winograd_plan_make(&g, outputs == 2 ? &floats->two : &floats->four, target->threads,
                          &(nn_epilogue){0}, &made.plan);
    made.parameters = (nn_int8_parameters){
        .groups = 1, .channels = g.out_channels, .padded = made.plan.padded_channels};

    const int64_t own_bytes = nn_round_up(sizeof made, NN_ALIGNMENT);
    const size_t total = (size_t)(own_bytes + nn_int8_parameter_bytes(&made.parameters));
    winograd_state *state = nn_prepare_state(services, total);
    if (state == NULL) return nn_fail_memory(total);
    *state = made;
    nn_int8_fill_constant(node, &state->setting, (char *)state + own_bytes, &state->parameters);

    char packing[80];
    const void *packed;
    snprintf(packing, sizeof packing, "winograd %d of bytes, %d+%d columns",
             made.plan.form->outputs, made.plan.shape->columns, made.plan.last_shape->columns);
    NN_TRY(nn_prepare_pack(services, nn_int8_packed_inputs(node, &inputs), packing,
                           nn_winograd_packed_bytes(&made.plan), pack_weights, state, &packed));
    state->packed = packed;
    nn_prepare_workspace(services, nn_winograd_workspace(&made.plan));
    nn_prepare_describe(services, "F(%d,3), %lld blocks of %lld tiles", made.plan.form->outputs,
                        (long long)made.plan.blocks, (long long)made.plan.block_tiles);
    return NN_OK;
}

/* ---- running ---- */

typedef struct byte_maps {
    const winograd_state *state;
    const nn_int8_call *call;
    uint8_t *y;
} byte_maps;

static void finish_tile(const void *argument, const nn_winograd_results *results) {
    const byte_maps *maps = argument;
    const nn_winograd_plan *plan = &maps->state->plan;
    const nn_int8_call *call = maps->call;
    maps->state->form->output(&(nn_winograd_byte_output){
        .m = results->sums,
        .m_step = plan->m_step,
        .channels = results->channels,
        .start = call->parameters.start + results->first,
        .multiplier = call->parameters.multiplier + results->first,
        .zero = call->zero,
        .low = call->low,
        .high = call->high,
        .y = maps->y + nn_winograd_results_at(plan, results),
        .row = plan->width.out * plan->out_channels,
        .pitch = plan->out_channels,
        .rows = results->rows,
        .columns = results->columns,
    });
}

static nn_status run(const nn_call *call) {
    const winograd_state *state = call->state;
    const nn_int8_call bytes = nn_int8_begin(call, &state->setting, &state->parameters, NULL);
    const byte_maps argument = {state, &bytes, call->out[0]->data};
    const nn_winograd_maps maps = {
        .x = bytes.x,
        .x_bytes = 1,
        .padding = (uint8_t)(bytes.x_zero ^ bytes.flip),
        .flip = bytes.flip,
        .zero = bytes.x_zero,
        .input = state->form->input,
        .finish = finish_tile,
        .argument = &argument,
    };
    nn_winograd_run_maps(&state->plan, state->packed, &maps, call->pool, call->workspace);
    return NN_OK;
}

#if defined(__x86_64__)
static nn_status prepare_avx2(const nn_node_view *node, const nn_target *target,
                              nn_prepare *services) {
    return prepare(node, target, services, &nn_winograd_u8s8_avx2);
}

/* Two outputs for each variant. */
static const char *const variants[] = {"F(2,3)", "F(4,3)", NULL};

const nn_kernel nn_kernel_qconv_winograd_u8s8_avx2 = {
    .name = "qconv_winograd_u8s8_avx2",
    .isa = NN_ISA_AVX2,
    .exactness = NN_ROUNDING,
    .layout = NN_LAYOUT_CHANNELS_LAST,
    .layout_inputs = 1,
    .variants = variants,
    .accepts = accepts,
    .prepare = prepare_avx2,
    .run = run,
};
#endif
