#include "ops/cuda/int8/numbers.h"

#include "ops/cuda/runtime/queue.h"
#include "ops/family/qlinear_convolution.h"

#include <math.h>
#include <stdio.h>

/* ---- the problem ---- */

static bool is_absent_or_constant(const nn_node_view *node, int index) {
    return index < 0 || nn_view_in(node, index) == NULL || nn_int8_constant(node, index) != NULL;
}

static bool has_type(const nn_node_view *node, int index, nn_type a, nn_type b) {
    const nn_fact *fact = index >= 0 ? nn_view_in(node, index) : NULL;
    return fact == NULL || fact->type == a || fact->type == b;
}

/* Scales of 16 bits are read on the device, too. */
static bool has_scale_type(const nn_node_view *node, int index) {
    return has_type(node, index, NNOPT_FLOAT, NNOPT_FLOAT) ||
           has_type(node, index, NNOPT_FLOAT16, NNOPT_BFLOAT16);
}

static bool has_known_output(const nn_node_view *node, const nn_int8_inputs *inputs) {
    if (!is_absent_or_constant(node, inputs->y_scale)) return false;
    if (!is_absent_or_constant(node, inputs->y_zero)) return false;
    for (int i = NN_QCONV_ADDEND_SCALE; inputs->has_sum && i < NN_QCONV_ALL_INPUTS; i++)
        if (!is_absent_or_constant(node, i)) return false;
    return true;
}

bool nn_byte_product_of(const nn_node_view *node, nn_int8_describe *describe,
                        nn_byte_product *out) {
    nn_int8_inputs *inputs = &out->inputs;
    if (!nn_type_is_8bit(node->in[0]->type) || !describe(node, inputs, &out->shape)) return false;
    if (!nn_int8_accepts(node, inputs) || !has_known_output(node, inputs)) return false;
    const nn_type y = node->out[0]->type;
    if (!nn_type_is_8bit(y) && y != NNOPT_INT32 && y != NNOPT_FLOAT) return false;
    if (!has_scale_type(node, inputs->x_scale) || !has_scale_type(node, inputs->w_scale) ||
        !has_type(node, inputs->bias, NNOPT_INT32, NNOPT_FLOAT))
        return false;
    const nn_u8s8_shape *shape = &out->shape;
    out->taps = shape->height.kernel * shape->width.kernel;
    out->depth = out->taps * shape->in_channels;
    out->columns = shape->groups * shape->out_channels;
    return out->depth > 0 && out->columns > 0;
}

int32_t nn_byte_weight_shift(const nn_node_view *node, const nn_byte_product *product) {
    return node->in[product->inputs.w]->type == NNOPT_UINT8 ? 128 : 0;
}

/* ---- the form of the result ---- */

static float bounded(float x, float low, float high) {
    const float at_least = x > low ? x : low;
    return at_least < high ? at_least : high;
}

static nn_requant requant_of(const nn_node_view *node, const nn_byte_product *product) {
    const nn_int8_inputs *inputs = &product->inputs;
    return nn_requant_make(node->epilogue.before, node->out[0]->type,
                           nn_int8_constant(node, inputs->y_scale),
                           nn_int8_constant(node, inputs->y_zero));
}

/* Rounding is monotonic, so clipping may come with its bounds. */
static void set_rounding(const nn_requant *requant, nn_cuda_finish *out) {
    const float low = (float)(requant->lowest - requant->zero);
    const float high = (float)(requant->highest - requant->zero);
    const nn_activation *clip = &requant->activation;
    out->rounding = (nn_cuda_rounding){.zero = requant->zero, .low = low, .high = high};
    out->is_simple =
        clip->kind == NN_ACT_NONE || clip->kind == NN_ACT_RELU || clip->kind == NN_ACT_CLIP;
    if (clip->kind == NN_ACT_RELU) out->rounding.low = bounded(0, low, high);
    if (clip->kind == NN_ACT_CLIP) {
        out->rounding.low = bounded(clip->alpha, low, high);
        out->rounding.high = bounded(clip->beta, low, high);
    }
}

