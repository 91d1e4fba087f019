#include "ops/cpu/int8/winograd_u8s8.h"

#include "ops/cpu/int8/int8_operators.h"
#include "ops/family/qlinear_convolution.h"

#include <math.h>

/* Exact products on AVX2: those of two FMAs take a vpmaddwd, of half the rate, and shared ones 0.8
 * times that; weights have two bytes. */
const nn_winograd_rival nn_winograd_rival_u8s8 = {0.8, sizeof(int16_t)};

/* The error of a sum against the magnitudes of all that it adds: up to 2e-7 were found with 1 to
 * 2048 channels where terms cancel; where they do not, the sum itself is as large, and so is the
 * step of the result. And the error of a result in such steps that is allowed. */
static const double sum_error = 1e-6, result_error = 0.25;

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
        const double most = UINT8_MAX * magnitude_of(w, w_zero, channel, g->taps * g->in_channels);
        const float multiplier =
            nn_requant_multiplier(requant, x_scale, scale_of(w_scale, channel));
        if (!(most < INT32_MAX) || !(fabsf(multiplier) * most * sum_error <= result_error))
            return false;
    }
    return true;
}

bool nn_winograd_bytes_accept(const nn_node_view *node, const nn_target *target) {
    nn_int8_inputs inputs;
    nn_requant requant;
    if (target->deterministic || (target->isa >= NN_ISA_VNNI && !target->explores)) return false;
    if (!nn_int8_is_simple_qconv(node, &inputs, &requant) || inputs.has_sum) return false;
    const nn_conv_geometry g = nn_conv_geometry_of(node, node->attrs, nn_qconv_inputs);
    return g.groups == 1 && is_accurate(node, &inputs, &requant, &g);
}

void nn_winograd_byte_weights(const nn_node_view *node, int64_t first, int64_t count, float *out) {
    const nn_tensor *w = nn_view_constant(node, NN_QCONV_W);
    const nn_tensor *w_zero = nn_view_constant(node, NN_QCONV_W_ZERO);
    const int64_t each = nn_tensor_count(w) / w->dims[0];
    for (int64_t channel = first; channel < first + count; channel++) {
        const int32_t zero = nn_int8_weight_zero(w_zero, channel);
        for (int64_t i = channel * each; i < (channel + 1) * each; i++)
            *out++ = (float)(nn_quant_load(w->data, w->type, i) - zero);
    }
}

void *nn_winograd_byte_state(const nn_node_view *node, nn_prepare *services, size_t bytes,
                             int64_t padded, const int32_t *w_sums, nn_winograd_byte_node *out) {
    nn_u8s8_shape shape;
    out->setting = (nn_int8_setting){.scale = 1, .keeps_zero = w_sums != NULL};
    nn_int8_describe_qconv(node, &out->setting.inputs, &shape);
    out->parameters = (nn_int8_parameters){
        .groups = 1, .channels = shape.out_channels, .padded = padded, .w_sums = w_sums};
    const size_t own = nn_aligned(bytes);
    const size_t total = own + (size_t)nn_int8_parameter_bytes(&out->parameters);
    char *state = nn_prepare_state(services, total);
    if (state == NULL) {
        nn_fail_memory(total);
        return NULL;
    }
    nn_int8_fill_constant(node, &out->setting, state + own, &out->parameters);
    return state;
}

nn_winograd_pixels nn_winograd_byte_pixels(const nn_int8_call *call) {
    return (nn_winograd_pixels){
        .x = call->x,
        .bytes = 1,
        .padding = (uint8_t)(call->x_zero ^ call->flip),
        .flip = call->flip,
        .zero = call->x_zero,
    };
}

nn_winograd_bytes nn_winograd_bytes_of(const nn_int8_call *call, int64_t first) {
    return (nn_winograd_bytes){
        .start = call->parameters.start + first,
        .multiplier = call->parameters.multiplier + first,
        .zero = call->zero,
        .low = call->low,
        .high = call->high,
    };
}
