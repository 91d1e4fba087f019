#include "ops/family/qlinear_convolution.h"

#include "ops/family/axes.h"

const nn_conv_inputs nn_qconv_inputs = {.x = NN_QCONV_X, .w = NN_QCONV_W, .bias = NN_QCONV_BIAS};

nn_status nn_qconv_infer(const nn_node_view *node, nn_type output_type) {
    const nn_fact *w = node->in[NN_QCONV_W];
    int64_t channels = w->rank > 0 ? w->dims[0] : NN_DIM_UNKNOWN;
    NN_TRY(nn_quant_check_8bit(node, NN_QCONV_X));
    NN_TRY(nn_quant_check_8bit(node, NN_QCONV_W));
    NN_TRY(nn_quant_check_parameters(node, NN_QCONV_X, NN_QCONV_X_SCALE, NN_QCONV_X_ZERO,
                                     NN_DIM_UNKNOWN));
    NN_TRY(
        nn_quant_check_parameters(node, NN_QCONV_W, NN_QCONV_W_SCALE, NN_QCONV_W_ZERO, channels));
    NN_TRY(nn_quant_check_parameters(node, -1, NN_QCONV_Y_SCALE, NN_QCONV_Y_ZERO, NN_DIM_UNKNOWN));
    return nn_conv_infer(node, node->attrs, nn_qconv_inputs, output_type);
}

void nn_qconv_cost(const nn_node_view *node, nn_cost *out) {
    nn_conv_cost(node, node->attrs, nn_qconv_inputs, out);
}

nn_status nn_qconv_axes(const nn_node_view *node, nn_axis_relations *out) {
    NN_TRY(nn_conv_axes(node, node->attrs, nn_qconv_inputs, out));
    for (int input = NN_QCONV_W_SCALE; input <= NN_QCONV_W_ZERO; input++) {
        const nn_fact *fact = nn_view_in(node, input);
        if (fact != NULL && fact->rank == 1 && fact->dims[0] != 1)
            NN_TRY(nn_axes_same(node, out, nn_in_axis(input, 0), nn_out_axis(0, 1)));
    }
    return NN_OK;
}

/* Inputs that a sum's numbers come from: scales, each with its zero point behind it. */
enum { SUM_SCALES = 3 };
static const int sum_scales[SUM_SCALES] = {NN_QCONV_Y_SCALE, NN_QCONV_ADDEND_SCALE,
                                           NN_QCONV_SUM_SCALE};

/* From scale and zero point of the convolution's result, the addend and the sum. */
static nn_qbinary make_sum(const nn_qconv_attrs *attrs, nn_type type,
                           const nn_tensor *numbers[SUM_SCALES][2]) {
    nn_quant quants[SUM_SCALES];
    for (int i = 0; i < SUM_SCALES; i++)
        quants[i] = nn_quant_read(numbers[i][0], numbers[i][1], type);
    const bool swap = attrs->addend_first;
    return nn_qbinary_make(NN_QBINARY_ADD, type, &quants[swap ? 1 : 0], &quants[swap ? 0 : 1],
                           &quants[2]);
}

nn_qbinary nn_qconv_sum(const nn_call *call) {
    const nn_tensor *numbers[SUM_SCALES][2];
    for (int i = 0; i < SUM_SCALES; i++) {
        numbers[i][0] = call->in[sum_scales[i]];
        numbers[i][1] = nn_call_in(call, sum_scales[i] + 1);
    }
    return make_sum(call->node->attrs, call->out[0]->type, numbers);
}

bool nn_qconv_constant_sum(const nn_node_view *node, nn_qbinary *out) {
    const nn_tensor *numbers[SUM_SCALES][2];
    for (int i = 0; i < SUM_SCALES; i++)
        for (int j = 0; j < 2; j++) {
            numbers[i][j] = nn_view_constant(node, sum_scales[i] + j);
            if (numbers[i][j] == NULL && (j == 0 || nn_view_in(node, sum_scales[i] + j) != NULL))
                return false;
        }
    *out = make_sum(node->attrs, node->out[0]->type, numbers);
    return true;
}

static void add_reference(const nn_call *call) {
    nn_tensor *y = call->out[0];
    const void *addend = call->in[NN_QCONV_ADDEND]->data;
    const nn_qconv_attrs *attrs = call->node->attrs;
    nn_qbinary sum = nn_qconv_sum(call);
    nn_qbinary_row_reference(&sum, attrs->addend_first ? addend : y->data, 1,
                             attrs->addend_first ? y->data : addend, 1, y->data,
                             nn_tensor_count(y));
}

nn_status nn_qconv_run_reference(const nn_call *call) {
    const nn_tensor *bias = nn_call_in(call, NN_QCONV_BIAS);
    const nn_tensor *w_scale = call->in[NN_QCONV_W_SCALE];
    bool has_float_bias = bias != NULL && bias->type == NNOPT_FLOAT;
    nn_integer_conv conv = {
        .geometry = nn_conv_geometry_of(call->node, call->node->attrs, nn_qconv_inputs),
        .x = call->in[NN_QCONV_X],
        .w = call->in[NN_QCONV_W],
        .x_zero = nn_call_in(call, NN_QCONV_X_ZERO),
        .w_zero = nn_call_in(call, NN_QCONV_W_ZERO),
        .bias = bias != NULL && !has_float_bias ? bias->data : NULL,
    };
    const nn_conv_geometry *g = &conv.geometry;
    nn_tensor *y = call->out[0];
    nn_requant requant =
        nn_requant_make(call->node->epilogue.before, y->type, nn_call_in(call, NN_QCONV_Y_SCALE),
                        nn_call_in(call, NN_QCONV_Y_ZERO));
    float x_scale = *(const float *)call->in[NN_QCONV_X_SCALE]->data;
    const float *scales = w_scale->data;
    bool per_channel = nn_tensor_count(w_scale) > 1;
    int64_t index = 0;
    for (int64_t n = 0; n < g->batch; n++)
        for (int64_t c = 0; c < g->out_channels; c++) {
            float multiplier =
                nn_requant_multiplier(&requant, x_scale, scales[per_channel ? c : 0]);
            float offset =
                has_float_bias ? nn_requant_offset(&requant, ((const float *)bias->data)[c]) : 0;
            for (int64_t i = 0; i < g->out_pixels; i++)
                nn_requant_store(&requant, y->data, index++, nn_integer_conv_sum(&conv, n, c, i),
                                 multiplier, offset);
        }
    if (nn_qconv_has_sum(call->node)) add_reference(call);
    return NN_OK;
}