static void set_sum(const nn_node_view *node, nn_cuda_finish *out) {
    const nn_qconv_attrs *attrs = node->attrs;
    const nn_type type = node->out[0]->type;
    const nn_quant result = nn_quant_read(nn_view_constant(node, NN_QCONV_Y_SCALE),
                                          nn_view_constant(node, NN_QCONV_Y_ZERO), type);
    const nn_quant addend = nn_quant_read(nn_view_constant(node, NN_QCONV_ADDEND_SCALE),
                                          nn_view_constant(node, NN_QCONV_ADDEND_ZERO), type);
    const nn_quant sum = nn_quant_read(nn_view_constant(node, NN_QCONV_SUM_SCALE),
                                       nn_view_constant(node, NN_QCONV_SUM_ZERO), type);
    out->addend_first = attrs->addend_first;
    const nn_qbinary binary =
        nn_qbinary_make(NN_QBINARY_ADD, type, out->addend_first ? &addend : &result,
                        out->addend_first ? &result : &addend, &sum);
    out->a_scale = binary.a_scale;
    out->b_scale = binary.b_scale;
    out->sum_offset = binary.offset;
}

nn_cuda_finish nn_byte_finish(const nn_node_view *node, const nn_byte_product *product) {
    const nn_requant requant = requant_of(node, product);
    nn_cuda_finish out = {.type = requant.type,
                          .divides = requant.divides,
                          .activation = requant.activation,
                          .y_scale = requant.y_scale};
    if (nn_type_is_8bit(requant.type)) set_rounding(&requant, &out);
    if (product->inputs.has_sum) set_sum(node, &out);
    return out;
}

/* ---- numbers ---- */

/* Bytes of an array of numbers; each begins where the one before it ends. */
static size_t array_bytes(const nn_byte_product *product) {
    return ((size_t)product->columns * sizeof(int32_t) + 15) / 16 * 16;
}

enum { START, MULTIPLIER, OFFSET, NUMBERS };

static void *array_at(const nn_byte_product *product, const void *numbers, int index) {
    return (char *)numbers + NN_CUDA_PADDING_BYTES + (size_t)index * array_bytes(product);
}

/* The sum of w - w_zero of a column, modulo 2^32. */
static uint32_t sum_of(const nn_node_view *node, const nn_byte_product *product, int64_t column) {
    const nn_u8s8_shape *shape = &product->shape;
    const nn_tensor *w = nn_int8_constant(node, product->inputs.w);
    const int64_t group = column / shape->out_channels, own = column % shape->out_channels;
    const int64_t begin = group * shape->w_group + own * shape->w_out;
    const int32_t zero =
        nn_int8_weight_zero(nn_int8_constant(node, product->inputs.w_zero), column);
    uint32_t sum = 0;
    for (int64_t tap = 0; tap < product->taps; tap++)
        for (int64_t k = 0; k < shape->in_channels; k++)
            sum += (uint32_t)(nn_quant_load(w->data, w->type,
                                            begin + tap * shape->w_tap + k * shape->w_in) -
                              zero);
    return sum;
}

static nn_status pack_sums(const nn_node_view *node, const void *argument, void *out) {
    const nn_byte_product *product = argument;
    int32_t *start = array_at(product, out, START);
    for (int64_t i = 0; i < product->columns; i++) start[i] = (int32_t)sum_of(node, product, i);
    return NN_OK;
}

static nn_status pack_numbers(const nn_node_view *node, const void *argument, void *out) {
    const nn_byte_product *product = argument;
    const nn_int8_inputs *inputs = &product->inputs;
    const nn_tensor *x_scale = nn_int8_constant(node, inputs->x_scale);
    const nn_tensor *x_zero = nn_int8_constant(node, inputs->x_zero);
    const nn_tensor *w_scale = nn_int8_constant(node, inputs->w_scale);
    const nn_tensor *bias = nn_int8_constant(node, inputs->bias);
    const nn_requant requant = requant_of(node, product);
    const int32_t zero = x_zero != NULL ? nn_quant_load(x_zero->data, x_zero->type, 0) : 0;
    int32_t *start = array_at(product, out, START);
    float *multiplier = array_at(product, out, MULTIPLIER), *offset = NULL;
    float scale = product->shape.scale;
    if (x_scale != NULL) scale *= nn_quant_load_float(x_scale->data, x_scale->type, 0);
    if (bias != NULL && bias->type == NNOPT_FLOAT) offset = array_at(product, out, OFFSET);
    memset(out, zero, NN_CUDA_PADDING_BYTES);
    for (int64_t i = 0; i < product->columns; i++) {
        uint32_t first = 0u - (uint32_t)zero * sum_of(node, product, i);
        if (bias != NULL && offset == NULL) first += (uint32_t)((const int32_t *)bias->data)[i];
        start[i] = (int32_t)first;
        if (w_scale != NULL)
            multiplier[i] =
                nn_requant_multiplier(&requant, scale,
                                      nn_quant_load_float(w_scale->data, w_scale->type,
                                                          nn_tensor_count(w_scale) == 1 ? 0 : i));
        if (offset != NULL) offset[i] = nn_requant_offset(&requant, ((const float *)bias->data)[i]);
    }
    return NN_OK;
}

