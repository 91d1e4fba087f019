#include "ops/cpu/int8/int8_product.h"

#include "base/integers.h"

#include <math.h>

static const nn_fact *fact_of(const nn_node_view *node, int index) {
    return index >= 0 ? nn_view_in(node, index) : NULL;
}

const nn_tensor *nn_int8_constant(const nn_node_view *node, int index) {
    return index >= 0 ? nn_view_constant(node, index) : NULL;
}

static bool is_absent_or_constant(const nn_node_view *node, int index) {
    return fact_of(node, index) == NULL || nn_int8_constant(node, index) != NULL;
}

bool nn_int8_accepts(const nn_node_view *node, const nn_int8_inputs *inputs) {
    const nn_fact *x = node->in[inputs->x], *w = node->in[inputs->w], *y = node->out[0];
    if (!nn_type_is_8bit(x->type) || !nn_type_is_8bit(w->type)) return false;
    if (w->constant == NULL || !is_absent_or_constant(node, inputs->w_zero)) return false;
    if (nn_fact_count(x) <= 0 || nn_fact_count(w) <= 0 || nn_fact_count(y) <= 0) return false;
    return !node->epilogue.has_residual && node->epilogue.after.kind == NN_ACT_NONE;
}

uint32_t nn_int8_packed_inputs(const nn_node_view *node, const nn_int8_inputs *inputs) {
    uint32_t bits = 1u << inputs->w;
    if (fact_of(node, inputs->w_zero)) bits |= 1u << inputs->w_zero;
    return bits;
}

/* ---- parameters ----------------------------------------------------------------------------- */

typedef struct parameter_tensors {
    const nn_tensor *x_scale, *x_zero, *w_scale, *y_scale, *y_zero, *bias;
} parameter_tensors;

static int64_t array_bytes(const nn_int8_parameters *parameters) {
    int64_t count = parameters->groups * parameters->padded;
    return nn_round_up(count * (int64_t)sizeof(int32_t), NN_ALIGNMENT);
}

int64_t nn_int8_parameter_bytes(const nn_int8_parameters *parameters) {
    return 3 * array_bytes(parameters);
}

bool nn_int8_has_constant_parameters(const nn_node_view *node, const nn_int8_inputs *inputs) {
    const int indices[] = {inputs->x_scale, inputs->x_zero, inputs->w_scale,
                           inputs->y_scale, inputs->y_zero, inputs->bias};
    for (int i = 0; i < 6; i++)
        if (!is_absent_or_constant(node, indices[i])) return false;
    return true;
}

static int32_t unsigned_zero(const nn_tensor *x_zero, nn_type x_type) {
    int32_t zero = x_zero ? nn_quant_load(x_zero->data, x_zero->type, 0) : 0;
    return x_type == NNOPT_INT8 ? zero + 128 : zero;
}

static void place(nn_int8_parameters *parameters, void *memory, bool has_offset) {
    char *bytes = memory;
    int64_t each = array_bytes(parameters);
    parameters->start = (int32_t *)bytes;
    parameters->multiplier = (float *)(bytes + each);
    parameters->offset = has_offset ? (float *)(bytes + 2 * each) : NULL;
}

static void fill(const nn_int8_setting *setting, const parameter_tensors *tensors, nn_type x_type,
                 const nn_requant *requant, void *memory, nn_int8_parameters *out) {
    const nn_tensor *bias = tensors->bias, *w_scale = tensors->w_scale;
    bool has_offset = bias && bias->type == NNOPT_FLOAT;
    place(out, memory, has_offset);
    uint32_t times = setting->shares ? 1 : 0; /* that w_sums are taken off */
    if (setting->keeps_zero) times = (uint32_t)unsigned_zero(tensors->x_zero, x_type);
    float x_scale = setting->scale;
    if (tensors->x_scale)
        x_scale *= nn_quant_load_float(tensors->x_scale->data, tensors->x_scale->type, 0);
    out->are_small = true;
    for (int64_t i = 0; i < out->groups * out->padded; i++) {
        bool exists = i % out->padded < out->channels;
        int64_t channel = i / out->padded * out->channels + i % out->padded;
        uint32_t start = times == 0 ? 0u : 0u - times * (uint32_t)out->w_sums[i];
        float multiplier = 0, offset = 0;
        if (exists && bias && !has_offset)
            start += (uint32_t)((const int32_t *)bias->data)[channel];
        if (exists && has_offset)
            offset = nn_requant_offset(requant, ((const float *)bias->data)[channel]);
        if (exists && w_scale) {
            int64_t at = nn_tensor_count(w_scale) == 1 ? 0 : channel;
            multiplier = nn_requant_multiplier(
                requant, x_scale, nn_quant_load_float(w_scale->data, w_scale->type, at));
        }
        out->start[i] = (int32_t)start;
        out->multiplier[i] = multiplier;
        if (!(fabsf(multiplier) < 1)) out->are_small = false;
        if (has_offset) out->offset[i] = offset;
    }
}

static nn_requant requant_of(const nn_node_view *node, const parameter_tensors *tensors) {
    return nn_requant_make(node->epilogue.before, node->out[0]->type, tensors->y_scale,
                           tensors->y_zero);
}

void nn_int8_fill_constant(const nn_node_view *node, const nn_int8_setting *setting, void *memory,
                           nn_int8_parameters *parameters) {
    const nn_int8_inputs *inputs = &setting->inputs;
    const parameter_tensors tensors = {
        nn_int8_constant(node, inputs->x_scale), nn_int8_constant(node, inputs->x_zero),
        nn_int8_constant(node, inputs->w_scale), nn_int8_constant(node, inputs->y_scale),
        nn_int8_constant(node, inputs->y_zero),  nn_int8_constant(node, inputs->bias)};
    nn_requant requant = requant_of(node, &tensors);
    fill(setting, &tensors, node->in[inputs->x]->type, &requant, memory, parameters);
    parameters->are_constant = true;
}

/* ---- one call ------------------------------------------------------------------------------- */

static int16_t clamped(float bound, int32_t zero, int32_t lowest, int32_t highest) {
    return (int16_t)nn_quant_round(bound, zero, lowest, highest);
}

bool nn_int8_is_clip(const nn_requant *requant) {
    const nn_activation_kind kind = requant->activation.kind;
    return nn_type_is_8bit(requant->type) &&
           (kind == NN_ACT_NONE || kind == NN_ACT_RELU || kind == NN_ACT_CLIP);
}

/* Rounding is monotonic, so a clip can come after it, with rounded bounds. */
static void set_bounds(nn_int8_call *out) {
    const nn_requant *requant = &out->requant;
    const nn_activation *activation = &requant->activation;
    out->is_simple =
        nn_int8_is_clip(requant) && out->parameters.offset == NULL && out->parameters.are_small;
    if (!out->is_simple) return;
    int32_t zero = requant->zero, lowest = requant->lowest, highest = requant->highest;
    out->zero = (int16_t)zero;
    out->low = (int16_t)lowest;
    out->high = (int16_t)highest;
    if (activation->kind == NN_ACT_RELU) out->low = clamped(0, zero, lowest, highest);
    if (activation->kind == NN_ACT_CLIP) {
        out->low = clamped(activation->alpha, zero, lowest, highest);
        out->high = clamped(activation->beta, zero, lowest, highest);
    }
}

static const nn_tensor *input_of(const nn_call *call, int index) {
    return index >= 0 ? nn_call_in(call, index) : NULL;
}

nn_int8_call nn_int8_begin(const nn_call *call, const nn_int8_setting *setting,
                           const nn_int8_parameters *prepared, void *memory) {
    const nn_int8_inputs *inputs = &setting->inputs;
    const nn_tensor *x = call->in[inputs->x];
    const parameter_tensors tensors = {
        input_of(call, inputs->x_scale), input_of(call, inputs->x_zero),
        input_of(call, inputs->w_scale), input_of(call, inputs->y_scale),
        input_of(call, inputs->y_zero),  input_of(call, inputs->bias)};
    nn_int8_call out = {.parameters = *prepared,
                        .requant = requant_of(call->node, &tensors),
                        .x = x->data,
                        .flip = x->type == NNOPT_INT8 ? 0x80 : 0,
                        .x_zero = unsigned_zero(tensors.x_zero, x->type)};
    if (!prepared->are_constant)
        fill(setting, &tensors, x->type, &out.requant, memory, &out.parameters);
    set_bounds(&out);
    return out;
}

static bool is_moderate(float scale) {
    return fabsf(scale) < 0x1p20f && fabsf(scale) > 0x1p-80f;
}

bool nn_is_sum_moderate(const nn_qbinary *sum) {
    return is_moderate(sum->a_scale) && is_moderate(sum->b_scale) && fabsf(sum->offset) < 0x1p30f;
}