static uint32_t bit_of(const nn_node_view *node, int index) {
    return index >= 0 && nn_view_in(node, index) != NULL ? 1u << index : 0;
}

nn_status nn_byte_numbers_prepare(const nn_node_view *node, const nn_byte_product *product,
                                  nn_prepare *prepare, nn_byte_numbers *out) {
    const nn_int8_inputs *inputs = &product->inputs;
    const nn_requant requant = requant_of(node, product);
    const size_t bytes = NN_CUDA_PADDING_BYTES + NUMBERS * array_bytes(product);
    const uint32_t weights = nn_int8_packed_inputs(node, inputs);
    const uint32_t y = bit_of(node, inputs->y_scale) | bit_of(node, inputs->y_zero);
    uint32_t known = weights | y;
    char variant[96];
    *out = (nn_byte_numbers){
        .are_constant = nn_int8_has_constant_parameters(node, inputs),
        .y_scale = requant.y_scale,
        .scale = product->shape.scale,
        .divides = requant.type != NNOPT_FLOAT && !requant.divides,
        .has_offset = inputs->bias >= 0 && nn_view_in(node, inputs->bias) != NULL &&
                      node->in[inputs->bias]->type == NNOPT_FLOAT,
    };
    nn_prepare_read(prepare, y);
    for (int i = NN_QCONV_ADDEND_SCALE; inputs->has_sum && i < NN_QCONV_ALL_INPUTS; i++)
        nn_prepare_read(prepare, bit_of(node, i));
    if (!out->are_constant) {
        out->workspace_bytes = bytes;
        return nn_prepare_pack(prepare, weights, "byte sums", bytes, pack_sums, product,
                               &out->packed);
    }
    known |= bit_of(node, inputs->x_scale) | bit_of(node, inputs->x_zero) |
             bit_of(node, inputs->w_scale) | bit_of(node, inputs->bias);
    snprintf(variant, sizeof variant, "byte numbers %s %s %.9g", nnopt_type_name(requant.type),
             out->divides ? "in units" : "real", (double)product->shape.scale);
    return nn_prepare_pack(prepare, known, variant, bytes, pack_numbers, product, &out->packed);
}

/* ---- in the run ---- */

nn_cuda_parameter nn_cuda_parameter_of(const nn_call *call, int index) {
    const nn_tensor *tensor = index >= 0 ? nn_call_in(call, index) : NULL;
    if (tensor == NULL) return (nn_cuda_parameter){.data = NULL};
    return (nn_cuda_parameter){tensor->type, nn_tensor_count(tensor), tensor->data};
}

static nn_status fill(const nn_call *call, const nn_byte_product *product,
                      const nn_byte_numbers *numbers) {
    const nn_int8_inputs *inputs = &product->inputs;
    void *to = call->workspace;
    const nn_cuda_numbers arguments = {
        .columns = product->columns,
        .x_scale = nn_cuda_parameter_of(call, inputs->x_scale),
        .x_zero = nn_cuda_parameter_of(call, inputs->x_zero),
        .w_scale = nn_cuda_parameter_of(call, inputs->w_scale),
        .bias = nn_cuda_parameter_of(call, inputs->bias),
        .scale = numbers->scale,
        .divides = numbers->divides,
        .y_scale = numbers->y_scale,
        .w_sums = array_at(product, numbers->packed, START),
        .padding = to,
        .start = array_at(product, to, START),
        .multiplier = array_at(product, to, MULTIPLIER),
        .offset = numbers->has_offset ? array_at(product, to, OFFSET) : NULL,
    };
    return nn_cuda_launched(call, nn_cuda_launch_numbers(&arguments, call->queue->stream));
}

nn_status nn_byte_numbers_set(const nn_call *call, const nn_byte_product *product,
                              const nn_byte_numbers *numbers, nn_cuda_finish *finish,
                              const uint8_t **padding) {
    const void *from = numbers->are_constant ? numbers->packed : call->workspace;
    if (!numbers->are_constant) NN_TRY(fill(call, product, numbers));
    *padding = from;
    finish->start = array_at(product, from, START);
    finish->multiplier = array_at(product, from, MULTIPLIER);
    finish->offset = numbers->has_offset ? array_at(product, from, OFFSET) : NULL;
    if (product->inputs.has_sum) finish->addend = call->in[NN_QCONV_ADDEND]->data;
    return NN_OK;
}
